"""The gate put together."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog

from skerry.gate.board import Board
from skerry.gate.control import Control
from skerry.gate.dns import Answerer
from skerry.gate.forward import Forwarder
from skerry.gate.hold import Hold, Namespace
from skerry.gate.listeners import DnsListeners
from skerry.gate.message import Desired, Status
from skerry.gate.ports import Ports
from skerry.gate.relay import Relay

log = structlog.get_logger()


class Gate:
    """Everything that the process runs; its whole state is the last `Desired` that it was told."""

    def __init__(self, socket_path: Path, namespace: Path | None) -> None:
        self._namespace = Namespace(namespace)
        self._board = Board()
        relay = Relay(self._board)
        self._hold = Hold(self._board, relay, self._namespace)
        self._dns = DnsListeners(Answerer(self._board, Forwarder()), self._namespace)
        self._control = Control(socket_path, self._apply, self._status)
        self._ports = Ports(self._board, relay, self._control.tell, self._namespace.tcp)

    async def run(self, stopped: asyncio.Event) -> None:
        """Serve until told to stop. Raises OSError where the hold or the control socket cannot be had."""
        await self._hold.start()
        await self._control.start()
        retrying = asyncio.create_task(self._ports.retry_for_ever(), name="retry ports")
        ending = asyncio.create_task(stopped.wait(), name="stopped")
        log.info("gate is up", pid=os.getpid())
        try:
            done, _ = await asyncio.wait({retrying, ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            retrying.cancel()
            ending.cancel()
            self._stop()
            log.info("gate is down")

    async def _apply(self, desired: Desired) -> None:
        self._board.post(desired)
        self._ports.update(desired.traffic.ports)
        await self._dns.update(desired.traffic.segments)

    def _status(self) -> Status:
        return Status(
            pid=os.getpid(),
            namespace=self._namespace.inode,
            serial=self._board.desired.serial,
            reserved=self._ports.reserved,
            refused=self._ports.refused,
        )

    def _stop(self) -> None:
        self._control.stop()
        self._ports.stop()
        self._dns.stop()
        self._hold.stop()
        self._namespace.close()
