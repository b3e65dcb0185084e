"""skerryd's end of the control socket, where no gate comes up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skerry.model.errors import NetworkError
from skerry.network import gatelink
from skerry.network.gatelink import GateLink


async def test_a_gate_that_does_not_start_is_reported_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_at_once = tmp_path / "python"
    fails_at_once.write_text("#!/bin/sh\necho 'no room here' >&2\n")
    fails_at_once.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fails_at_once))
    monkeypatch.setattr(gatelink, "START_S", 1.0)

    link = GateLink(tmp_path, tmp_path / "red", lambda _: None, lambda _: None)
    with pytest.raises(NetworkError, match=r"in 1 s; its last words: no room here \(see .*/gate\.log\)"):
        await link.start()
