"""The gate put together."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path

import structlog

from skerry import __version__
from skerry.gate import socket_passing
from skerry.gate.answerer import Answerer
from skerry.gate.control import Control
from skerry.gate.desired_state import DesiredState, Destination
from skerry.gate.dns_listeners import DnsListeners
from skerry.gate.doorkeeper import Doorkeeper
from skerry.gate.forward import Forwarder
from skerry.gate.hold import Hold, Namespace
from skerry.gate.message import Desired, Status
from skerry.gate.ports import Ports
from skerry.gate.relay import Relay
from skerry.gate.socket_passing import Inherited, Item, Parcel
from skerry.linux.netlink import Netlink
from skerry.linux.owned_table import keep_translating
from skerry.model.settings import GatePaths

log = structlog.get_logger()

LINGER_LOOK_S = 0.2


class Gate:
    """Everything that the process runs; its whole state is the last `Desired` that it was told.

    `lock` is the descriptor that keeps a second gate away; `giver` the connection over which `inherited`
    came.
    """

    def __init__(
        self,
        paths: GatePaths,
        namespace: Path | None,
        lock: int,
        inherited: Inherited | None = None,
        giver: socket.socket | None = None,
    ) -> None:
        self._paths = paths
        self._lock = lock
        self._giver = giver
        self._inherited = inherited or Inherited()
        self._namespace = Namespace(namespace)
        self._state = DesiredState()
        self._control = Control(paths.control, self._apply, self._status)
        # from the gate's namespace: the answers to a socket of the host's would cross its INPUT chain
        self._relay = Relay(self._state, self._namespace.tcp, changed=self._control.publish)
        self._hold = Hold(self._state, self._relay, self._namespace, self._inherited)
        self._dns = DnsListeners(Answerer(self._state, Forwarder()), self._namespace, self._inherited)
        self._ports = Ports(self._relay, self._control.publish, self._inherited)
        self._door = Doorkeeper(paths.door, self._inherited)
        self._replaced = False
        self._serving: set[asyncio.Task[None]] = set()

    async def run(self, stopped: asyncio.Event) -> None:
        """Serve until told to stop, or until another gate has taken over and nothing is left to relay.

        Raises OSError where the hold or the control socket cannot be had.
        """
        if self._inherited.desired is not None:
            await self._apply(self._inherited.desired)
        await self._hold.start()
        owned_table = self._keep_translating()
        takers = socket_passing.listen(self._paths.handover)
        self._door.start()
        self._control.start()
        if self._giver is not None:
            await self._take_held(self._giver)
        self._inherited.close_rest()
        log.info("gate is up", pid=os.getpid(), took_over=self._giver is not None)
        works = {
            asyncio.create_task(self._ports.retry_for_ever(), name="retry ports"),
            asyncio.create_task(self._serve_takers(takers), name="takers"),
            asyncio.create_task(stopped.wait(), name="stopped"),
        }
        try:
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in works:
                task.cancel()
            takers.close()
            if not self._replaced:
                self._stop()
        if self._replaced:
            await self._linger(stopped)
        self._namespace.close()
        self._relay.close()
        if owned_table is not None:
            owned_table.close()
        log.info("gate is down")

    def _keep_translating(self) -> Netlink | None:
        try:
            return keep_translating(f"skerry-keep-{os.getpid()}")
        except OSError as error:
            log.warning(
                "a flushed ruleset will cut connections: this kernel has no owned tables", error=str(error)
            )
            return None

    async def _apply(self, desired: Desired) -> None:
        self._state.post(desired)
        self._ports.update(desired.traffic.ports)
        await self._dns.update(desired.traffic.segments)

    def _status(self) -> Status:
        return Status(
            pid=os.getpid(),
            namespace=self._namespace.inode,
            serial=self._state.desired.serial,
            reserved=self._ports.reserved,
            refused=self._ports.refused,
            version=__version__,
            held=self._relay.waiting,
            relayed=self._relay.copying,
            refusing=self._relay.refusing,
        )

    def _stop(self) -> None:
        self._door.stop()
        self._control.stop()
        self._paths.handover.unlink(missing_ok=True)
        self._ports.stop()
        self._dns.stop()
        self._hold.stop()

    # Taking over from another gate.

    async def _take_held(self, giver: socket.socket) -> None:
        """Say that we serve, and take the connections that the other one holds."""
        with giver:
            try:
                await asyncio.to_thread(giver.send, socket_passing.TAKEN)
                parcel = await asyncio.to_thread(socket_passing.take, giver)
            except OSError as error:  # it died meanwhile; its listening sockets are ours
                log.warning("the former gate did not hand over what it held", reason=str(error))
                return
            for item, handle in parcel:
                client = socket.socket(fileno=handle)
                client.setblocking(False)
                destination = Destination(item.key, item.port, item.published)
                task = asyncio.create_task(
                    self._relay.serve(client, destination, item.since), name="serve taken"
                )
                self._serving.add(task)
                task.add_done_callback(self._serving.discard)

    # Giving to another one.

    async def _serve_takers(self, takers: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            taker, _ = await loop.sock_accept(takers)
            with taker:
                try:
                    await self._give(taker)
                except OSError as error:
                    log.warning("nobody took over", reason=str(error))
            if self._replaced:
                return

    async def _give(self, taker: socket.socket) -> None:
        """Give the listening sockets to whoever asks. A taker that says it serves with them is the next
        gate: then stop accepting, and give it the connections that are held."""
        taker.settimeout(socket_passing.ROW_S)
        request = await asyncio.to_thread(taker.recv, 16)
        takes = request == socket_passing.TAKE
        async with self._control.busy:  # what skerryd says meanwhile it says again, to the next gate
            state = socket_passing.as_file(self._state.desired)
            try:
                parcel = [*self._listening(), (Item("desired"), state)]
                parcel += [(Item("lock"), self._lock)] if takes else []
                await asyncio.to_thread(socket_passing.give, taker, parcel)
            finally:
                os.close(state)
            if not takes or await asyncio.to_thread(taker.recv, 16) != socket_passing.TAKEN:
                return
            self._replaced = True
            self._control.stop_serving()
            self._door.release()
        self._hold.stop()
        self._ports.close_all()
        await asyncio.sleep(0)  # whoever was accepted last is known to the relay now
        held = await self._relay.release()
        parcel = [
            (
                Item(
                    "held",
                    wait.destination.key,
                    wait.destination.port,
                    wait.destination.published,
                    wait.since,
                ),
                handle,
            )
            for wait in held
            if (handle := wait.client.fileno()) >= 0
        ]
        await asyncio.to_thread(socket_passing.give, taker, parcel)
        for wait in held:
            wait.client.close()
        log.info("another gate took over", held=len(held), relayed=self._relay.copying)

    def _listening(self) -> Parcel:
        return [*self._hold.parcel(), *self._ports.parcel(), *self._dns.parcel(), *self._door.parcel()]

    async def _linger(self, stopped: asyncio.Event) -> None:
        """Until the last connection that is copied has ended."""
        os.close(self._lock)
        sign = self._paths.lingering(os.getpid())
        sign.touch()
        try:
            await self._dns.finish()
            while self._relay.copying and not stopped.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_LOOK_S):
                        await stopped.wait()
        finally:
            sign.unlink(missing_ok=True)
