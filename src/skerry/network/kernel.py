"""The network of one instance: namespace, legs, kernel table, gate, and the drain of a task."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from skerry.gate.message import Status
from skerry.linux import netns, nft
from skerry.linux.announcer import Announcer
from skerry.linux.families import spoken
from skerry.linux.link_watch import watch_links
from skerry.linux.netlink import Subscription
from skerry.linux.nft_watch import Loss, RulesetWatch
from skerry.linux.tools import is_ours, run
from skerry.model.conditions import Conditions
from skerry.model.drain import DrainOutcome, DrainRules
from skerry.model.errors import NetworkError
from skerry.model.family import FAMILIES, FOUR, SIX, Family
from skerry.model.listening import Listening
from skerry.model.traffic import PortReservations, Segment, Traffic
from skerry.network import chains, flows, forwarding, links, loopback, ruleset
from skerry.network.displacement import displaced
from skerry.network.drain import drain
from skerry.network.gatelink import GateLink
from skerry.network.hostresolver import host_resolver
from skerry.network.listening import silence

log = structlog.get_logger()

HELD = "held connections"
ANNOUNCED_AGAIN_S = 1.5


class KernelNetwork:
    """What the daemon holds; everything it makes is named after the instance, or lies in its run dir."""

    def __init__(self, run_dir: Path, instance: str = "skerry", conditions: Conditions | None = None) -> None:
        suffix = "" if instance == "skerry" else f"-{instance}"
        self.table = f"skerry{suffix}"
        self.namespace = netns.RUN_NETNS / f"skerry-gate{suffix}"
        self.gate = GateLink(run_dir, self.namespace, self._take_status, _log_event)
        self.conditions = conditions or Conditions()
        self._traffic = Traffic()
        """What the gate has acknowledged, and the kernel table is to be."""
        self._coming = Traffic()
        """What the gate was told last."""
        self._reservations = PortReservations()
        self._callbacks: list[Callable[[PortReservations], None]] = []
        self._lock = asyncio.Lock()
        """Of the kernel's side. Nobody who has it waits for the gate: what somebody took away comes back
        while the gate does not answer."""
        self._turn = asyncio.Lock()
        """Of who tells the gate, and follows what it says."""
        self._following: asyncio.Task[None] | None = None
        self._watch: RulesetWatch | None = None
        self._linkwatch: Subscription | None = None
        self._strangers: set[int] = set()
        """Who took rules out of our tables, but for those that are known to be us."""
        self._macs: dict[str, bytes] = {}
        """Of the bridges: containers go on to send to them, should one have to be made again."""
        self._lost: list[Callable[[], None]] = []
        self._announcing: set[asyncio.Task[None]] = set()
        self._deaf: set[str] = set()
        """Why 127.0.0.11 could not be led to the gate in some containers; each is logged once."""
        self._held: frozenset[links.Held] | None = None
        """What the gate's namespace takes for its own, as far as we know."""
        self._written: Traffic | None = None
        """What the kernel table has, as far as we know: changes are made from there."""

    async def start(self) -> None:
        """Make what must be there before anything else; attach to the gate. Raises NetworkError."""
        with suppress(NetworkError):  # built into the kernel, or no modprobe: the bridge's flag tells later
            await run(["modprobe", "br_netfilter"])
        await links.ensure_namespace(self.namespace)
        await self._restore(settle_s=0)
        await self.gate.start()
        self._watch = RulesetWatch(self._repair, self.concerns)
        self._linkwatch = watch_links(links.PREFIXES, self._link_lost)

    def concerns(self, loss: Loss) -> bool:
        """Whether `_repair` may have to do something. Rules of our own tables mostly go by our own hand."""
        family = next((family for family in FAMILIES if family.number == loss.family), None)
        if family is None:
            return False
        if loss.table not in (self.table, f"{self.table}-flows"):
            return family in self._families() and forwarding.concerns(loss.table, loss.chain)
        if loss.chain and is_ours(loss.by):
            return False
        if loss.chain:
            self._strangers.add(loss.by)
        return True

    async def _repair(self) -> None:
        """Write again what somebody else took away, be it a flushed ruleset or one of ours."""
        async with self._lock:
            # by now, whoever wrote for us is known
            cut = any(not is_ours(stranger) for stranger in self._strangers)
            self._strangers.clear()
            present = await self._tables()
            wanted = {(family.word, f"{self.table}-flows") for family in spoken()}
            if cut or not wanted <= present:
                await nft.apply(ruleset.render_flows(self.table, spoken()))
            wanted = {(family.word, self.table) for family in self._families()}
            gone = cut or not wanted <= present
            if gone and self.gate.status is not None and self._written is not None:
                log.warning("the kernel table was not whole: writing it again", table=self.table)
                self._written = None
                await self._write(self.gate.status)
        await self._let_through(forwarding.SETTLE_S)

    @staticmethod
    async def _tables() -> set[tuple[str, str]]:
        """Each table there is: its family's word, and its name."""
        lines = [line.split() for line in (await nft.attempt("list", "tables")).splitlines()]
        return {(fields[1], fields[2]) for fields in lines if len(fields) > 2}

    def _families(self) -> tuple[Family, ...]:
        """Those of which networks have addresses."""
        return FAMILIES if any(segment.six for segment in self._traffic.segments) else (FOUR,)

    async def _let_through(self, settle_s: float) -> None:
        """Have what is ours let through the engine's own rules."""
        for family in self._families():
            await forwarding.ensure(settle_s, family)

    async def mended(self, refusal: str) -> bool:
        """Whether chains of the engine's, which by its words are gone, have been made."""
        return await chains.restore(refusal)

    async def restore(self) -> None:
        """Have the rules that no `apply` writes, and the next one write all of its own; whoever flushed the
        machine's ruleset took them too."""
        await self._restore(forwarding.SETTLE_S)

    async def _restore(self, settle_s: float) -> None:
        self._written = None
        await nft.apply(ruleset.render_flows(self.table, spoken()))
        await self._let_through(settle_s)

    def on_reservations(self, callback: Callable[[PortReservations], None]) -> None:
        """Call this when a refused port becomes ours, or changes its reason, after an `apply`."""
        self._callbacks.append(callback)

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call this when a link of ours may have been taken away, or set down."""
        self._lost.append(callback)

    def _link_lost(self) -> None:
        for callback in self._lost:
            callback()

    async def ensure_segment(self, segment: Segment) -> bool:
        """Dress the bridge of a network and plug the gate's leg; both are made where they are gone.

        True where it was the bridge: then every container is unplugged from it. Raises NetworkError."""
        await self._ensure_namespace()
        made = await asyncio.to_thread(links.ensure_bridge, segment, self._macs.get(segment.bridge, b""))
        await links.ensure_segment(self.namespace, segment)
        self._macs |= await asyncio.to_thread(links.macs, [segment])
        if segment.six is not None:
            await forwarding.ensure(0, SIX)
            async with self._lock:  # a leg that is new has none of its addresses
                await self._hold(anew=True)
        return made

    async def _ensure_namespace(self) -> None:
        """Have the gate's namespace under its name. While one of the gate's sockets lives, so does the
        namespace, and has its legs: then it is named anew and nobody notices."""
        if await asyncio.to_thread(netns.can_be_entered, self.namespace):
            return
        log.warning("the gate's namespace was gone: making it again", namespace=str(self.namespace))
        inside = self.gate.copies.inside()
        if inside is not None:
            handle = netns.of_socket(inside)
            try:
                await links.name_again(self.namespace, handle)
            finally:
                os.close(handle)
        await links.ensure_namespace(self.namespace)
        async with self._lock:
            await self._hold(anew=True)
        await self.gate.move()

    async def faults(self, segments: Iterable[Segment]) -> Mapping[str, str]:
        """What is missing under these networks, by their IDs, in words; and the table in the gate's namespace
        is written again, as the machine's own."""
        segments = tuple(segments)
        faults = await asyncio.to_thread(links.faults, self.namespace, segments)
        if await asyncio.to_thread(netns.can_be_entered, self.namespace):
            await links.restore_gate_table(self.namespace, segments)
            async with self._lock:
                await self._hold(anew=True)
        return faults

    def stands(self, segment: Segment) -> bool:
        """Whether the bridge of a network is there at this moment."""
        return links.exists(segment.bridge)

    async def displaced(self, pid: int, places: Mapping[str, str], runtime: str = "") -> Mapping[str, str]:
        """Of these places of a process (bridge, address) those where it is not, and why."""
        return await asyncio.to_thread(displaced, pid, places, runtime)

    async def silence(self, pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
        """Wait until a process's container listens; see `skerry.network.listening`."""
        return await silence(pid, listening, runtime, timeout_s)

    async def lead_names(self, pid: int, leg: str, address: str) -> None:
        """Have 127.0.0.11 lead to a leg in the namespace of a process, which has `address` on that network. A
        process that ends, or a runtime without the kernel's tables, is no fault."""
        try:
            if await loopback.lead(pid, leg, address):
                self._announcing.add(
                    announcing := asyncio.create_task(_announce(pid), name=f"announce {pid}")
                )
                announcing.add_done_callback(self._announcing.discard)
        except (OSError, NetworkError) as error:
            self._not_led(pid, str(error).replace(f"/proc/{pid}/", "/proc/PID/"))

    def _not_led(self, pid: int, why: str) -> None:
        if why not in self._deaf and Path(f"/proc/{pid}").exists():
            self._deaf.add(why)
            log.warning("the engine goes on answering at 127.0.0.11", pid=pid, why=why)

    async def drop_segment(self, segment: Segment) -> None:
        """Unplug the gate's leg; the bridge is the engine's to remove."""
        await links.drop_segment(self.namespace, segment)

    async def apply(self, traffic: Traffic) -> PortReservations:
        """Make the gate and the kernel agree with `traffic`; returned means both do. One at a time.

        The gate first: what the table then sends to it is already known there. Raises NetworkError; then
        the former table stands, whole.
        """
        async with self._turn:
            async with self._lock:
                self._coming = traffic
                await self._hold()
            nameservers, options = host_resolver()
            status = await self.gate.say(traffic, nameservers, options)
            async with self._lock:
                before, self._traffic = self._traffic, traffic
                await self._write(status)
                if astray := flows.led_astray(before, traffic):
                    await asyncio.to_thread(flows.forget_udp, astray)
            return self._reservations

    async def _hold(self, *, anew: bool = False) -> None:
        """Have the gate's namespace answer for every VIP, and for who is gone, before anybody hears of it."""
        addresses = ruleset.answered(self._coming)
        if addresses != self._held or anew:
            before, self._held = None if anew else self._held, None
            await links.hold(self.namespace, addresses, before)
            self._held = addresses

    async def _write(self, status: Status) -> None:
        """Ports that another program holds get no rule: its connections are not ours."""
        self._reservations = PortReservations(frozenset(status.reserved), dict(status.refused))
        ours = tuple(port for port in self._traffic.ports if port.key in self._reservations.reserved)
        table, before = msgspec.structs.replace(self._traffic, ports=ours), self._written
        if before is None or flows.newly_served(before, table):
            await asyncio.to_thread(links.hairpin, {segment.bridge for segment in table.segments})
        self._written = None
        await self._change(before, table)
        self._written = table

    async def _change(self, before: Traffic | None, table: Traffic) -> None:
        """From the table of `before`, where it is known and still there; else the whole."""
        if before is not None:
            change = ruleset.render_change(before, table, self.table, spoken())
            if not change:
                return
            try:
                await nft.apply(change)
            except NetworkError as error:
                log.warning("the kernel table is not what it was: writing it whole", error=str(error))
            else:
                return
        await nft.apply(ruleset.render(table, self.table, spoken()))

    def _take_status(self, status: Status) -> None:
        if status.refusing:
            self.conditions.set(HELD, f"{'; '.join(status.refusing)}; more are refused")
        else:
            self.conditions.clear(HELD)
        if self._differs(status):
            self._following = asyncio.create_task(self._follow(), name="follow reservations")

    def _differs(self, status: Status) -> bool:
        known = (self._reservations.reserved, self._reservations.refused)
        return status.serial == self.gate.serial and (frozenset(status.reserved), status.refused) != known

    async def _follow(self) -> None:
        async with self._turn, self._lock:  # an apply under way may have taken it in
            status = self.gate.status
            if status is None or not self._differs(status):
                return
            try:
                await self._write(status)
            except NetworkError as error:
                log.error("kernel table", error=str(error))
        for callback in self._callbacks:
            callback(self._reservations)

    async def drain(self, pid: int, address: str | None, rules: DrainRules) -> DrainOutcome:
        """Wait until the task (its first process) has nothing in flight; see `skerry.network.drain`."""
        return await drain(pid, address, rules, self.table)

    async def forget(self, addresses: Iterable[str], *, established: bool = True) -> None:
        """Delete all flows to tasks that have been drained, with those of open connections or without; see
        `network.flows`."""
        forget = flows.forget_tasks if established else flows.forget_unestablished
        await asyncio.to_thread(forget, tuple(addresses))

    async def detach(self) -> None:
        """Leave everything running: skerryd ends, traffic goes on."""
        await self._stop_watching()
        if self._following:
            self._following.cancel()
        await self.gate.detach()

    async def _stop_watching(self) -> None:
        for announcing in self._announcing:
            announcing.cancel()
        if self._watch:
            await self._watch.close()
            self._watch = None
        if self._linkwatch:
            self._linkwatch.close()
            self._linkwatch = None

    async def purge(self) -> None:
        """Remove everything of this instance from the machine: gate, tables, namespace with its legs."""
        await self._stop_watching()
        await self.gate.stop()
        for family in spoken():
            await nft.attempt("delete", "table", family.word, self.table)
            await nft.attempt("delete", "table", family.word, f"{self.table}-flows")
        await links.remove_namespace(self.namespace)
        await forwarding.remove()


async def _announce(pid: int) -> None:
    """Tell the neighbours of a process that has just started where its addresses are now: they may have been
    answered for. Who has asked within the last second does not listen, so they are told once more."""
    place = netns.of_process(pid)
    # it may end meanwhile, or have ended
    with suppress(OSError), await asyncio.to_thread(netns.inside, place, Announcer) as announcer:
        announcer.announce()
        await asyncio.sleep(ANNOUNCED_AGAIN_S)
        announcer.announce()


def _log_event(event: str) -> None:
    log.warning(event)
