"""Templates: what Go's text/template makes of them, and its words where it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.model.objects import Node, Task, TaskStatus
from skerry.model.states import TaskState
from skerry.model.template import (
    TemplateError,
    check,
    check_container,
    context_of,
    expand,
    expand_container,
)

NODE = Node("n1", "vm", {}, description={"Platform": {"Architecture": "x86_64", "OS": "linux"}})


def task(slot: int = 2) -> Task:
    status = TaskStatus(TaskState.ASSIGNED, 0, "")
    return Task(
        "t1", "s1", "web", "n1", {}, None, 1, TaskState.RUNNING, status, slot=slot, labels={"a": "b", "n": ""}
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{{.Nope}}",
            'template: expansion:1:2: executing "expansion" at <.Nope>: '
            "can't evaluate field Nope in type *template.Context",
        ),
        (
            "{{.Service.Labels.k}}",
            'template: expansion:1:10: executing "expansion" at <.Service.Labels.k>: '
            'map has no entry for key "k"',
        ),
        ("{{.Task.ID", "template: expansion:1: unclosed action"),
        ("{{", "template: expansion:1: unclosed action"),
        ("a\n{{nope 1}}", 'template: expansion:2: function "nope" not defined'),
        ("{{end}}", "template: expansion:1: unexpected {{end}}"),
        ("{{else}}", "template: expansion:1: unexpected {{else}}"),
        ("{{if .Task.ID}}", "template: expansion:1: unexpected EOF"),
        ("{{if}}x{{end}}", "template: expansion:1: missing value for command"),
        ('{{"abc}}', "template: expansion:1: unterminated quoted string"),
        ("{{range .Service.Labels}}{{end}}", "template: expansion:1: {{range}} is not supported"),
        ("{{$x}}", "template: expansion:1: variables are not supported"),
        ("{{(.Task.ID}}", "template: expansion:1: unclosed left paren"),
        ("{{.Task.ID | .Task.ID}}", "template: expansion:1: non executable command in pipeline stage 2"),
        ("{{.Task.ID 1}}", "can't give argument to non-function .Task.ID"),
        ('{{eq 1 "a"}}', "error calling eq: incompatible types for comparison"),
        ("{{lt 1}}", "error calling lt"),
    ],
)
def test_a_bad_template_is_refused_in_gos_words(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        check(text)
    assert words in refused.value.message


def test_an_empty_action_is_refused() -> None:
    with pytest.raises(TemplateError, match="missing value for command"):
        check("{{}}")


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
