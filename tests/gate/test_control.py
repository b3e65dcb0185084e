"""The control socket."""

from __future__ import annotations

import asyncio
import socket
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


async def test_says_what_is_answers_what_is_applied_and_tells_of_changes(tmp_path: Path) -> None:
    async def scene() -> None:
        recorder = Recorder()
        control = Control(tmp_path / "gate.sock", recorder.apply, recorder.status)
        control.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "gate.sock")
        assert read_status(await reader.readline()).serial == 0
        names = tuple(Name("red", f"name{number}", ("10.0.1.2",)) for number in range(5000))
        writer.write(encode(Desired(7, Traffic(names=names))))
        assert read_status(await reader.readline()) == Status(1, 2, 7, (), {"tcp/80": "taken"})
        assert recorder.desired.traffic.names == names
        control.publish()
        assert read_status(await reader.readline()).serial == 7
        writer.close()
        control.stop()
        assert await reader.read() == b""

    await scene()
    assert not (tmp_path / "gate.sock").exists()


async def test_nonsense_ends_only_its_own_connection(tmp_path: Path) -> None:
    recorder = Recorder()
    control = Control(tmp_path / "gate.sock", recorder.apply, recorder.status)
    control.start()
    for _ in range(2):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "gate.sock")
        await reader.readline()
        writer.write(b"{nonsense\n")
        assert await reader.read() == b""
        writer.close()
    control.stop()


def test_who_comes_while_it_hangs_up_is_not_left_waiting(tmp_path: Path) -> None:
    """At whatever step of being accepted: a skerryd that waits for the former gate's word never asks the
    next one."""

    async def ends_after(steps: int) -> bytes:
        recorder = Recorder()
        control = Control(tmp_path / "gate.sock", recorder.apply, recorder.status)
        control.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(str(tmp_path / "gate.sock"))
            for _ in range(steps):
                await asyncio.sleep(0)
            control.stop_serving()
            return await everything(client)

    async def everything(client: socket.socket) -> bytes:
        loop, heard = asyncio.get_running_loop(), b""
        try:
            async with asyncio.timeout(15):
                while part := await loop.sock_recv(client, 4096):
                    heard += part
        except ConnectionResetError:
            pass
        return heard

    heard = [asyncio.run(ends_after(steps)) for steps in range(12)]
    assert heard[0] == b"", "hung up before anybody was accepted"
    assert heard[-1], "hung up after the status was said"


async def test_a_state_that_waits_while_another_gate_takes_over_is_not_applied(tmp_path: Path) -> None:
    recorder = Recorder()
    control = Control(tmp_path / "gate.sock", recorder.apply, recorder.status)
    control.start()
    async with control.busy:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "gate.sock")
        await reader.readline()
        writer.write(encode(Desired(7, Traffic())))
        while not control.busy._waiters:  # it has heard, and waits
            await asyncio.sleep(0)
        control.stop_serving()
    assert await reader.read() == b""
    writer.close()
    assert recorder.desired.serial == 0
