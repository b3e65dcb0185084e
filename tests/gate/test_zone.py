"""Names: who asks decides."""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from skerry.gate.zone import Zone
from skerry.model.traffic import Client, Name, Segment, Traffic


def segment(key: str, third: int, *names: str, internal: bool = False) -> Segment:
    start = f"10.0.{third}"
    return Segment(
        key, f"sk-{key}", f"{start}.0/24", f"{start}.1", f"{start}.254", internal, names=names or (key,)
    )


SEGMENTS = (
    segment("red", 1),
    segment("blue", 2, "s_Blue", "Blue"),
    segment("both", 3),
    segment("ingress", 9),
)

ZONE = Zone.of(
    Traffic(
        segments=SEGMENTS,
        names=(
            Name("red", "app", ("10.0.1.130",)),
            Name("red", "tasks.app", ("10.0.1.2", "10.0.1.3")),
            Name("red", "web", ("10.0.1.4",)),
            Name("red", "web.1.abc", ("10.0.1.4",), rank=1),
            Name("red", "alias-of-web.1", ("10.0.1.4",), rank=1),
            Name("red", "c0ffee", ("10.0.1.4",), rank=2),
            Name("red", "web.blue", ("10.0.1.99",)),
            Name("blue", "db", ("10.0.2.130",)),
            Name("blue", "web", ("10.0.2.131",)),
            Name("blue", "none", ()),
            Name("blue", "Db.1.abc", ("10.0.2.9",), rank=1),
        ),
        clients=(
            Client("10.0.1.2", ("red",)),
            Client("10.0.1.4", ("red", "blue"), nameservers=("192.0.2.53",)),
            Client("10.0.2.4", ("blue", "red")),
        ),
        deploying=(("red", 100.0),),
    )
)


@pytest.mark.parametrize(
    ("requester", "leg", "name", "found"),
    [
        ("10.0.1.2", "10.0.1.254", "app", ("10.0.1.130",)),
        ("10.0.1.2", "10.0.1.254", "APP.", ("10.0.1.130",)),
        ("10.0.1.2", "10.0.1.254", "tasks.app", ("10.0.1.2", "10.0.1.3")),
        ("10.0.1.2", "10.0.1.254", "db", None),
        ("10.0.1.4", "10.0.1.254", "db", ("10.0.2.130",)),
        ("10.0.1.99", "10.0.1.254", "app", ("10.0.1.130",)),
        ("10.0.2.99", "10.0.2.254", "app", None),
        ("10.0.2.99", "10.0.2.254", "none", ()),
        ("10.0.9.9", "", "app", None),
    ],
)
def test_lookup(requester: str, leg: str, name: str, found: tuple[str, ...] | None) -> None:
    assert ZONE.lookup(ZONE.asker(requester, leg), name) == found


@pytest.mark.case("N5")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("app.red", ("10.0.1.130",)),
        ("App.Red.", ("10.0.1.130",)),
        ("tasks.app.red", ("10.0.1.2", "10.0.1.3")),
        ("web.1.abc.red", ("10.0.1.4",)),
        ("c0ffee.red", ("10.0.1.4",)),
        ("db.s_blue", ("10.0.2.130",)),
        ("db.blue", ("10.0.2.130",)),
        ("db.1.abc.s_blue", ("10.0.2.9",)),
        ("web.s_blue", ("10.0.2.131",)),
        ("web.blue", ("10.0.1.99",)),  # a whole name comes before one on a network
        ("db.red", None),
        ("app.s_blue", None),
        ("app.green", None),
        ("app.red.red", None),
        (".red", None),
        ("red", None),
        (".", None),
    ],
)
def test_a_name_on_a_network(name: str, found: tuple[str, ...] | None) -> None:
    assert ZONE.lookup(ZONE.asker("10.0.1.4"), name) == found


@pytest.mark.case("N7")
def test_networks_are_looked_through_in_the_askers_order() -> None:
    assert ZONE.lookup(ZONE.asker("10.0.1.4"), "web") == ("10.0.1.4",)
    assert ZONE.lookup(ZONE.asker("10.0.2.4"), "web") == ("10.0.2.131",)


def rows(*rows: Name, **client: object) -> tuple[Zone, Client]:
    networks = ("red", "both", "ingress")
    own = ("10.0.1.5", "10.0.3.5", "10.0.9.5")
    asker = Client("10.0.1.5", networks, addresses=own, **client)  # type: ignore[arg-type]
    zone = Zone.of(Traffic(SEGMENTS, names=rows, clients=(asker,)))
    return zone, zone.asker("10.0.1.5")


def row(
    address: str, network: str = "red", rank: int = 0, stack: str = "", ready: bool = True, name: str = "api"
) -> Name:
    return Name(network, name, tuple(address.split()), rank, stack, ready)


SERVICE, OTHER = row("10.0.1.130"), row("10.0.1.131")
EMPTY = row("10.0.1.132", ready=False)
NOTHING = row("", ready=False)
GREEN = row("10.0.1.131", stack="green")
EMPTY_GREEN = row("10.0.1.133", stack="green", ready=False)
HOSTNAME, CONTAINER = row("10.0.1.2", rank=2), row("10.0.1.3", rank=1)


def bearing(case: str, which: str, found: str, *names: Name, stack: str = "") -> ParameterSet:
    return pytest.param(names, stack, found, id=which, marks=pytest.mark.case(case))


@pytest.mark.parametrize(
    ("names", "stack", "found"),
    [
        bearing("N4", "all who bear it", "10.0.1.130 10.0.1.131", SERVICE, OTHER),
        bearing("N4", "the ready one", "10.0.1.130", SERVICE, EMPTY),
        bearing("N4", "the ready one, younger", "10.0.1.130", EMPTY, SERVICE),
        bearing("N4", "none is ready", "10.0.1.132", EMPTY),
        bearing("N4", "dnsrr, one empty", "10.0.1.2 10.0.1.3", row("10.0.1.2 10.0.1.3"), NOTHING),
        bearing("N4", "dnsrr and VIP", "10.0.1.2 10.0.1.130", row("10.0.1.2"), SERVICE),
        bearing("N4", "dnsrr and empty VIP", "10.0.1.2", EMPTY, row("10.0.1.2")),
        bearing("N4", "nothing at all", "", NOTHING),
        bearing("N4", "own stack", "10.0.1.131", row("10.0.1.130", stack="blue"), GREEN, stack="green"),
        bearing("N4", "own stack, empty", "10.0.1.133", SERVICE, EMPTY_GREEN, stack="green"),
        bearing("N4", "other stacks", "10.0.1.130 10.0.1.131", SERVICE, GREEN, stack="red"),
        bearing("N4", "asked from no stack", "10.0.1.130 10.0.1.131", SERVICE, GREEN),
        bearing("N1", "service before hostname", "10.0.1.130", HOSTNAME, SERVICE),
        bearing("N1", "service before container", "10.0.1.130", CONTAINER, SERVICE),
        bearing("N1", "container before hostname", "10.0.1.3", HOSTNAME, CONTAINER),
        bearing("N1", "empty service before hostname", "10.0.1.132", HOSTNAME, EMPTY),
        bearing("N1", "service on a later network", "10.0.3.130", HOSTNAME, row("10.0.3.130", "both")),
        bearing("N1", "hostnames", "10.0.1.2 10.0.1.9", HOSTNAME, row("10.0.1.9", rank=2)),
        bearing(
            "N1", "service before own stack's hostname", "10.0.1.130",
            row("10.0.1.9", stack="green", rank=2), SERVICE, stack="green",
        ),
        bearing("N7", "the first network", "10.0.1.130", row("10.0.3.130", "both"), SERVICE),
        bearing(
            "N7", "own stack on a later network", "10.0.3.131",
            SERVICE, row("10.0.3.131", "both", stack="green"), stack="green",
        ),
    ],
)  # fmt: skip
def test_who_bears_a_name(names: tuple[Name, ...], stack: str, found: str) -> None:
    zone, asker = rows(*names, stack=stack)
    assert zone.lookup(asker, "api") == tuple(found.split())


@pytest.mark.case("N7")
@pytest.mark.parametrize(
    ("names", "name", "found"),
    [
        ((), "api", "10.0.1.5"),
        ((), "api.both", "10.0.3.5"),
        ((), "api.ingress", "10.0.9.5"),
        ((row("10.0.1.5", rank=2), row("10.0.1.6", rank=2)), "api", "10.0.1.5"),
        ((row("10.0.9.6", "ingress", rank=2),), "api", "10.0.1.5"),
        ((SERVICE, row("10.0.1.5", rank=2)), "api", "10.0.1.130"),
        ((row("10.0.1.7", rank=1),), "api", "10.0.1.7"),
    ],
)
def test_the_own_hostname_is_the_own_address(names: tuple[Name, ...], name: str, found: str) -> None:
    zone, asker = rows(*names, hostname="api")
    assert zone.lookup(asker, name) == (found,)


@pytest.mark.case("N6")
@pytest.mark.parametrize(
    ("requester", "leg", "address", "name"),
    [
        ("10.0.1.2", "", "10.0.1.4", "web.1.abc.red"),
        ("10.0.1.4", "", "10.0.2.9", "Db.1.abc.s_Blue"),
        ("10.0.1.2", "", "10.0.2.9", None),
        ("10.0.1.2", "", "10.0.1.130", None),
        ("10.0.2.9", "10.0.2.254", "10.0.1.4", None),
        ("10.0.2.9", "10.0.2.254", "10.0.2.9", "Db.1.abc.s_Blue"),
    ],
)
def test_a_task_is_found_backwards_by_its_own_name(
    requester: str, leg: str, address: str, name: str | None
) -> None:
    assert ZONE.name_of(ZONE.asker(requester, leg), address) == name


@pytest.mark.parametrize(
    ("requester", "name", "denied"),
    [
        ("10.0.1.4", "nobody.s_blue", True),
        ("10.0.1.4", "nobody.S_Blue.", True),
        ("10.0.1.4", "tasks.nobody.s_blue", True),
        ("10.0.1.4", "nobody.red", False),  # the world may have a domain of that name
        ("10.0.1.4", "nobody.blue", False),
        ("10.0.1.4", "nobody", False),
        ("10.0.1.4", "s_blue", False),
        ("10.0.1.2", "nobody.s_blue", False),  # and others' networks are none of its business
    ],
)
def test_what_nobody_else_can_know_is_denied(requester: str, name: str, denied: bool) -> None:
    assert ZONE.denies(ZONE.asker(requester), name) == denied


def test_a_name_may_appear_while_a_stack_of_that_network_is_deployed() -> None:
    assert ZONE.may_appear(ZONE.asker("10.0.1.2"), 99.0)
    assert not ZONE.may_appear(ZONE.asker("10.0.1.2"), 100.5)
    assert not ZONE.may_appear(ZONE.asker("10.0.2.9", "10.0.2.254"), 99.0)
