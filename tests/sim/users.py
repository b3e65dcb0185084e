"""People: they create, change, scale, roll back and remove through the control layer, as the API does."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from skerry.control import configs, networks, nodes, services, stacks, stopping, versions
from skerry.control.decode import read
from skerry.control.stacks import Circumstances, Wanted
from skerry.model.errors import SkerryError
from skerry.model.objects import Network, Raw, Service
from tests.control.swarm_of_one import create_service, update_service
from tests.sim.engine import JOB
from tests.sim.specs import SECOND, changed, new_content, new_spec, new_stack
from tests.sim.world import World

NAMES = ("web", "app", "db", "job", "queue")
NETWORKS = ("front", "back")
STACK = "s"


class Users:
    """Each method is one call of one user; what the API refuses is part of life."""

    def __init__(self, world: World, *, stacks: bool = False) -> None:
        """`stacks`: they deploy whole stacks as well."""
        self._world = world
        self._stacks = stacks
        self._serial = 0

    @property
    def _chance(self) -> random.Random:
        return self._world.chance

    async def act(self) -> None:
        """Something."""
        acts: list[tuple[int, Callable[[], Any]]] = [
            (6, self.create), (10, self.update), (4, self.scale), (4, self.roll_back), (2, self.remove),
            (2, self.node), (2, self.network), (1, self.config), (1, self.update_twice),
        ]  # fmt: skip
        of_stacks = [
            (10, self.deploy), (2, self.roll_stack_back), (3, self.stop), (3, self.start), (4, self.renew),
        ]  # fmt: skip
        acts += of_stacks if self._stacks else []
        (chosen,) = self._chance.choices([act for _, act in acts], [weight for weight, _ in acts])
        await self.do(chosen)

    async def do(self, act: Callable[[], Any]) -> None:
        """One call, whatever the API answers."""
        world = self._world
        if world.daemon is None:
            world.story.tell("user", "nobody answers")
            return
        world.speak()
        try:
            await act()
        except SkerryError as refused:
            world.story.tell("user", f"refused: {refused.message}")

    def _some(self) -> Service | None:
        found = sorted(self._world.view.services.values(), key=lambda one: one.name)
        return self._chance.choice(found) if found else None

    async def create(self) -> None:
        """A service of a name that is free."""
        free = [name for name in NAMES if all(name != one.name for one in self._world.view.services.values())]
        if not free:
            await self.update()
            return
        view = self._world.view
        targets = sorted(one.id for one in view.networks.values() if _joinable(one))
        name = self._chance.choice(free)
        spec = new_spec(self._chance, name, targets, job=name == JOB)
        self._world.story.tell("user", f"creates {told(spec)}")
        await create_service(self._world.store, spec)
        self._world.services += 1

    async def update(self) -> None:
        """One service, in a field or a few."""
        service = self._some()
        if service is None:
            await self.create()
            return
        spec = copy.deepcopy(service.spec.raw)
        self._serial += 1
        for _ in range(self._chance.choice([1, 1, 2, 4])):
            changed(self._chance, spec, self._serial, sorted(self._world.view.configs))
        await self._put(service, spec)

    async def update_twice(self) -> None:
        """In quick succession: the second comes while the first has hardly begun."""
        await self.update()
        await self.update()

    async def scale(self) -> None:
        """Another number of replicas."""
        service = self._some()
        if service is None or "Replicated" not in service.spec.raw["Mode"]:
            await self.update()
            return
        spec = copy.deepcopy(service.spec.raw)
        spec["Mode"]["Replicated"]["Replicas"] = self._chance.choice([0, 1, 2, 3, 5])
        await self._put(service, spec)

    async def _put(self, service: Service, spec: Raw, **more: Any) -> None:
        self._world.story.tell("user", f"updates {difference(service.spec.raw, spec)} {more or ''}")
        service = self._world.view.services[service.id]
        await update_service(self._world.store, service.id, str(service.version), spec, **more)

    async def roll_back(self) -> None:
        """To the previous spec."""
        service = self._some()
        if service is not None:
            await self._put(service, service.spec.raw, rollback="previous")

    async def remove(self) -> None:
        """A service."""
        service = self._some()
        if service is not None:
            self._world.story.tell("user", f"removes {service.name}")
            await services.remove(self._world.store, service.id)

    async def deploy(self) -> None:
        """A whole stack by one call."""
        self._serial += 1
        body = new_stack(self._chance, STACK, self._serial)
        atomic, prune = self._chance.random() < 0.8, self._chance.random() < 0.3
        how = f"{'atomic' if atomic else ''} {'prune' if prune else ''}"
        self._world.story.tell("user", f"deploys {[told(one) for one in body['Services']]} {how}")
        wanted = Wanted(STACK, read(body, "skerry.Stack"), atomic=atomic, prune=prune)
        await self._world.store.update(lambda tx: stacks.deploy(tx, wanted, Circumstances()))
        self._world.services += 1

    async def roll_stack_back(self) -> None:
        """To an earlier release."""
        kept = self._world.view.releases_of(STACK)
        if kept:
            release = self._chance.choice(kept)
            self._world.story.tell("user", f"rolls the stack back to {release.number}")
            wanted = stacks.again(release, by="", atomic=self._chance.random() < 0.8)
            await self._world.store.update(lambda tx: stacks.deploy(tx, wanted, Circumstances()))

    async def renew(self) -> None:
        """The stack's config, by a call of its own."""
        content = new_content(self._chance, STACK)
        for row in self._world.view.configs.values():
            if row.name == content["Name"]:
                self._world.story.tell("user", f"gives {row.name} the content {content['Data']}")
                body = read(content, "swarm.ConfigSpec")
                await versions.update(self._world.store, "config", row.id, str(row.version), body)
                return

    async def stop(self) -> None:
        """One service, or all of the stack."""
        chosen = self._some_or_all()
        self._world.story.tell("user", f"stops {[service.name for service in chosen]}")
        await self._world.store.update(lambda tx: stopping.stop(tx, chosen, "user"))

    async def start(self) -> None:
        """The same again."""
        chosen = self._some_or_all()
        self._world.story.tell("user", f"starts {[service.name for service in chosen]}")
        await self._world.store.update(lambda tx: stopping.start(tx, chosen))

    def _some_or_all(self) -> list[Service]:
        one = self._some()
        if one is not None and self._chance.random() < 0.5:
            return [one]
        rows = self._world.view.services.values()
        return sorted((row for row in rows if row.name.startswith(f"{STACK}_")), key=lambda row: row.name)

    async def node(self) -> None:
        """Drain, pause or activate the node, or move its label."""
        availability = self._chance.choice(["active", "active", "drain", "pause"])
        await self.make_node(availability, self._chance.choice(["a", "a", "b"]))

    async def make_node(self, availability: str, zone: str) -> None:
        """Give the node this availability and label."""
        node = self._world.view.node
        assert node is not None
        self._world.story.tell("user", f"makes the node {availability}, zone {zone}")
        spec = {**node.spec, "Availability": availability, "Labels": {"zone": zone}}
        await nodes.update(self._world.store, node.id, str(node.version), spec)

    async def network(self) -> None:
        """Make one, or remove one."""
        living = {one.name: one.id for one in self._world.view.networks.values() if not one.removed}
        name = self._chance.choice(NETWORKS)
        if name in living:
            self._world.story.tell("user", f"removes network {name}")
            await networks.remove(self._world.store, living[name])
        else:
            internal = self._chance.random() < 0.2
            self._world.story.tell("user", f"creates network {name}{' (internal)' if internal else ''}")
            await networks.create(
                self._world.store, {"Name": name, "Driver": "overlay", "Internal": internal}
            )

    async def config(self) -> None:
        """Make one, or remove one that nobody uses."""
        self._serial += 1
        known = sorted(self._world.view.configs)
        if known and self._chance.random() < 0.3:
            await configs.remove(self._world.store, self._chance.choice(known))
        else:
            await configs.create(self._world.store, {"Name": f"conf{self._serial}", "Data": "YQ=="})

    async def remove_everything(self) -> None:
        """All services and networks."""
        self._world.speak()
        for key in sorted(self._world.view.services):
            await services.remove(self._world.store, key)
        for network in networks.living(self._world.view):
            if network.subnet:
                await networks.remove(self._world.store, network.id)


def told(spec: Raw) -> str:
    """A spec in few words."""
    rest = {key: value for key, value in spec.items() if key not in ("Name", "Labels")}
    return f"{spec['Name']}: {_flat(rest)}"


def difference(before: Raw, after: Raw) -> str:
    """What is new in a spec, in few words."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    parts = [f"{path}={value}" for path, value in new.items() if old.get(path) != value]
    parts += [f"{path} gone" for path in old.keys() - new.keys()]
    return f"{after['Name']}: {', '.join(sorted(parts)) or 'nothing'}"


def _flat(spec: Raw) -> str:
    return ", ".join(f"{path}={value}" for path, value in _leaves(spec))


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, int) and value >= SECOND // 10:
        return [(path, f"{value / SECOND:g}s")]
    return [(path, value)]


def _joinable(network: Network) -> bool:
    """Whether services may join it; the row that stands for the machine's own network has no subnet."""
    return bool(network.subnet) and not network.removed and not network.ingress
