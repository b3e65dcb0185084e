"""A command inside a container: its output up to a limit, its exit code, and its end when time is up."""

from __future__ import annotations

import asyncio
import os
import signal

import msgspec

from skerry.engine.http import Wire
from skerry.engine.port import ExecResult
from skerry.engine.streams import split
from skerry.linux.processes import descendants
from skerry.model.objects import Raw

OUTPUT_LIMIT = 64 * 1024
END_POLL_S = 0.01
END_TRIES = 200
"""How long the engine may take to notice the end after the output has ended."""


async def run(wire: Wire, container: str, what: Raw, timeout_s: float) -> ExecResult:
    """Run it and wait for its end; `what` is the engine's body of it. Past `timeout_s` it is killed, and the
    exit code is -1."""
    body: Raw = {"AttachStdout": True, "AttachStderr": True, **what}
    created = await wire.call("POST", f"/containers/{container}/exec", body=body)
    exec_id = str(created["Id"])
    output = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            await _stream(wire, exec_id, output)
            code = await _exit_code(wire, exec_id)
    except TimeoutError:
        await _kill(wire, exec_id)
        code = -1
    except asyncio.CancelledError:
        # Whoever asked is gone: the command must not stay behind in a container that lives on.
        await asyncio.shield(_kill(wire, exec_id))
        raise
    return ExecResult(code, output.decode(errors="replace"))


async def _stream(wire: Wire, exec_id: str, output: bytearray) -> None:
    """Start it attached, without asking for a raw connection: the answer's body is the output."""
    start = {"Detach": False, "Tty": False}
    async with wire.request("POST", f"/exec/{exec_id}/start", body=start, endless=True) as response:
        async for _, payload in split(wire.chunks(response)):
            output += payload[: OUTPUT_LIMIT - len(output)]


async def _exit_code(wire: Wire, exec_id: str) -> int:
    for _ in range(END_TRIES):
        state = await _inspect(wire, exec_id)
        if not state.get("Running"):
            break
        await asyncio.sleep(END_POLL_S)
    code = state.get("ExitCode")
    return -1 if code is None else int(code)


async def _inspect(wire: Wire, exec_id: str) -> Raw:
    return msgspec.convert(await wire.call("GET", f"/exec/{exec_id}/json"), Raw)


async def _kill(wire: Wire, exec_id: str) -> None:
    """SIGKILL for the command and what it started; the engine's pids are this machine's."""
    state = await _inspect(wire, exec_id)
    pid = int(state.get("Pid") or 0)
    if not state.get("Running") or pid <= 1:
        return
    for process in [*descendants(pid), pid]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
