"""A release with a job in it that fails is taken back as a whole, and no request fails."""

from __future__ import annotations

from typing import Any

import pytest

from harness.world import World, wait_until
from tests.stacks.shop import SECOND, Shop
from tests.support.asked import asked

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

NEVER = {"Healthcheck": {"Test": ["CMD", "false"], "Interval": SECOND // 5, "Retries": 2}}

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "crash soon": ("mail", {"command": "httpd -p 80 -h /tmp; sleep 0.5; echo gone; exit 4"}),
    "no such command": ("web", {"container": {"Command": ["/nowhere"]}}),
}
"""Which service is broken, and how: it has been checked and accepted. Other ways: tests/atomic."""


def stack(shop: Shop, version: str, broken: str = "", **more: Any) -> list[dict[str, Any]]:
    """Six services; one of them is broken."""

    def service(name: str, needs: str = "", **own: Any) -> dict[str, Any]:
        wrong = more if name == broken else {}
        return shop.service(name, needs, version, **{**own, **wrong})

    migrate = shop.job("migrate", "db:healthy", version=version, command="true")
    return [
        service("db"),
        migrate,
        service("app", "db:healthy, migrate:completed"),
        service("web", "app:healthy", ports=[8200]),
        service("queue"),
        service("mail", "queue:started"),
    ]


def test_it_ends_in_the_release_before_once_its_job_has_run(world: World) -> None:
    shop = Shop(world, "atomic")
    assert shop.settled(shop.body(*stack(shop, "1")))["State"] == "converged"
    before = shop.content()
    with asked(world, "http://10.99.0.2:8200/index.html"):
        for way, (place, more) in WAYS.items():
            last = shop.settled(shop.body(*stack(shop, "2", place, **more)))
            assert last["State"] == "rolled back", (way, last)
            assert last["Failed"]["Service"] == f"atomic_{place}", way
            assert last["Failed"]["Task"], way
            if way.startswith("crash"):
                assert last["Failed"]["Log"], way
            wait_until(lambda: shop.content() == before, f"all is as it was, after: {way}")
    _, releases = shop.ask("GET", "/releases")
    assert [row["Outcome"]["State"] for row in releases] == ["converged", *["rolled back"] * len(WAYS)]
    shop.ask("DELETE")


def test_a_daemon_that_is_killed_takes_it_back_all_the_same(world: World) -> None:
    shop = Shop(world, "killed")
    first = [shop.service("db"), shop.service("app", "db:healthy")]
    assert shop.settled(shop.body(*first))["State"] == "converged"
    before = shop.content()
    second = [shop.service("db", version="2"), shop.service("app", "db:healthy", "2", container=NEVER)]
    number = shop.deploy(shop.body(*second, shop.service("new", "app:healthy"), configs={"conf": "two"}))[
        "Release"
    ]
    for _ in range(2):
        world.kill_skerryd()
        world.up()
    assert shop.follow(number)[-1]["State"] == "rolled back"
    wait_until(lambda: shop.content() == before, "all is as it was")
    shop.ask("DELETE")
