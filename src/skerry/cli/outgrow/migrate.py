"""`skerry migrate`: a plan, its steps, and the wait until everything runs there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from skerry.cli import client
from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.outgrow import cluster_nodes, converge, snapshot
from skerry.cli.outgrow.carry import Carrier, MoveFailed
from skerry.cli.outgrow.cluster_nodes import RemoteSwarm, Unsuitable
from skerry.cli.outgrow.move_plan import MovePlan, TargetSwarm, image_of, make, moving
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.cli.outgrow.survey import survey
from skerry.model.objects import Raw

DONE, WRONG, TO_DO = 0, 1, 2
"""Exit codes; TO_DO only of `--plan`."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class MigrationRequest:
    """What the user asked for."""

    to: str
    stacks: Collection[str] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    registry: str = ""
    only_plan: bool = False
    stop_source: bool = False
    timeout: float = 300.0


def migrate(socket: str, request: MigrationRequest, say: Say) -> int:
    """Move, and tell about it; the exit code. Raises Unsuitable, Failed."""
    home = client.at_socket("skerry", socket)
    try:
        source = _source(home, request.stacks)
        cluster = cluster_nodes.at(request.to, request.places)
    except Unreachable as error:
        raise Unsuitable(f"can't reach {error}") from error
    try:
        return _Move(home, cluster, socket, source, request, say).run()
    finally:
        cluster.close()
        home.close()


def _source(home: DockerClient, stacks: Collection[str]) -> Snapshot:
    cluster_nodes.check_manager("skerry", home.get("/info"))
    whole = snapshot.read(home)
    known = snapshot.stacks_of(whole)
    for missing in sorted(set(stacks) - known):
        raise Unsuitable(f"there is no stack {missing} here; there are: {', '.join(sorted(known)) or 'none'}")
    part = snapshot.part(whole, stacks)
    if not part.services:
        raise Unsuitable("there is no service here to move")
    return part


@dataclass(frozen=True)
class _Move:
    home: DockerClient
    cluster: RemoteSwarm
    socket: str
    source: Snapshot
    request: MigrationRequest
    say: Say

    def run(self) -> int:
        """Plan, show the plan, carry it out, and wait until the services run there. The exit code."""
        plan = self._plan()
        self._show(plan)
        if plan.conflicts:
            self.say("nothing was moved")
            return WRONG
        if self.request.only_plan:
            return TO_DO if plan.steps or (self.request.stop_source and plan.services) else DONE
        carrier = Carrier(self.home, self.cluster, self.socket)
        self._take(plan, carrier)
        if not self._converges(plan):
            return WRONG
        if self.request.stop_source:
            self._stop(plan, carrier)
        self.say(
            f"moved: {len(plan.services)} services run on {self.request.to}, "
            f"{len(plan.steps)} steps were needed"
        )
        return DONE

    def _plan(self) -> MovePlan:
        """Look at both sides. Nothing is changed yet, so whatever goes wrong is the place's fault."""
        manager = self.cluster.manager
        try:
            if _cluster_id(self.home.get("/info")) == _cluster_id(self.cluster.info):
                raise Unsuitable(f"{self.request.to} is this very skerry: there is nowhere to move to")
            names = {image_of(spec) for spec in moving(self.source).values()}
            images = survey(self.home, self.cluster, sorted(names), self.request.registry)
            local = [network["Name"] for network in manager.get("/networks") if network["Scope"] != "swarm"]
            target = TargetSwarm(snapshot.read(manager), self.cluster.api, local)
        except (Refused, Unreachable) as error:
            raise Unsuitable(f"can't make a plan: {error}; nothing was moved") from error
        return make(self.source, target, images)

    def _show(self, plan: MovePlan) -> None:
        for note in plan.notes:
            self.say(f"note: {note}")
        for conflict in plan.conflicts:
            self.say(f"conflict: {conflict}")
        if not plan.steps:
            self.say(f"nothing to do: {self.request.to} has it all")
        elif self.request.only_plan or plan.conflicts:
            for step in plan.steps:
                self.say(f"would {step}")

    def _take(self, plan: MovePlan, carrier: Carrier) -> None:
        for number, step in enumerate(plan.steps, 1):
            self.say(f"[{number}/{len(plan.steps)}] {step}")
            try:
                carrier.take(step)
            except (Refused, MoveFailed, Unreachable, Unsuitable) as error:
                cut = "the connection was cut, " if isinstance(error, Unreachable) else ""
                raise MoveFailed(
                    f"{cut}could not {step}: {error}; "
                    "what runs here is untouched, and the same command goes on from there"
                ) from error

    def _converges(self, plan: MovePlan) -> bool:
        """Wait until the services run there; say which do not in time."""
        changed = {step.name for step in plan.steps if step.kind == "service"}
        try:
            states = converge.wait(
                self.cluster.manager,
                plan.services,
                changed,
                self.request.timeout,
                lambda line: self.say(f"  {line}"),
            )
        except (Refused, Unreachable) as error:
            raise MoveFailed(
                f"lost sight of the services there: {error}; the same command looks again"
            ) from error
        late = {name: state for name, state in states.items() if not state.converged}
        for name, state in late.items():
            self.say(f"not converged: {name} {state}")
        if late:
            self.say("what runs here is untouched; once the cause is removed, the same command looks again")
        return not late

    def _stop(self, plan: MovePlan, carrier: Carrier) -> None:
        for name in plan.services:
            try:
                carrier.stop(name)
            except (Refused, Unreachable) as error:
                raise MoveFailed(f"could not stop {name} here: {error}; the same command goes on") from error
            self.say(f"stopped here: {name} (docker service rollback {name} starts it again)")


def _cluster_id(info: Raw) -> str:
    return str((info["Swarm"].get("Cluster") or {}).get("ID", ""))
