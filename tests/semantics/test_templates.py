"""Templates on real engines: what a genuine Swarm fills and refuses, skerry does too, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.world import World
from tests.model.swarms_templates import FILLED, LABELS, REFUSED
from tests.semantics.swarm_api import SwarmApi

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

PAYLOAD = [
    '{{env "A"}}|{{env "NONE"}}|{{env "B"}}',
    '{{secret "s"}}|{{config "plain"}}',
    "{{.Service.Name}} {{.Task.Slot}} {{.Context.Service.Name}}",
    '{{with env "A"}}{{.}}{{end}}{{range $k, $v := .Service.Labels}}{{$k}}{{end}}',
    '{{.Expand "{{env `A`}}"}}|{{printf "%T" .}}',
    '{{define "x"}}<{{.}}>{{end}}{{template "x" (secret "s")}}',
    '{{- /* nothing */ -}}{{html (config "plain")}}',
]
FAULTS = ["{{.Nope}}", '{{secret "none"}}', '{{config "none"}}', "{{env}}", '{{env "A" 1}}', "{{", "{{nope}}"]


def outcomes(api: SwarmApi) -> list[str]:
    """The variables of a task whose service has all templates that can be filled, without what is drawn."""
    variables = [f"T{number}={text}" for number, (text, _) in enumerate(FILLED)]
    service = api.create("web", container={"Env": variables}, Labels=LABELS)
    task = api.task(service)
    drawn = {service: "SERVICE", task["ID"]: "TASK", task["NodeID"]: "NODE", api.hostname: "HOST"}
    environment = dict(line.split("=", 1) for line in api.container(task)["Config"]["Env"])
    api.remove(service)
    filled = []
    for number in range(len(FILLED)):
        value = environment[f"T{number}"]
        for text, word in drawn.items():
            value = value.replace(text, word)
        filled.append(value)
    return filled


def refusals(api: SwarmApi) -> list[str]:
    return [api.refusal("refused", container={"Env": [f"A={text}"]}) for text, _ in REFUSED]


def payload(api: SwarmApi) -> str:
    """What a task finds in a config that is a template."""
    files = api.files("\n".join(PAYLOAD))
    service = api.create(
        "web",
        container={"Env": ["A={{.Task.Slot}}x", "B=two"], "Args": ["cat", "/c"], **files},
        Labels=LABELS,
        task={"RestartPolicy": {"Condition": "none"}},
    )
    task = api.task(service, state="complete")
    text = api.logs(task)
    api.remove(service)
    return text


def faults(api: SwarmApi) -> list[str]:
    """Why tasks with a template that cannot be filled did not start, without what the engine says around."""
    reasons = []
    for number, text in enumerate(FAULTS):
        files = api.files(text, f"faulty{number}")
        service = api.create(
            f"faulty{number}", container=files, task={"RestartPolicy": {"Condition": "none"}}
        )
        error: str = api.task(service, error=True)["Status"]["Err"]
        reasons.append(error[error.index("template: ") :])
        api.remove(service)
    return reasons


@pytest.fixture
def both(world: World, genuine_swarm: Path) -> tuple[SwarmApi, SwarmApi]:
    return SwarmApi(world.socket), SwarmApi(genuine_swarm)


@pytest.mark.case("F16")
@pytest.mark.slow
def test_a_genuine_swarm_fills_the_same(both: tuple[SwarmApi, SwarmApi]) -> None:
    ours, theirs = (outcomes(api) for api in both)
    assert dict(zip([text for text, _ in FILLED], ours, strict=True)) == dict(
        zip([text for text, _ in FILLED], theirs, strict=True)
    )


@pytest.mark.case("F18")
@pytest.mark.slow
def test_a_genuine_swarm_refuses_the_same(both: tuple[SwarmApi, SwarmApi]) -> None:
    ours, theirs = (refusals(api) for api in both)
    assert ours == theirs


@pytest.mark.case("F16")
@pytest.mark.slow
def test_a_genuine_swarm_gives_the_same_config(both: tuple[SwarmApi, SwarmApi]) -> None:
    ours, theirs = (payload(api) for api in both)
    assert ours == theirs
    assert ours.startswith("1x||two\nhidden|plain <text>\n")


@pytest.mark.case("F18")
@pytest.mark.slow
def test_a_genuine_swarm_gives_the_same_reasons(both: tuple[SwarmApi, SwarmApi]) -> None:
    ours, theirs = (faults(api) for api in both)
    assert ours == theirs
