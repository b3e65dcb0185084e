"""Which of two daemons may run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from skerry import instance
from skerry.instance import only_one
from skerry.model.errors import SkerryError
from skerry.model.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(str(tmp_path / "run"), str(tmp_path / "data"))


def test_who_only_looks_keeps_nobody_from_starting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "PATIENCE_S", 60.0)
    Path(settings.run_dir).mkdir()
    with Path(settings.pid_file).open("w") as file:
        file.write("1")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)

        def unlock(_: float) -> None:
            fcntl.flock(file, fcntl.LOCK_UN)

        monkeypatch.setattr("skerry.instance.time.sleep", unlock)
        with only_one(settings):
            assert Path(settings.pid_file).read_text() == str(os.getpid())


def test_a_second_one_is_told_who_runs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "PATIENCE_S", 0.1)
    told = rf"is already running \(process {os.getpid()},"
    with only_one(settings), pytest.raises(SkerryError, match=told), only_one(settings):
        pass
    with only_one(settings):
        pass
