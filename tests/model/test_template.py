"""Templates: what Go's text/template makes of them, and its words where it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.model.go import fmt
from skerry.model.objects import Node, Task, TaskStatus
from skerry.model.states import TaskState
from skerry.model.template import (
    TRIAL,
    TemplateError,
    check_container,
    context_of,
    expand,
    expand_container,
)
from tests.model.swarms_templates import FILLED, LABELS, NODE_ID, REFUSED, SERVICE_ID, TASK_ID
from tests.support.specs import of_task

NODE = Node("n1", "vm", {}, description={"Platform": {"Architecture": "x86_64", "OS": "linux"}})


def task(slot: int = 2) -> Task:
    status = TaskStatus(TaskState.ASSIGNED, 0, "")
    return Task(
        "t1",
        "s1",
        "web",
        "n1",
        of_task({}),
        None,
        1,
        TaskState.RUNNING,
        status,
        slot=slot,
        labels={"a": "b", "n": ""},
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain } { text", "plain } { text"),
        ("{{.Service.Name}}-{{.Task.Slot}}-{{.Node.Hostname}}", "web-2-vm"),
        ("{{ .Service.ID }} {{.Task.ID}} {{.Task.Name}} {{.Node.ID}}", "s1 t1 web.2.t1 n1"),
        ("{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}", "linux/x86_64"),
        ('{{index .Service.Labels "a"}}', "b"),
        ('{{index .Service.Labels "missing"}}', ""),
        ("{{.Service.Labels}}", "map[a:b n:]"),
        ("{{.Node.Platform}}", "{x86_64 linux}"),
        ('{{join "," .Task.ID "x" .Task.Slot}}', "t1,x,2"),
        ('{{printf "%s-%05d %q%%" .Task.ID 42 "w"}}', 't1-00042 "w"%'),
        ('{{printf "%d" "x"}}', "%!d(string=x)"),
        ('{{printf "%v %t" 1 true}}', "1 true"),
        ('{{.Task.ID | printf "%s/%s" "a"}}', "a/t1"),
        ('{{if eq .Task.Slot "1" "2"}}yes{{else}}no{{end}}', "yes"),
        ('{{if eq .Task.Slot "1"}}one{{else if eq .Task.Slot "2"}}two{{else}}many{{end}}!', "two!"),
        ('{{if index .Service.Labels "n"}}set{{end}}', ""),
        ('{{if and .Task.ID (not (eq .Service.Name "db"))}}x{{end}}', "x"),
        ('{{if or (index .Service.Labels "n") .Task.ID}}x{{end}}', "x"),
        ("a {{- .Task.ID -}} b", "at1b"),
        ("a{{/* no word */}}b", "ab"),
        ("{{len .Service.Name}} {{lt 1 2}} {{ge 1 2}} {{true}}", "3 true false true"),
        ('{{`raw "x"`}}{{"tab\\t"}}', 'raw "x"tab\t'),
        ('{{print 1 2 "x" 3}}', "1 2x3"),
        ('{{"}}"}}', "}}"),
    ],
)
def test_a_template_is_filled_as_go_would(text: str, filled: str) -> None:
    assert expand(text, context_of(task(), NODE)) == filled


def test_the_slot_of_a_global_task_is_its_node() -> None:
    assert expand("{{.Task.Slot}} {{.Task.Name}}", context_of(task(slot=0), NODE)) == "n1 web.n1.t1"


@pytest.mark.case("F16")
@pytest.mark.parametrize(("text", "answer"), FILLED)
def test_a_template_is_filled_as_a_genuine_swarm_filled_it(text: str, answer: str) -> None:
    node = replace(NODE, id=NODE_ID)
    web = replace(task(slot=1), id=TASK_ID, service_id=SERVICE_ID, node_id=NODE_ID, labels=LABELS)
    assert expand(text, context_of(web, node)) == answer


@pytest.mark.case("F18")
@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_template_is_refused_in_the_words_of_a_genuine_swarm(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        expand(text, TRIAL)
    assert fmt.sprintf(refused.value.message) == words


@pytest.mark.case("F16")
@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('{{with ""}}a{{else with "q"}}{{.}}{{end}}', "q"),
        ("{{range 3}}<{{.}}>{{end}}", "<0><1><2>"),
        ("{{range $i := 2}}{{$i}}{{else}}none{{end}}", "01"),
        ("{{range 0}}x{{else}}none{{end}}", "none"),
    ],
)
def test_what_engines_of_today_know_beside_that(text: str, filled: str) -> None:
    assert expand(text, TRIAL) == filled


def nested(depth: int) -> str:
    return "{{" + "(" * depth + "1" + ")" * depth + "}}"


@pytest.mark.case("C5")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{{printf "%9999999s%9999999s" "x" "y"}}', "makes more than 16 MiB of text"),
        ('{{printf "%.9999999d" 1 | printf "%s%s%s" "a" "b"}}', "makes more than 16 MiB of text"),
        ('{{range 1000}}{{printf "%1000000s" "x"}}{{end}}', "makes more than 16 MiB of text"),
        ('{{$x := printf "%9000000s" "x"}}{{$x}}{{$x}}', "makes more than 16 MiB of text"),
        ('{{$x := printf "%5000000s" "x"}}{{range 99}}{{if lt $x $x}}{{end}}{{end}}', "MiB of text"),
        ("{{range 1000000000000}}x{{end}}", "takes more than 50000 steps"),
        ("{{range 1000}}{{range 1000}}{{end}}{{end}}", "takes more than 50000 steps"),
        ("{{1}}" * 60_000, "takes more than 50000 steps"),
        ('{{define "r"}}{{template "r"}}{{end}}{{template "r"}}', "exceeded maximum template depth"),
        ('{{template "expansion"}}', "exceeded maximum template depth"),
        ('{{define "e"}}{{.Expand "{{template `x`}}"}}{{end}}{{template "e" .}}', "not defined"),
        (
            "{{define `e`}}{{$.Expand `{{.}}`}}{{template `e` .}}{{end}}{{template `e` .}}",
            "maximum template depth",
        ),
        (nested(3_000), "exceeded maximum template depth"),
        ("{{if 1}}" * 3_000 + "{{end}}" * 3_000, "exceeded maximum template depth"),
        ("{{if 0}}" + "{{else if 0}}" * 3_000 + "{{end}}", "exceeded maximum template depth"),
        ("{{" + "9" * 5_000 + "}}", "illegal number syntax"),
        ("{{0x" + "f" * 5_000 + "}}", "illegal number syntax"),
        ("{{1." + "9" * 5_000 + "e" + "9" * 5_000 + "}}", "illegal number syntax"),
        ("{{" + "x" * 100_000 + "}}", "not defined"),
    ],
)
def test_no_template_is_without_a_bound(text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        expand(text, TRIAL)


@pytest.mark.case("C5")
@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('{{printf "%1500000000s" "x"}}', "%!(NOVERB)%!(EXTRA string=x)"),
        ('{{printf "%*s" 1500000000 "x"}}', "%!(BADWIDTH)x"),
        ('{{printf "%.*s" 1500000000 "x"}}', "%!(BADPREC)x"),
        ('{{printf "%[99999999999]d" 1}}', "%!d(BADINDEX)"),
        ('{{printf "%c" 99999999999}}', "\N{REPLACEMENT CHARACTER}"),
        ('{{printf "%x" 9223372036854775807}}', "7fffffffffffffff"),
        (nested(30), "1"),
    ],
)
def test_what_is_too_much_for_a_verb_is_told_in_the_text(text: str, filled: str) -> None:
    assert expand(text, TRIAL) == filled


@pytest.mark.case("C5")
def test_all_templates_of_a_container_share_one_bound() -> None:
    spec = {"Env": ['A={{printf "%9000000s" "x"}}', 'B={{printf "%9000000s" "x"}}']}
    with pytest.raises(TemplateError, match="makes more than 16 MiB"):
        check_container(spec)


def test_a_container_spec_is_filled_where_swarm_fills_it() -> None:
    volume = {
        "Labels": {"x": "{{.Task.ID}}"},
        "DriverConfig": {"Name": "local", "Options": {"o": "{{.Node.ID}}"}},
    }
    spec: dict[str, Any] = {
        "Hostname": "{{.Service.Name}}",
        "Args": ["{{.Task.ID}}"],
        "Env": ["A={{.Task.ID}}=x", "{{B}}", "C"],
        "Mounts": [
            {
                "Type": "volume",
                "Source": "v-{{.Task.Slot}}",
                "Target": "/{{.Task.ID}}",
                "VolumeOptions": volume,
            }
        ],
    }
    filled = expand_container(spec, context_of(task(), NODE))
    assert filled["Hostname"] == "web"
    assert filled["Args"] == ["{{.Task.ID}}"]
    assert filled["Env"] == ["A=t1=x", "{{B}}", "C"]
    mount = filled["Mounts"][0]
    assert (mount["Source"], mount["Target"]) == ("v-2", "/t1")
    assert mount["VolumeOptions"]["Labels"] == {"x": "t1"}
    assert mount["VolumeOptions"]["DriverConfig"]["Options"] == {"o": "n1"}
    assert spec["Hostname"] == "{{.Service.Name}}"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"Env": ["A={{.Nope}}"]},
            'expanding env failed: expanding env "A={{.Nope}}": template: expansion:1:2: executing '
            '"expansion" at <.Nope>: can\'t evaluate field Nope in type *template.Context',
        ),
        ({"Hostname": "{{.Task"}, "expanding hostname failed: template: expansion:1: unclosed action"),
        ({"Mounts": [{"Source": "{{x}}"}]}, 'expanding mounts failed: expanding mount source "{{x}}": '),
    ],
)
def test_a_services_mistakes_are_refused_at_once(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        check_container(spec)
    assert refused.value.message.startswith(words)
