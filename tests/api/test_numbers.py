"""Numbers in queries that are none: refused with Docker's status, in its words."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from skerry.api import portfilter
from skerry.control import swarm
from skerry.model.errors import InvalidParameter
from tests.api.door import Door, Test, front_door
from tests.control.swarm_of_one import INIT, create_service, spec

LONG = "9" * 5_000
ODD = [
    LONG,
    "1e999",
    "-0",
    "²",
    "٣",
    "0x10",
    "+5",
    " 5",
    "5 ",
    "1_0",
    "-1",
    "1.5",
    "18446744073709551616",
    "x",
]
UPDATES = ["services", "nodes", "configs", "secrets"]


def numbered(place: str, number: str) -> tuple[str, str]:
    """A request with a number in this place."""
    text = quote(number)
    if place.endswith("version"):
        kind = place.split()[0]
        return "POST", f"/{kind}/{'x/' if kind != 'swarm' else ''}update?version={text}"
    if place in ("publish", "expose"):
        filters = quote(f'{{"{place}":["{number}"]}}')
        return "GET", f"/containers/json?filters={filters}"
    if place == "limit":
        filters = quote('{"is-task":["true"]}')
        return "GET", f"/containers/json?limit={text}&filters={filters}"
    if place == "path":
        return "GET", f"/v1.{text}/services"
    return "GET", f"/services/web/logs?stdout=1&{place}={text}"


def play(test: Test) -> None:
    async def run() -> None:
        async with front_door({"GET /containers/json": []}) as door:
            await test(door)

    asyncio.run(run())


DOCKERS = {"tail": "tail value must be", "since": "could not parse since timestamp"}
"""Where Docker itself answers 500, and the beginning of its words."""

PLACES = [
    *(f"{kind} version" for kind in [*UPDATES, "swarm"]),
    "publish",
    "expose",
    "limit",
    "path",
    "tail",
    "since",
]


@pytest.mark.case("C8")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("place", PLACES)
def test_a_number_that_no_type_can_hold_is_refused(place: str) -> None:
    async def test(door: Door) -> None:
        await swarm.init(door.store, INIT, "vm", {"Hostname": "vm"})
        await create_service(door.store, {**spec(), "Name": "web"})
        method, target = numbered(place, LONG)
        answer = await door.ask(method, target, {} if method == "POST" else None)
        assert answer.status == (500 if place in DOCKERS else 400), answer.body[:300]
        assert answer.json["message"].startswith(DOCKERS.get(place, ""))

    play(test)


@pytest.mark.case("C8")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("place", PLACES)
def test_no_number_is_a_mistake_of_ours(place: str) -> None:
    async def test(door: Door) -> None:
        await swarm.init(door.store, INIT, "vm", {"Hostname": "vm"})
        await create_service(door.store, {**spec(), "Name": "web"})
        for number in ODD:
            method, target = numbered(place, number)
            answer = await door.ask(method, target, {} if method == "POST" else None)
            dockers = ("negative tail", DOCKERS.get(place, "-"))
            assert answer.status < 500 or answer.json["message"].startswith(dockers), (number, answer)

    play(test)


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "error while looking up for publish : Empty string specified for ports."),
        ("/tcp", "error while looking up for publish /tcp: Empty string specified for ports."),
        ("x", 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'),
        ("80-", 'error while looking up for publish 80-: strconv.ParseUint: parsing "": invalid syntax'),
        ("-1", 'error while looking up for publish -1: strconv.ParseUint: parsing "": invalid syntax'),
        (
            "80-y/tcp",
            'error while looking up for publish 80-y/tcp: strconv.ParseUint: parsing "y": invalid syntax',
        ),
        (
            "65536",
            "error while looking up for publish 65536: "
            'strconv.ParseUint: parsing "65536": value out of range',
        ),
        ("²", 'error while looking up for publish ²: strconv.ParseUint: parsing "²": invalid syntax'),
        ("9-8", "error while looking up for publish 9-8: Invalid range specified for the Port: 9-8"),
        ("127.0.0.1:80", "filter for 'publish' should not contain ':': 127.0.0.1:80"),
    ],
)
def test_a_port_that_is_none(value: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        portfilter.read("publish", [value])
    assert refused.value.message == words


def test_ports_by_number_and_range() -> None:
    plain, udp = portfilter.read("publish", ["80", "90-91/udp"])
    assert (80, "tcp") in plain
    assert (80, "udp") not in plain
    assert [number for number in range(88, 94) if (number, "udp") in udp] == [90, 91]
    every = portfilter.read("expose", ["0-65535"] * 1_000)
    assert all((65535, "tcp") in ports for ports in every)
