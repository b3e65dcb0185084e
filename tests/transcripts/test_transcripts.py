"""Every recorded session, asked of a real skerry: what Swarm answered, it must answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.world import World
from tests.transcripts import machine
from tests.transcripts.compare import Bindings, Marker, differences
from tests.transcripts.faked import NAME, Faked
from tests.transcripts.replay import Difference, Replay, without_deliberate
from tests.transcripts.seeded import WRONG, shown
from tests.transcripts.transcript import Exchange, read, recorded, transcripts, write
from tests.transcripts.wire import api_version, get


@pytest.fixture(scope="module")
def replayed() -> Iterator[tuple[Replay, list[Difference]]]:
    """All transcripts of its engine against a skerry that was in no swarm, with the image box:1."""
    with World(images=["box"]) as world:
        replay, sessions = (
            Replay(world.socket, world.run_dir / "engine.sock"),
            transcripts(api_version(world.socket)),
        )
        yield replay, [one for name, commands in sessions for one in replay.session(name, commands)]


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_skerry_answers_as_swarm_did(replayed: tuple[Replay, list[Difference]]) -> None:
    replay, found = replayed
    left, needless = without_deliberate(found, api_version(replay.socket))
    assert not left, "\n".join(map(str, left))
    assert not needless, f"deliberate differences that are none: {needless}"
    assert replay.commands >= 60


@pytest.mark.engine
@pytest.mark.timeout(600)
@pytest.mark.case("A1")
@pytest.mark.case("A2")
@pytest.mark.parametrize("count", [2, pytest.param(99, marks=pytest.mark.slow)])
def test_skerry_answers_as_swarm_did_on_another_machine(count: int) -> None:
    """Kernel, engine's patch level, runtimes, processors, memory, cgroups, drivers, host: every fact is other
    than on the machine of the recording and than here; so are time zone and language."""
    world = World(images=["box"])
    world.env |= {"TZ": "Asia/Kolkata", "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}
    with world, Faked(world.root / "faked.sock", world.run_dir / "engine.sock") as engine:
        world.kill_skerryd()
        world.engine = f"unix://{engine.place}"
        world.up()
        assert get(world.socket, "/info")["Name"] == NAME
        replay = Replay(world.socket, engine.place)
        sessions = transcripts(api_version(world.socket))[:count]
        found = [one for name, commands in sessions for one in replay.session(name, commands)]
        left, _ = without_deliberate(found)
        assert not left, "\n".join(map(str, left))
        world.engine = "private"


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_wrong_answers_show(replayed: tuple[Replay, list[Difference]]) -> None:
    assert shown(replayed[0].answers) == [wrong.what for wrong in WRONG]
    assert len(WRONG) >= 20


def test_a_transcript_is_read_as_it_was_written() -> None:
    for version in recorded():
        for _, commands in transcripts(version):
            assert read(write(commands)) == commands


def test_an_engine_that_was_not_recorded_says_so() -> None:
    with pytest.raises(LookupError, match=r"nothing recorded for API 1\.99: make transcripts"):
        transcripts("1.99")


def answered(told: object, target: str = "/v1.41/services/x") -> Exchange:
    """A GET's exchange."""
    return Exchange("GET", target, status=200, kind="application/json", told=told)


def test_what_may_differ_and_what_may_not() -> None:
    first, second = "a" * 25, "b" * 25
    wanted = Marker().exchange(answered([{"ID": first, "At": "2026-01-01T00:00:00Z"}, {"ID": second}]))
    assert wanted.told == [{"ID": "<id:1>", "At": "<time>"}, {"ID": "<id:2>"}]
    same = answered([{"ID": "c" * 25, "At": "2027-01-01T00:00:00.5Z"}, {"ID": "d" * 25}])
    told, bindings = differences(wanted, same, Bindings())
    assert told == []
    assert bindings.fill("/services/<id:2>") == "/services/" + "d" * 25
    for wrong in (
        [{"ID": "c" * 25, "At": "0001-01-01T00:00:00Z"}, {"ID": "d" * 25}],
        [{"ID": "c" * 25, "At": "2027-01-01T00:00:00Z"}, {"ID": "c" * 25}],
        [{"ID": "short", "At": "2027-01-01T00:00:00Z"}, {"ID": "d" * 25}],
    ):
        assert differences(wanted, answered(wrong), Bindings())[0]


def test_a_list_without_an_order_is_paired() -> None:
    target = "/v1.41/services?status=true"
    wanted = Marker().exchange(answered([{"ID": "a" * 25, "N": 1}, {"ID": "b" * 25, "N": 2}], target))
    assert not differences(
        wanted, answered([{"ID": "c" * 25, "N": 2}, {"ID": "d" * 25, "N": 1}], target), Bindings()
    )[0]


def test_a_request_names_what_an_answer_gave() -> None:
    marker, key = Marker(), "a" * 25
    marker.exchange(answered({"ID": key, "Version": {"Index": 7}}))
    asked = marker.exchange(Exchange("POST", f"/v1.41/services/{key}/update?version=7", {"Name": "b" * 25}))
    assert asked.target == "/v1.41/services/<id:1>/update?version=<version:2>"
    assert asked.asked == {"Name": "b" * 25}


def test_an_address_of_a_removed_network_is_free_again() -> None:
    marker, told = Marker(), {"Addr": "10.0.2.2/24", "Id": "a" * 25}
    assert marker.exchange(answered(told)).told == {"Addr": "<address:1>/24", "Id": "<id:2>"}
    assert marker.exchange(answered(told)).told == {"Addr": "<address:1>/24", "Id": "<id:2>"}
    gone = Exchange("DELETE", "/v1.41/networks/" + "a" * 25, status=204)
    assert marker.exchange(gone).target == "/v1.41/networks/<id:2>"
    assert marker.exchange(answered(told)).told == {"Addr": "<address:3>/24", "Id": "<id:2>"}


HERE = {
    "KernelVersion": "5.4.0",
    "FirewallBackend": {"Driver": "nftables"},
    "Name": "here",
    "Architecture": "aarch64",
    "OSType": "linux",
    "NCPU": 3,
    "MemTotal": 1000,
    "ServerVersion": "20.10.5",
    "Plugins": {"Log": ["local", "json-file"], "Network": ["bridge"], "Volume": []},
}
"""What an engine says of its machine."""


@pytest.mark.case("A2")
def test_a_fact_of_the_machine_is_what_its_engine_says() -> None:
    there = answered({"KernelVersion": "6.1", "CgroupDriver": "systemd", "Images": 1}, "/v1.41/info")
    recorded = machine.marked(there)
    assert recorded.told == {"KernelVersion": "<machine>", "CgroupDriver": "<machine>", "Images": 1}
    wanted = machine.filled(recorded, "/v1.41/info", lambda target: HERE)
    assert wanted.told["KernelVersion"] == "5.4.0"
    assert wanted.told["FirewallBackend"] == {"Driver": "nftables"}, "an engine may tell more than another"
    assert "CgroupDriver" not in wanted.told, "and less"
    assert wanted.told["Images"] == 1
    assert "Name" not in wanted.told, "what is no fact must be recorded"


@pytest.mark.case("A2")
def test_a_node_is_described_by_what_its_engine_says() -> None:
    node = {"Description": {"Hostname": "<host>", "Platform": {"Architecture": "x86_64", "OS": "linux"}}}
    recorded = machine.marked(answered([node], "/v1.41/nodes"))
    assert recorded.told == [{"Description": {"Hostname": "<host>", "Platform": "<machine>"}}]
    wanted = machine.filled(recorded, "/v1.41/nodes", lambda target: HERE)
    description = wanted.told[0]["Description"]
    assert description["Hostname"] == "here"
    assert description["Platform"] == {"Architecture": "aarch64", "OS": "linux"}
    assert description["Resources"] == {"NanoCPUs": 3_000_000_000, "MemoryBytes": 1000}
    assert [one["Name"] for one in description["Engine"]["Plugins"]] == ["json-file", "local", "bridge"]


@pytest.mark.case("A2")
def test_a_network_of_the_engine_alone_has_the_times_of_its_zone() -> None:
    rows = [{"Scope": "local", "Created": "2026-01-01T00:00:00Z"}, {"Scope": "swarm", "Created": "<time>"}]
    recorded = machine.marked(answered(rows, "/v1.41/networks"))
    assert [row["Created"] for row in recorded.told] == ["<local>", "<time>"]
    for zone, wrong in (("Z", 0), ("+05:30", 1)):
        found = [{**row, "Created": f"2027-01-01T00:00:00.5{zone}"} for row in rows]
        assert len(differences(recorded, answered(found, "/v1.41/networks"), Bindings())[0]) == wrong
