"""A spec as a value."""

from __future__ import annotations

import pytest

from skerry.model.objects import Raw
from skerry.model.spec import Spec, template_of
from skerry.model.specs import ServiceSpec

CONTAINERS: list[tuple[Raw, str]] = [
    ({"Privileges": {"Seccomp": 5}}, "$.TaskTemplate.ContainerSpec.Privileges.Seccomp"),
    ({"Mounts": ["x", {"Type": "bind"}]}, "$.TaskTemplate.ContainerSpec.Mounts[0]"),
    ({"Hosts": [5]}, "$.TaskTemplate.ContainerSpec.Hosts[0]"),
    ({"Labels": {"a": 5}}, "$.TaskTemplate.ContainerSpec.Labels[...]"),
    ({"Env": "x", "Args": 5}, "$.TaskTemplate.ContainerSpec."),
]


@pytest.mark.parametrize(("container", "place"), CONTAINERS, ids=[place for _, place in CONTAINERS])
def test_what_an_old_row_has_wrong_costs_no_other_field(container: Raw, place: str) -> None:
    """A service whose replicas could not be read any more would lose its tasks."""
    raw = {
        "Mode": {"Replicated": {"Replicas": 7}},
        "TaskTemplate": {"ContainerSpec": {"Image": "box:1", **container}},
    }
    spec = Spec(ServiceSpec, raw)
    assert spec.typed.mode.replicated is not None
    assert spec.typed.mode.replicated.replicas == 7
    assert spec.typed.task_template.container_spec.image == "box:1"
    assert place in spec.fault
    assert template_of(spec).fault == spec.fault
    assert spec.raw == raw


def test_a_spec_without_a_fault_has_none() -> None:
    assert Spec(ServiceSpec, {"Name": "web", "TaskTemplate": None}).fault == ""
