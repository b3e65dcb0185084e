"""How a service at home is stopped without being removed."""

from __future__ import annotations

import pytest

from skerry.cli.outgrow.carry import NOWHERE, stopped
from skerry.model.labels import STOPPED
from skerry.model.objects import Raw
from tests.outgrow.stack import service


def test_replicas_go_to_zero() -> None:
    spec = service(labels={"a": "b"})["Spec"]
    found = stopped(spec)
    assert found["Mode"] == {"Replicated": {"Replicas": 0}}
    assert found["Labels"] == {**spec["Labels"], STOPPED: "true"}
    assert found["TaskTemplate"] == spec["TaskTemplate"]
    assert STOPPED not in spec["Labels"]


@pytest.mark.parametrize("mode", [{"Global": {}}, {"GlobalJob": {}}, {"ReplicatedJob": {"MaxConcurrent": 1}}])
def test_others_find_no_node(mode: Raw) -> None:
    placement = {"Constraints": ["node.role == manager"]}
    spec = service(Mode=mode, template={"Placement": placement})["Spec"]
    found = stopped(spec)
    assert found["Mode"] == mode
    assert found["TaskTemplate"]["Placement"]["Constraints"] == ["node.role == manager", NOWHERE]
