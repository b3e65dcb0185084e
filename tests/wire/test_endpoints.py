"""What a service shows of where it is reached, beside a genuine Swarm."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.world import World, wait_until
from tests.wire.swarm import ask

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SPECS: list[dict[str, Any]] = [
    {"Networks": ["host"], "EndpointSpec": {"Mode": "vip"}},
    {"Networks": ["host"], "EndpointSpec": {"Mode": "dnsrr"}},
    {"Networks": ["host"]},
    {"Networks": [], "EndpointSpec": {"Mode": "vip"}},
    {"Networks": ["app"]},
]


def until_allocated(socket: Path, path: str, *, with_address: bool) -> None:
    """A swarm answers before it gives addresses out."""

    def allocated() -> bool:
        endpoint = ask(socket, "GET", path)["Endpoint"]
        return "Addr" in str(endpoint) if with_address else endpoint != {}

    wait_until(allocated, f"{path} is allocated")


@pytest.mark.slow
@pytest.mark.case("F18")
def test_the_endpoint_of_a_service_is_shown_as_by_a_swarm(world: World, genuine_swarm: Path) -> None:
    def shown(socket: Path) -> list[Any]:
        network = ask(socket, "POST", "/networks/create", {"Name": "app", "Driver": "overlay"})["Id"]
        found = []
        for number, fields in enumerate(SPECS):
            networks = [{"Target": name} for name in fields["Networks"]]
            template = {"ContainerSpec": {"Image": "box:1"}, "Networks": networks}
            spec = {"Name": f"s{number}", "TaskTemplate": template, "Mode": {"Replicated": {"Replicas": 0}}}
            if "EndpointSpec" in fields:
                spec["EndpointSpec"] = fields["EndpointSpec"]
            ask(socket, "POST", "/services/create", spec)
            until_allocated(socket, f"/services/s{number}", with_address="app" in fields["Networks"])
            text = json.dumps(ask(socket, "GET", f"/services/s{number}")["Endpoint"])
            found.append(re.sub(r"10\.0\.\d+\.\d+", "ADDRESS", re.sub(r"[0-9a-z]{25}", "ID", text)))
            ask(socket, "DELETE", f"/services/s{number}")
        ask(socket, "DELETE", f"/networks/{network}")
        return found

    assert shown(world.socket) == shown(genuine_swarm)
