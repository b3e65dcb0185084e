"""Two specs, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.spec_diff import fields, names_in
from skerry.core.view import View
from skerry.model.declare import Raw
from skerry.model.files import Secret
from skerry.model.specs import CONTENT


def spec(**container: Any) -> Raw:
    """A spec whose container has these fields; `task` and `own` go elsewhere."""
    task, own = container.pop("task", {}), container.pop("own", {})
    return {"Name": "app", "TaskTemplate": {"ContainerSpec": container, **task}, **own}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (spec(Image="a:1"), spec(Image="a:1"), []),
        (spec(Image="a:1"), spec(Image="a:2"), [("ContainerSpec.Image", "a:1", "a:2")]),
        (
            spec(Image="a:1", **{CONTENT: "sha256:1"}),
            spec(Image="a:1", **{CONTENT: "sha256:2"}),
            [("ContainerSpec.Image", "a:1 (sha256:1)", "a:1 (sha256:2)")],
        ),
        (
            spec(Env=["A=1", "B=2", "C=3"]),
            spec(Env=["A=1", "B=3", "D=4"]),
            [
                ("ContainerSpec.Env[B]", "2", "3"),
                ("ContainerSpec.Env[C]", "3", None),
                ("ContainerSpec.Env[D]", None, "4"),
            ],
        ),
        (spec(), spec(Env=["A=1"]), [("ContainerSpec.Env[A]", None, "1")]),
        (spec(Args=["a"]), spec(Args=["b"]), [("ContainerSpec.Args", ["a"], ["b"])]),
        (
            spec(Mounts=[{"Target": "/d", "Source": "x"}]),
            spec(Mounts=[{"Target": "/d", "Source": "y"}]),
            [("ContainerSpec.Mounts[/d].Source", "x", "y")],
        ),
        (
            spec(Configs=[{"ConfigID": "1", "ConfigName": "c", "File": {"Mode": 1}}]),
            spec(Configs=[{"ConfigID": "2", "ConfigName": "c", "File": {"Mode": 2}}]),
            [
                ("ContainerSpec.Configs[c].File.Mode", 1, 2),
                ("ContainerSpec.Configs[c].Version", "net-1", "net-2"),
            ],
        ),
        (
            spec(task={"Networks": [{"Target": "id1"}]}),
            spec(task={"Networks": [{"Target": "id1"}, {"Target": "id2", "Aliases": ["db"]}]}),
            [("Networks[net-id2].Aliases", None, ["db"]), ("Networks[net-id2].Target", None, "net-id2")],
        ),
        (
            spec(own={"Mode": {"Replicated": {"Replicas": 1}}, "Labels": {}}),
            spec(own={"Mode": {"Replicated": {"Replicas": 3}}, "Labels": {"x": "y"}}),
            [("Labels.x", None, "y"), ("Mode.Replicated.Replicas", 1, 3)],
        ),
    ],
)
def test_what_differs(old: Raw, new: Raw, told: list[tuple[str, Any, Any]]) -> None:
    assert fields(old, new, lambda key: f"net-{key}") == told


def test_what_is_gone_is_called_by_its_id_or_not_at_all() -> None:
    old = spec(Secrets=[{"SecretID": "1", "SecretName": "s"}], task={"Networks": [{"Target": "n1"}]})
    new = spec(Secrets=[{"SecretID": "2", "SecretName": "s"}], task={"Networks": [{"Target": "n2"}]})
    view = View().put(Secret("2", "s", {}, b"", number=3))
    assert fields(old, new, names_in(view)) == [
        ("ContainerSpec.Secrets[s].Version", None, "3"),
        ("Networks[n1].Target", "n1", None),
        ("Networks[n2].Target", None, "n2"),
    ]
