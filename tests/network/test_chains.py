"""Which chains of the engine's are gone, by its own words."""

from __future__ import annotations

import pytest

from skerry.network.chains import missing

WAIT = "iptables failed: iptables --wait"
GONE = "iptables: No chain/target/match by that name.\n (exit status 1))"


@pytest.mark.parametrize(
    ("words", "chains"),
    [
        (
            f"Failed to Setup IP tables: Unable to enable SKIP DNAT rule:  ({WAIT} -t nat "
            f"-I DOCKER -i sk-blt6nw2d0dno -j RETURN: {GONE}",
            [("nat", "DOCKER")],
        ),
        (
            f"unable to insert rule: ({WAIT} -t filter -I DOCKER-ISOLATION-STAGE-1 -i sk-1 "
            f"! -o sk-1 -j DOCKER-ISOLATION-STAGE-2: {GONE}",
            [("filter", "DOCKER-ISOLATION-STAGE-1"), ("filter", "DOCKER-ISOLATION-STAGE-2")],
        ),
        (
            f"Failed to program FILTER chain: {WAIT} -I FORWARD -o sk-1 -j DOCKER: "
            "iptables v1.8.9 (nf_tables): Chain 'DOCKER' does not exist\nTry `iptables -h'",
            [("filter", "DOCKER")],
        ),
        (f"({WAIT} -t nat -I PREROUTING -j OTHER: {GONE}", []),
        (f"({WAIT} -t nat -I DOCKER -j RETURN: iptables: Permission denied", []),
        ("Pool overlaps with other one on this address space", []),
    ],
)
def test_what_the_engine_misses(words: str, chains: list[tuple[str, str]]) -> None:
    assert missing(words) == chains
