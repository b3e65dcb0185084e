"""Images without a HEALTHCHECK that take a while to listen: nobody who comes meanwhile notices."""

from __future__ import annotations

import pytest

from harness.net import INSIDE
from harness.world import World, wait_until
from tests.support.asked import asked

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

SLOW = "sleep 4; exec httpd -f -p 8080 -h /etc"


def slow(world: World, name: str, *words: str, command: str = SLOW) -> None:
    line = ["--stop-grace-period", "1s", "--update-monitor", "100ms", *words, "box:1", "sh", "-c", command]
    world.docker("service", "create", "--detach", "--name", name, *line)


def state(world: World, name: str) -> list[tuple[str, str]]:
    return [(task["Status"]["State"], task["Status"].get("Err", "")) for task in world.api().tasks(name)]


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_an_update_of_an_image_that_listens_late_fails_nobody(world: World, order: str) -> None:
    slow(world, "late", "--publish", "8080:8080", "--update-order", order)
    url = f"http://{INSIDE}:8080/hostname"
    with asked(world, url):
        pass
    with asked(world, url):
        world.docker("service", "update", "--force", "late")
    world.docker("service", "rm", "late")


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_nor_does_one_of_which_no_port_is_known(world: World, order: str) -> None:
    world.docker("network", "create", "--driver", "overlay", "--attachable", "back")
    world.docker("run", "--detach", "--name", "client", "--network", "back", "box:1", "sleep", "1000")
    slow(world, "late", "--network", "back", "--update-order", order)
    (vip,) = world.inspect("service", "late")["Endpoint"]["VirtualIPs"]
    url = f"http://{vip['Addr'].partition('/')[0]}:8080/hostname"
    with asked(world, url, "client"):
        pass
    with asked(world, url, "client"):
        world.docker("service", "update", "--force", "late")
    world.docker("service", "rm", "late")
    world.docker("rm", "--force", "client")
    wait_until(lambda: world.docker("network", "rm", "back", check=False) == "back", "the network is free")


def test_an_image_that_never_listens_runs_after_a_while_and_service_ps_says_so(world: World) -> None:
    slow(world, "dumb", "--publish", "8081:8081", "--label", "skerry.ready.timeout=1s", command="sleep 1000")
    said = "nothing listens on port 8081/tcp"
    wait_until(lambda: state(world, "dumb") == [("running", said)], "it runs, with a word on why")
    assert f'"{said}"' in world.docker("service", "ps", "--no-trunc", "dumb")
    world.docker("service", "rm", "dumb")


def test_one_that_listens_to_itself_alone_is_told_apart(world: World) -> None:
    command = "exec httpd -f -p 127.0.0.1:8082 -h /etc"
    slow(world, "shy", "--publish", "8082:8082", "--label", "skerry.ready.timeout=1s", command=command)
    said = "only its own loopback or IPv6 reaches port 8082/tcp"
    wait_until(lambda: state(world, "shy") == [("running", said)], "it runs, with a word on why")
    world.docker("service", "rm", "shy")


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("skerry.ready.ports=http", '"http" is no port, such as 8080 or 53/udp'),
        ("skerry.ready.ports=80/sctp", '"80/sctp" is neither a TCP nor a UDP port'),
        ("skerry.ready.timeout=soon", "invalid duration 'soon'"),
        ("skerry.ready.timeout=2h", "2h is longer than 1h"),
    ],
)
def test_a_wrong_label_is_refused_in_a_sentence(world: World, label: str, words: str) -> None:
    line = ("service", "create", "--detach", "--name", "wrong", "--label", label, "box:1")
    said = world.docker(*line, check=False)
    assert words in said
    assert world.docker("service", "ls", "--quiet", "--filter", "name=wrong") == ""
