"""Wrong answers, each of which the comparison must show: a reviewer's proof that it looks."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.transcripts.compare import differences
from tests.transcripts.replay import Answer
from tests.transcripts.transcript import Exchange


@dataclass(frozen=True)
class Wrong:
    """What is wrong, in which answer (method and target without its version), and how it is made so."""

    what: str
    request: str
    change: Callable[[Exchange], Any]


def _told(change: Callable[[Any], Any]) -> Callable[[Exchange], Any]:
    return lambda answer: change(answer.told)


def _status(number: int) -> Callable[[Exchange], Any]:
    return lambda answer: setattr(answer, "status", number)


def _kind(answer: Exchange) -> None:
    answer.kind = "application/json; charset=utf-8"


def _null(answer: Exchange) -> None:
    answer.told = None


def _container(spec: Any) -> Any:
    return spec["Spec"]["TaskTemplate"]["ContainerSpec"]


def _runc(version: Any) -> Any:
    return next(one for one in version["Components"] if one["Name"] == "runc")


def _described(change: Callable[[Any], Any]) -> Callable[[Exchange], Any]:
    return lambda answer: change(answer.told["Description"])


NODE = r"GET /nodes/<id:\d+>$"
SERVICE = r"GET /services/web\?insertDefaults=true"
TASKS = r'GET /tasks\?filters={"service":{"<id:\d+>":true}}'
FULL = r"GET /services/full\?insertDefaults=true"
LOGS = r"GET /services/once/logs\?details=1"
EVENTS = r"GET /events\?since"

WRONG = [
    Wrong("a field is missing", SERVICE, _told(lambda one: one.pop("Endpoint"))),
    Wrong("a field too many", r"GET /secrets/word", _told(lambda one: one["Spec"].update(Data="eA=="))),
    Wrong("404 where Swarm says 400", r"POST /services/create", _status(404)),
    Wrong("204 where Swarm says 200", r"DELETE /services/web", _status(204)),
    Wrong("200 where Swarm says 204", r"DELETE /secrets/other", _status(200)),
    Wrong("other words", r"POST /configs/create", _told(lambda one: one.update(message="exists"))),
    Wrong("a charset", r"GET /nodes$", _kind),
    Wrong("null for an empty list", r"GET /services\?filters=.*a=c", _null),
    Wrong("seconds for nanoseconds", FULL, _told(lambda one: _container(one).update(StopGracePeriod=1))),
    Wrong("a number as text", FULL, _told(lambda one: one["Spec"]["TaskTemplate"].update(ForceUpdate="0"))),
    Wrong("a default that is not there", SERVICE, _told(lambda one: one["Spec"].pop("UpdateConfig"))),
    Wrong("a label is missing", FULL, _told(lambda one: one["Spec"]["Labels"].clear())),
    Wrong(
        "a label of the task's container",
        r"GET /containers/json\?filters=.*=web",
        _told(lambda rows: rows[0]["Labels"].pop("com.docker.swarm.task.name")),
    ),
    Wrong("another ID", SERVICE, _told(lambda one: one.update(ID="0" * 25))),
    Wrong("another version", SERVICE, _told(lambda one: one["Version"].update(Index=10**6))),
    Wrong("a task that fails", TASKS, _told(lambda rows: rows[0]["Status"].update(State="failed"))),
    Wrong("a task too many", TASKS, _told(lambda rows: rows.append(copy.deepcopy(rows[0])))),
    Wrong("events in another order", EVENTS, _told(lambda rows: rows.reverse())),
    Wrong("an event without its change", EVENTS, _told(lambda rows: rows[1]["Actor"]["Attributes"].clear())),
    Wrong("another kernel", r"GET /info$", _told(lambda one: one.update(KernelVersion="0.1"))),
    Wrong("an engine's fact is missing", r"GET /info$", _told(lambda one: one.pop("SecurityOptions"))),
    Wrong("another version of runc", r"GET /version$", _told(lambda one: _runc(one).update(Version="0.1"))),
    Wrong("another architecture", NODE, _described(lambda one: one["Platform"].update(Architecture="x"))),
    Wrong("other processors", NODE, _described(lambda one: one["Resources"].update(NanoCPUs=1))),
    Wrong("another host", NODE, _described(lambda one: one.update(Hostname="elsewhere"))),
    Wrong("a plugin is missing", NODE, _described(lambda one: one["Engine"]["Plugins"].pop())),
    Wrong("another driver", r"GET /containers/plain/json", _told(lambda one: one.update(Driver="aufs"))),
    Wrong("stderr for stdout", LOGS, _told(lambda lines: lines[0].__setitem__(0, 2))),
]


def shown(answers: Iterable[Answer]) -> list[str]:
    """Which of the wrong answers show as a difference, by their names."""
    asked = list(answers)
    return [wrong.what for wrong in WRONG if _shows(wrong, asked)]


def _shows(wrong: Wrong, answers: list[Answer]) -> bool:
    right = next((one for one in answers if re.search(wrong.request, _request(one.wanted))), None)
    if right is None:
        return False
    answer = copy.deepcopy(right.found)
    wrong.change(answer)
    usual, _ = differences(right.wanted, right.found, right.bindings)
    return differences(right.wanted, answer, right.bindings)[0] != usual


def _request(asked: Exchange) -> str:
    """Method and target, in whatever version it was asked."""
    return f"{asked.method} {re.sub(r'^/v[0-9.]+', '', asked.target)}"
