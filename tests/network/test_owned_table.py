"""A table that is the socket's own, and gone with it."""

from __future__ import annotations

import pytest

from skerry.linux import netns, nft
from skerry.linux.owned_table import keep_translating
from tests.network.lab import Lab, sh

pytestmark = [pytest.mark.engine, pytest.mark.timeout(30)]


def test_it_outlives_a_flush_and_ends_with_its_socket(lab: Lab) -> None:
    def play() -> None:
        owner = keep_translating("kept")
        with pytest.raises(OSError):  # one of that name is there, and another's
            keep_translating("kept")
        sh(f"ip netns exec {lab.machine} nft flush ruleset")
        assert nft.has_chain("kept", "prerouting")
        assert not nft.has_chain("kept", "elsewhere")
        owner.close()
        assert not nft.has_chain("kept", "prerouting")

    netns.inside(netns.RUN_NETNS / lab.machine, play)
