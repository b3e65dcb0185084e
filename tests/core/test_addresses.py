"""Addresses: nobody gets one that another has, none is lost, and what was freed is used last."""

from __future__ import annotations

import random
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from skerry.core.addresses import Allocator, Exhausted, free_vip, lay_out, layout
from skerry.core.reconcile import reconcile
from skerry.core.view import View
from skerry.model.errors import InvalidParameter
from skerry.model.family import SIX as SIX_FAMILY
from skerry.model.objects import (
    AddressPlan,
    Attachment,
    Endpoint,
    FormerAddress,
    Lease,
    Network,
    Service,
    Task,
    TaskStatus,
    VirtualIP,
)
from skerry.model.states import TaskState
from tests.core.world import Swarm, service_spec
from tests.support.specs import of_service, of_task

PENDING, RUNNING, FAILED = TaskState.PENDING, TaskState.RUNNING, TaskState.FAILED


def network(
    subnet: str, gateway: str = "", ip_range: str = "", auxiliary: dict[str, str] | None = None
) -> Network:
    auxiliary = auxiliary or {}
    gateway, leg = lay_out(subnet, gateway, ip_range, auxiliary.values())
    return Network(
        "n", "net", {}, subnet=subnet, gateway=gateway, leg=leg, ip_range=ip_range, auxiliary=auxiliary
    )


def task(key: str, address: str = "", state: TaskState = RUNNING, follows: str = "") -> Task:
    status = TaskStatus(state, 0, "")
    return Task(
        key, "s", "web", "n", of_task({}), None, 1, RUNNING, status, created_at=int(key.strip("t")),
        attachments=(Attachment("n", reserved=address),), follows=follows,
    )  # fmt: skip


def service(number: int, address: str) -> Service:
    return Service(
        f"s{number}", f"s{number}", of_service({}), endpoint=Endpoint(vips=(VirtualIP("n", address),))
    )


def lease(address: str, *, held: bool = True) -> Lease:
    return Lease(f"c{address}.n", f"c{address}", "n", address, held=held)


@pytest.mark.parametrize(
    ("subnet", "gateway", "ip_range", "auxiliary", "expected"),
    [
        ("10.0.1.0/24", "", "", (), ("10.0.1.1", "10.0.1.254")),
        ("10.0.0.0/28", "", "", (), ("10.0.0.1", "10.0.0.14")),
        ("10.0.0.0/29", "10.0.0.6", "", (), ("10.0.0.6", "10.0.0.5")),
        ("10.0.1.0/24", "10.0.1.254", "", (), ("10.0.1.254", "10.0.1.253")),
        ("10.0.1.0/24", "", "", ("10.0.1.1", "10.0.1.254"), ("10.0.1.2", "10.0.1.253")),
        ("10.0.1.0/24", "", "10.0.1.128/25", (), ("10.0.1.128", "10.0.1.127")),
        ("10.0.1.0/24", "", "10.0.1.0/25", (), ("10.0.1.1", "10.0.1.254")),
        ("10.0.1.0/24", "", "10.0.1.128/25", ("10.0.1.128",), ("10.0.1.129", "10.0.1.127")),
        ("10.0.1.0/24", "", "10.0.1.0/24", (), ("10.0.1.1", "10.0.1.254")),
    ],
)
def test_where_gateway_and_leg_are(
    subnet: str, gateway: str, ip_range: str, auxiliary: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert lay_out(subnet, gateway, ip_range, auxiliary) == expected


@pytest.mark.case("N11")
@pytest.mark.parametrize(
    ("subnet", "leg", "room"),
    [("10.0.0.0/28", "10.0.0.0", 13), ("10.0.0.0/29", "10.0.0.0", 5), ("10.0.0.0/27", "10.0.0.30", 28)],
)
def test_the_leg_of_a_small_subnet_costs_no_address(subnet: str, leg: str, room: int) -> None:
    gateway, found = lay_out(subnet, network_address=True)
    assert (gateway, found) == ("10.0.0.1", leg)
    here = Network("n", "net", {}, subnet=subnet, gateway=gateway, leg=found)
    allocator = Allocator(View(networks={"n": here}))
    assert len({allocator.give(here) for _ in range(room)}) == room
    with pytest.raises(Exhausted):
        allocator.give(here)


@pytest.mark.parametrize("subnet", ["10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32"])
def test_a_subnet_that_is_too_small(subnet: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^subnet {subnet} is too small: .* /29 or larger"):
        lay_out(subnet)


@pytest.mark.case("N11")
@pytest.mark.parametrize(
    ("subnet", "services", "tasks"), [("10.0.0.0/28", 1, 11), ("10.0.0.0/28", 4, 8), ("10.0.0.0/24", 40, 212)]
)
def test_tasks_and_vips_have_the_whole_subnet_together(subnet: str, services: int, tasks: int) -> None:
    view = View(networks={"n": network(subnet)})
    for number in range(services):
        view = view.put(service(number, free_vip(view, view.networks["n"])))
    allocator = Allocator(view)
    addresses = [allocator.give(view.networks["n"]) for _ in range(tasks)]
    held = [*addresses, *(one.endpoint.vips[0].address for one in view.services.values())]
    here = view.networks["n"]
    assert set(held) == {str(one) for one in IPv4Network(subnet).hosts()} - {here.gateway, here.leg}
    assert len(held) == len(set(held))
    with pytest.raises(Exhausted, match=r"^network net \(10\.0\.0\.0/\d+\) has no free address left$"):
        allocator.give(here)
    with pytest.raises(Exhausted, match=r"has no free virtual IP left$"):
        free_vip(with_tasks(view, addresses), here)


def with_tasks(view: View, addresses: Iterable[str]) -> View:
    for number, address in enumerate(addresses):
        view = view.put(task(f"t{number}", address))
    return view


def test_a_full_network_gives_what_was_left_then_what_is_stopped_and_never_what_somebody_has() -> None:
    view = View(networks={"n": network("10.0.0.0/28")}).put(lease("10.0.0.2"))
    for last in (3, 4, 5, 6):
        address = f"10.0.0.{last}"
        view = view.put(FormerAddress(f"n.{address}", "n", address, "s", f"t{last}", until=1))
    view = view.put(lease("10.0.0.7", held=False))
    view = with_tasks(view, [f"10.0.0.{last}" for last in range(8, 14)])
    allocator = Allocator(view)
    given = [allocator.give(view.networks["n"]) for _ in range(5)]
    assert given == [f"10.0.0.{last}" for last in (3, 4, 5, 6, 7)]
    with pytest.raises(Exhausted):
        allocator.give(view.networks["n"])


@pytest.mark.case("N14")
def test_containers_come_from_the_range_and_vips_from_outside_of_it() -> None:
    here = network("10.81.0.0/24", ip_range="10.81.0.128/28", auxiliary={"router": "10.81.0.130"})
    view = View(networks={"n": here})
    allocator = Allocator(view)
    addresses = [allocator.give(here) for _ in range(14)]
    assert addresses == [f"10.81.0.{number}" for number in (129, *range(131, 144))]
    with pytest.raises(Exhausted, match=r"^network net \(10\.81\.0\.128/28\) has no free address left$"):
        allocator.give(here)
    assert free_vip(view, here) == "10.81.0.253"


@pytest.mark.case("N14")
def test_vips_are_in_the_range_where_there_is_nothing_else() -> None:
    here = network("10.81.0.0/29", ip_range="10.81.0.0/29")
    assert free_vip(View(networks={"n": here}), here) == "10.81.0.5"


@pytest.mark.parametrize("word", ["gateway", "leg", "auxiliary"])
def test_what_is_reserved_is_nobodys(word: str) -> None:
    here = network("10.0.0.0/28", gateway="10.0.0.5", auxiliary={"a": "10.0.0.7", "b": "10.0.0.14"})
    address = {"gateway": "10.0.0.5", "leg": here.leg, "auxiliary": "10.0.0.7"}[word]
    allocator = Allocator(View(networks={"n": here}))
    assert address not in {allocator.give(here) for _ in range(10)}


def test_what_was_just_freed_is_used_last() -> None:
    here = network("10.0.0.0/28")
    view = with_tasks(View(networks={"n": here}), ["10.0.0.2", "10.0.0.3", "10.0.0.4"])
    view = view.put(replace(view.tasks["t2"], status=TaskStatus(FAILED, 0, "")))
    order = []
    for number in range(3, 12):
        address = Allocator(view).give(here)
        order.append(address)
        view = view.put(task(f"t{number}", address))
    assert order[:3] == ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
    assert order[3] == "10.0.0.4", "it comes round before it takes what is for virtual IPs"
    assert order[4:] == [f"10.0.0.{number}" for number in range(8, 13)]


def test_a_stopped_container_gets_its_address_back_unless_there_is_no_other() -> None:
    here = network("10.0.0.0/29")
    view = View(networks={"n": here}, leases={"c": lease("10.0.0.2", held=False)})
    allocator = Allocator(view)
    assert [allocator.give(here) for _ in range(4)] == ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.2"]


def test_a_running_container_keeps_its_address() -> None:
    here = network("10.0.0.0/29")
    view = View(networks={"n": here}, leases={"c": lease("10.0.0.2")})
    allocator = Allocator(view)
    assert [allocator.give(here) for _ in range(3)] == ["10.0.0.3", "10.0.0.4", "10.0.0.5"]
    assert "10.0.0.2" not in {free_vip(view, here)}
    with pytest.raises(Exhausted):
        allocator.give(here)


@pytest.mark.parametrize(
    ("state", "free"),
    [(RUNNING, False), (TaskState.ASSIGNED, False), (FAILED, True), (TaskState.SHUTDOWN, True)],
)
def test_a_task_has_its_address_until_it_is_over(state: TaskState, free: bool) -> None:
    """Whatever is desired of it: a container that is being stopped still answers there."""
    view = View(networks={"n": network("10.0.0.0/29")})
    view = view.put(replace(task("t9", "10.0.0.2", state), desired=TaskState.SHUTDOWN))
    view = with_tasks(view, ["10.0.0.3", "10.0.0.4", "10.0.0.5"])
    try:
        address = Allocator(view).give(view.networks["n"])
    except Exhausted:
        address = ""
    assert address == ("10.0.0.2" if free else "")


def test_where_a_network_is_full_a_successor_gets_what_its_predecessor_has() -> None:
    view = with_tasks(View(networks={"n": network("10.0.0.0/29")}), [f"10.0.0.{one}" for one in range(2, 6)])
    young = task("t9", state=PENDING, follows="t1")
    (place,) = Allocator(view).attachments(young, view.tasks["t1"])
    assert place.reserved == "10.0.0.3"
    with pytest.raises(Exhausted):
        Allocator(view).attachments(young, None)
    over = replace(view.tasks["t1"], status=TaskStatus(FAILED, 0, ""))
    taken = view.put(over).put(task("t10", "10.0.0.3"))
    with pytest.raises(Exhausted):
        Allocator(taken).attachments(young, over)


def test_an_address_that_the_engine_refused_is_not_given_again() -> None:
    view = View(networks={"n": network("10.0.0.0/29")})
    held = task("t1", "10.0.0.2", TaskState.STARTING)
    view = view.put(held)
    (place,) = Allocator(view).attachments(held, None, {"10.0.0.2", "10.0.0.3"})
    assert place.reserved == "10.0.0.4"
    assert Allocator(view).attachments(held) == held.attachments


def test_what_an_older_skerry_gave_stays_where_it_is() -> None:
    """It had the engine choose the addresses of tasks, and virtual IPs from the middle upwards."""
    here = network("10.0.1.0/28")
    old = task("t1")
    view = View(networks={"n": here}).put(service(1, "10.0.1.8"))
    view = view.put(replace(old, attachments=(Attachment("n", "10.0.1.2"),)))
    allocator = Allocator(view)
    addresses = [allocator.give(here) for _ in range(10)]
    assert not {"10.0.1.2", "10.0.1.8"} & set(addresses)
    assert len(set(addresses)) == 10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([("10.0.0.0/28", ""), ("10.0.0.0/27", "10.0.0.8/29")]))
def test_fifty_times_filled_and_emptied(seed: int, kind: tuple[str, str]) -> None:
    """No address is given twice or lost, whoever goes in whatever order."""
    chance = random.Random(seed)
    here = network(kind[0], ip_range=kind[1])
    usable = {number for zone in layout(here).containers for number in zone} - layout(here).reserved
    view, numbers = View(networks={"n": here}), iter(range(100_000))
    for _ in range(50):
        try:
            while True:
                view = filled(view, next(numbers), chance)
        except Exhausted:
            pass
        assert usable <= {int(IPv4Address(address)) for address in held(view)}, "full is full"
        rows = sorted(everybody(view), key=lambda row: row.id)
        for row in chance.sample(rows, len(rows) if chance.random() < 0.3 else len(rows) // 2):
            view = view.without(row)
    for row in everybody(view):
        view = view.without(row)
    assert not view.index.addresses
    assert not view.index.idle


def everybody(view: View) -> list[Task | Service | Lease]:
    return [*view.tasks.values(), *view.services.values(), *view.leases.values()]


def filled(view: View, number: int, chance: random.Random) -> View:
    """One holder more, of any kind; checks that its address was nobody's."""
    here = view.networks["n"]
    kind = chance.choice(["task", "task", "service", "lease"])
    if kind == "service" and len(view.services) < 3:
        address = free_vip(view, here)
        after = view.put(service(number, address))
    else:
        address = Allocator(view).give(here)
        row = lease(address) if kind == "lease" else task(f"t{number}", address)
        after = view.put(row)
    assert address not in held(view)
    assert int(IPv4Address(address)) not in layout(here).reserved
    assert IPv4Address(address) in IPv4Network(here.subnet)
    return after


def held(view: View) -> list[str]:
    tasks = [one.attachments[0].reserved for one in view.tasks.values()]
    vips = [one.endpoint.vips[0].address for one in view.services.values()]
    return [*tasks, *vips, *(one.address for one in view.leases.values())]


@pytest.mark.case("N11")
def test_a_full_network_is_said_at_once_and_goes_on_when_an_address_is_free() -> None:
    swarm = Swarm(service_spec(replicas=5, template={"Networks": [{"Target": "net"}]}))
    gateway, leg = lay_out("10.9.0.0/29")
    swarm.put(replace(swarm.view.networks["net"], subnet="10.9.0.0/29", gateway=gateway, leg=leg))
    vips = (VirtualIP("net", "10.9.0.5"),)
    swarm.put(replace(swarm.service, endpoint=Endpoint(vips=vips)))
    swarm.settle()
    waiting = [one for one in swarm.tasks if one.status.state == PENDING]
    assert [one.status.err for one in waiting] == ["network front (10.9.0.0/29) has no free address left"] * 2
    placed = [one for one in swarm.tasks if one.status.state == TaskState.ASSIGNED]
    assert sorted(one.attachments[0].reserved for one in placed) == [f"10.9.0.{one}" for one in (2, 3, 4)]
    swarm.put(replace(swarm.service, endpoint=Endpoint()))
    plan = reconcile(swarm.view, swarm.service.id, swarm.now)
    (seated,) = [one for one in plan.tasks if one.status.state == TaskState.ASSIGNED]
    assert seated.attachments[0].reserved == "10.9.0.5"
    assert not seated.status.err


@pytest.mark.case("N11")
def test_a_full_network_can_still_be_updated() -> None:
    """The successor has the address of the task that makes way for it."""
    template = {"Networks": [{"Target": "net"}]}
    swarm = Swarm(service_spec(replicas=3, template=template))
    gateway, leg = lay_out("10.9.0.0/29")
    swarm.put(replace(swarm.view.networks["net"], subnet="10.9.0.0/29", gateway=gateway, leg=leg))
    swarm.put(replace(swarm.service, endpoint=Endpoint(vips=(VirtualIP("net", "10.9.0.5"),))))
    swarm.settle()
    swarm.agent()
    swarm.update(service_spec(replicas=3, template={**template, "ForceUpdate": 1}))
    for _ in range(10):
        swarm.agent()
        swarm.step(6)
    assert [one.spec.raw["ForceUpdate"] for one in swarm.live if one.status.state == RUNNING] == [1, 1, 1]
    assert len({one.attachments[0].reserved for one in swarm.live}) == 3


SIX = AddressPlan("fd00:9::/64", gateway="fd00:9::1", leg="fd00:9::ffff")
DUAL = Network("n", "net", {}, subnet="10.9.0.0/24", gateway="10.9.0.1", leg="10.9.0.254", six=SIX)


@pytest.mark.case("N13")
@pytest.mark.parametrize(
    ("subnet", "gateway", "ip_range", "auxiliary", "expected"),
    [
        ("fd00:9::/64", "", "", (), ("fd00:9::1", "fd00:9::ffff")),
        ("fd00:9::/48", "", "", (), ("fd00:9::1", "fd00:9::ffff")),
        ("fd00:9::/112", "", "", (), ("fd00:9::1", "fd00:9::ffff")),
        ("fd00:9::/120", "", "", (), ("fd00:9::1", "fd00:9::ff")),
        ("fd00:9::/64", "fd00:9::ffff", "", (), ("fd00:9::ffff", "fd00:9::fffe")),
        ("fd00:9::/64", "fd00:9:0:0:1::", "", (), ("fd00:9:0:0:1::", "fd00:9::ffff")),
        ("fd00:9::/64", "", "", ("fd00:9::1", "fd00:9::ffff"), ("fd00:9::2", "fd00:9::fffe")),
        ("fd00:9::/64", "", "fd00:9::8000/113", (), ("fd00:9::8000", "fd00:9::7fff")),
        ("fd00:9::/64", "", "fd00:9::a:0:0/96", (), ("fd00:9::a:0:0", "fd00:9::ffff")),
    ],
)
def test_where_gateway_and_leg_are_over_ipv6(
    subnet: str, gateway: str, ip_range: str, auxiliary: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert lay_out(subnet, gateway, ip_range, auxiliary, network_address=True) == expected


@pytest.mark.case("N13")
@pytest.mark.parametrize("length", [121, 124, 127, 128])
def test_an_ipv6_subnet_that_is_too_small(length: int) -> None:
    with pytest.raises(InvalidParameter, match=f"^subnet fd00::/{length} is too small: .* /120 or larger"):
        lay_out(f"fd00::/{length}")


@pytest.mark.case("N13")
def test_tasks_and_vips_over_ipv6_come_from_either_end() -> None:
    view = View(networks={"n": DUAL})
    assert free_vip(view, DUAL, SIX_FAMILY) == "fd00:9::fffe"
    allocator = Allocator(view)
    assert [allocator.give(DUAL, family=SIX_FAMILY) for _ in range(2)] == ["fd00:9::2", "fd00:9::3"]
    assert allocator.give(DUAL) == "10.9.0.2", "each family has its own"


@pytest.mark.case("N13")
def test_a_range_beyond_what_is_given_is_used_and_vips_stay_out_of_it() -> None:
    plan = replace(SIX, ip_range="fd00:9::a:0:0/96")
    here = replace(DUAL, six=plan)
    view = View(networks={"n": here})
    assert Allocator(view).give(here, family=SIX_FAMILY) == "fd00:9::a:0:0"
    assert free_vip(view, here, SIX_FAMILY) == "fd00:9::fffe"


@pytest.mark.case("N13")
def test_a_small_subnet_over_ipv6_is_used_up_to_the_last_address() -> None:
    gateway, leg = lay_out("fd00:9::/120")
    here = replace(DUAL, six=AddressPlan("fd00:9::/120", gateway=gateway, leg=leg))
    allocator = Allocator(View(networks={"n": here}))
    given = {allocator.give(here, family=SIX_FAMILY) for _ in range(253)}
    assert len(given) == 253
    assert not given & {gateway, leg, "fd00:9::"}
    with pytest.raises(Exhausted, match="fd00:9::/120"):
        allocator.give(here, family=SIX_FAMILY)
