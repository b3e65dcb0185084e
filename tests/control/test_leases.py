"""Addresses of plain containers: whose they are from a container's making to its end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.control import leases
from skerry.core.addresses import Exhausted
from skerry.model.errors import Forbidden
from skerry.model.objects import Lease, Network, Raw
from tests.control.swarm_of_one import World

LATER = leases.STARTING + 1


class Shore(World):
    """A swarm with an attachable network `n` of four addresses, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        key = self.network("n", Attachable=True, IPAM={"Config": [{"Subnet": "10.51.0.0/29"}]})
        self.n: Network = self.view.networks[key]

    def make(self, name: str) -> str:
        """A container is made; the address that it is to have."""
        address = leases.named_address(leases.with_address(self.view, self.n, None))
        self.run(leases.prefer(self.store, name, [(self.n, address)]))
        return address

    def start(self, name: str, address: str) -> str:
        (given,) = self.run(leases.claim(self.store, name, self.n, [address] if address else []))
        return str(given)

    def look(self, *rows: Lease, ended: tuple[str, ...] = ()) -> None:
        self.run(leases.settle(self.store, rows, None, ended))

    def lease(self, name: str) -> Lease:
        return self.view.leases[leases.lease_id(name, self.n)]

    def shown(self, name: str, address: str, *, held: bool = True) -> Lease:
        return Lease(leases.lease_id(name, self.n), name, self.n.id, address, held=held)


@pytest.mark.case("N18")
def test_a_container_starts_with_what_it_was_made_with() -> None:
    here = Shore()
    address = here.make("a")
    assert not here.lease("a").held
    assert here.start("a", address) == address
    assert here.lease("a").held


@pytest.mark.case("N18")
def test_of_two_that_were_made_at_once_the_second_gets_another() -> None:
    here = Shore()
    one, other = here.make("a"), "10.51.0.2"
    here.run(leases.prefer(here.store, "b", [(here.n, other)]))
    assert here.start("a", one) == "10.51.0.2"
    assert here.start("b", other) == "10.51.0.3"


@pytest.mark.case("N18")
@pytest.mark.parametrize("address", ["10.51.0.1", "10.51.0.6", "10.51.0.0", "10.51.0.7", "10.51.0.2"])
def test_an_address_that_was_asked_for_is_refused_where_it_is_not_free(address: str) -> None:
    here = Shore()
    here.start("a", "10.51.0.2")
    with pytest.raises(Forbidden, match=r"^Address already in use$"):
        here.start("b", address)
    assert here.start("b", "10.51.0.3") == "10.51.0.3"
    assert here.start("b", "10.51.0.3") == "10.51.0.3", "a start that is done again"


def test_an_address_of_elsewhere_is_the_engines_to_refuse() -> None:
    here = Shore()
    assert here.start("a", "10.52.0.2") == "10.52.0.2"
    assert not here.view.leases


def test_a_service_gets_no_address_of_a_container_that_runs() -> None:
    here = Shore()
    here.start("a", "10.51.0.5")
    service = here.service("s", task={"Networks": [{"Target": "n"}]})
    assert service.endpoint.vips[0].address == "10.51.0.4"


@pytest.mark.case("N18")
def test_a_full_network_takes_no_container_and_one_that_stopped_makes_room() -> None:
    here = Shore()
    for name in "abcd":
        here.start(name, here.make(name))
    assert leases.named_address(leases.with_address(here.view, here.n, {"Aliases": ["x"]})) == ""
    with pytest.raises(Exhausted, match="has no free address left"):
        here.start("e", "")
    stopped = here.shown("b", here.lease("b").address, held=False)
    here.look(
        *(replace(row, held=row.container_id != "b") for row in here.view.leases.values()), ended=("b",)
    )
    assert not here.lease("b").held
    assert here.start("e", "") == stopped.address


def test_one_that_is_about_to_start_keeps_its_address_for_a_while() -> None:
    here = Shore()
    here.start("a", "10.51.0.2")
    here.look(here.shown("a", "10.51.0.2", held=False))
    assert here.lease("a").held
    here.clock.now += LATER
    here.look(here.shown("a", "10.51.0.2", held=False))
    assert not here.lease("a").held


def test_one_that_is_gone_is_forgotten() -> None:
    here = Shore()
    here.start("a", "10.51.0.2")
    here.start("b", "10.51.0.3")
    here.look(here.shown("b", "10.51.0.3"), ended=("a",))
    assert {row.container_id for row in here.view.leases.values()} == {"b"}
    here.clock.now += LATER
    here.look()
    assert not here.view.leases


def test_whoever_came_behind_our_back_is_known() -> None:
    here = Shore()
    here.look(here.shown("x", "10.51.0.2"))
    assert here.make("a") == "10.51.0.3"
    here.look(here.shown("x", "10.51.0.4"))
    assert here.lease("x").address == "10.51.0.4"


def test_a_start_that_failed_gives_its_address_back() -> None:
    here = Shore()
    here.start("a", "10.51.0.2")
    here.run(leases.release(here.store, "a", here.n))
    assert not here.lease("a").held
    here.run(leases.release(here.store, "a", here.n))
    here.run(leases.release(here.store, "nobody", here.n))


SEEN: Raw = {
    "Id": "c1",
    "Config": {"Labels": {}},
    "State": {"Running": True},
    "NetworkSettings": {
        "Networks": {
            "skerry.n": {"IPAMConfig": {"IPv4Address": "10.51.0.2"}, "IPAddress": "10.51.0.2"},
            "skerry.m": {"IPAMConfig": None, "IPAddress": "10.52.0.9"},
            "skerry.none": {"IPAMConfig": {}, "IPAddress": ""},
            "bridge": {"IPAMConfig": None, "IPAddress": "172.17.0.2"},
        }
    },
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [("n", "10.51.0.2", True, True), ("m", "10.52.0.9", False, True)]),
        ({"State": {"Running": False}}, [("n", "10.51.0.2", True, False), ("m", "10.52.0.9", False, False)]),
        ({"Config": {"Labels": {"com.docker.swarm.task.id": "t"}}}, []),
        ({"NetworkSettings": {}}, []),
    ],
)
def test_what_the_engine_shows_of_a_container(more: Raw, expected: list[Any]) -> None:
    networks = {
        f"skerry.{key}": Network(key, key, {}, subnet="10.0.0.0/8", leg="10.0.0.1")
        for key in ("n", "m", "none")
    }
    rows = list(leases.leases_of({**SEEN, **more}, networks))
    assert [(row.network_id, row.address, row.chosen, row.held) for row in rows] == expected
