"""The control socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

from skerry.gate.control import Control
from skerry.gate.message import Desired, Status, encode, read_status
from skerry.model.traffic import Name, Traffic


class Recorder:
    def __init__(self) -> None:
        self.desired = Desired(0, Traffic())

    async def apply(self, desired: Desired) -> None:
        self.desired = desired

    def status(self) -> Status:
        return Status(pid=1, namespace=2, serial=self.desired.serial, refused={"tcp/80": "taken"})


def test_says_what_is_answers_what_is_applied_and_tells_of_changes(tmp_path: Path) -> None:
    async def scene() -> None:
        recorder = Recorder()
        control = Control(tmp_path / "gate.sock", recorder.apply, recorder.status)
        await control.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "gate.sock")
        assert read_status(await reader.readline()).serial == 0
        names = tuple(Name("red", f"name{number}", ("10.0.1.2",)) for number in range(5000))
        writer.write(encode(Desired(7, Traffic(names=names))))
        assert read_status(await reader.readline()) == Status(1, 2, 7, (), {"tcp/80": "taken"})
        assert recorder.desired.traffic.names == names
        control.tell()
        assert read_status(await reader.readline()).serial == 7
        writer.close()
        control.stop()
        assert await reader.read() == b""

    asyncio.run(scene())
    assert not (tmp_path / "gate.sock").exists()


def test_nonsense_ends_only_its_own_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        recorder = Recorder()
        control = Control(tmp_path / "gate.sock", recorder.apply, recorder.status)
        await control.start()
        for _ in range(2):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "gate.sock")
            await reader.readline()
            writer.write(b"{nonsense\n")
            assert await reader.read() == b""
            writer.close()
        control.stop()

    asyncio.run(scene())
