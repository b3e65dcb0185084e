"""Two tasks, of which one is drained: an old and a new one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from skerry.model.traffic import Backend, PublishedPort, Traffic, VirtualService
from tests.network.lab import RED, Lab

VIP = "10.0.1.130"
OLD = Backend("old", "10.0.1.2")
NEW = Backend("new", "10.0.1.3")


def traffic(*backends: Backend) -> Traffic:
    """All of it leads to these."""
    return Traffic(
        (RED,),
        (VirtualService("s", "red", VIP, backends),),
        (PublishedPort("tcp", 80, 8080, "s", VIP, backends),),
    )


@dataclass
class Pair:
    """An old and a new task, and a container that only asks."""

    lab: Lab
    pid: int
    client: str


@pytest.fixture
def pair(lab: Lab) -> Pair:
    """Both serve."""
    lab.bridge(RED)
    client = lab.container("client", RED, "10.0.1.9")
    pid = lab.serve(lab.container("old", RED, OLD.address), "old")
    lab.serve(lab.container("new", RED, NEW.address), "new")
    return Pair(lab, pid, client)
