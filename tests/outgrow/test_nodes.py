"""What can be moved to, and what the nodes there are called."""

from __future__ import annotations

import pytest

from skerry.cli.outgrow.cluster_nodes import Unsuitable, by_name, check_manager
from skerry.model.objects import Raw


def node(key: str, hostname: str) -> Raw:
    """A node of a swarm."""
    return {"ID": key, "Description": {"Hostname": hostname}}


def test_nodes_that_share_a_hostname_go_by_their_ids() -> None:
    nodes = [node("3", "vm"), node("1", "vm"), node("2", "db")]
    assert list(by_name(nodes)) == ["1", "3", "db"]


@pytest.mark.parametrize(
    ("swarm", "sentence"),
    [
        (
            {"LocalNodeState": "inactive"},
            "m is not in swarm mode: docker swarm init there, or docker swarm join",
        ),
        (
            {
                "LocalNodeState": "active",
                "ControlAvailable": False,
                "RemoteManagers": [{"Addr": "10.0.0.5:2377"}],
            },
            "m is a worker of its swarm: name a manager (of 10.0.0.5:2377)",
        ),
        (
            {"LocalNodeState": "active", "ControlAvailable": False, "RemoteManagers": None},
            "m is a worker of its swarm: name a manager",
        ),
        ({"LocalNodeState": "locked"}, "the swarm of m is locked: docker swarm unlock"),
        ({"LocalNodeState": "error", "Error": "no quorum"}, "the swarm of m is in state error: no quorum"),
        ({"LocalNodeState": "pending", "Error": ""}, "the swarm of m is in state pending: see its log"),
    ],
)
def test_engines_that_speak_for_no_swarm(swarm: Raw, sentence: str) -> None:
    with pytest.raises(Unsuitable) as raised:
        check_manager("m", {"Swarm": swarm})
    assert str(raised.value) == sentence


def test_a_manager_is_fine() -> None:
    check_manager("m", {"Swarm": {"LocalNodeState": "active", "ControlAvailable": True}})
