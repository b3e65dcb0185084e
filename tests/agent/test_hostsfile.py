"""A container's /etc/hosts without its address on `ingress`."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from skerry.agent.hostsfile import name_itself
from tests.core.world import Swarm

TEXT = "127.0.0.1\tlocalhost\n10.0.0.20\tother\n10.0.1.2\tweb\n10.0.0.2\tweb\n"


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ({"net": "10.0.1.2", "in": "10.0.0.2"}, TEXT.replace("10.0.0.2\tweb\n", "")),
        ({"net": "10.0.1.2"}, TEXT),
        ({"in": "10.0.0.2"}, TEXT),
        ({"in": "10.0.0.2", "net": ""}, TEXT),
    ],
    ids=["both", "its own", "ingress alone", "off its own"],
)
@pytest.mark.case("N7")
async def test_the_own_hostname_is_the_own_address(tmp_path: Path, places: dict[str, str], text: str) -> None:
    swarm, file = Swarm(), tmp_path / "hosts"
    swarm.put(replace(swarm.view.networks["net"], id="in", name="ingress", ingress=True))
    file.write_text(TEXT, encoding="utf-8")
    inode = file.stat().st_ino
    await name_itself(swarm.view, places, str(file))
    assert (file.read_text(encoding="utf-8"), file.stat().st_ino) == (text, inode)
