"""The life of a stack by the calls of its own: plan, order, progress, unchanged, rolled back to, removed."""

from __future__ import annotations

import pytest

from harness.world import World, wait_until
from tests.stacks.shop import SECOND, Shop

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

HEALTHY_LATER = {
    "Healthcheck": {
        "Test": ["CMD-SHELL", "cat /tmp/index.html"],
        "Interval": SECOND // 5,
        "Retries": 100,
    }
}
SLOW = 'sleep 2; echo "$VERSION" >/tmp/index.html; exec httpd -f -p 80 -h /tmp'


def test_it_starts_in_order_and_says_what_it_waits_for(world: World) -> None:
    shop = Shop(world, "order")
    db = shop.service("db", command=SLOW, container=HEALTHY_LATER)
    migrate = shop.job("migrate", "db:healthy", command="sleep 1")
    app = shop.service("app", "migrate:completed")
    body = shop.body(app, migrate, db)
    planned = shop.deploy(body, plan="true")
    assert planned["Changed"]
    rows = {row["Name"]: row for row in planned["Plan"]["Services"]}
    assert list(rows) == ["order_db", "order_migrate", "order_app"]
    assert rows["order_app"]["WaitsFor"] == ["order_migrate"]
    assert {row["Action"] for row in rows.values()} == {"new"}
    assert shop.ask("GET")[0] == 404, "a plan writes nothing"

    lines = shop.follow(shop.deploy(body)["Release"])
    assert lines[-1]["State"] == "converged", lines[-1]
    waits = [line["Reason"] for line in lines if line.get("Phase") == "waits"]
    assert "waits for order_db to be healthy" in waits
    assert "waits for order_migrate to complete" in waits
    started = shop.started()
    assert started["order_db"] < started["order_app"]
    assert shop.state()["State"] == "converged"

    again = shop.deploy(body)
    assert (again["Changed"], again["Release"]) == (False, 1)
    assert {row["Action"] for row in again["Plan"]["Services"]} == {"unchanged"}
    shop.ask("DELETE")


def test_an_update_is_planned_field_by_field_and_undone(world: World) -> None:
    shop = Shop(world, "undo")
    first = shop.body(shop.service("db"), shop.service("app", "db:healthy"), configs={"conf": "one"})
    assert shop.settled(first)["State"] == "converged"
    before = shop.content()
    second = shop.body(
        shop.service("db", version="2"),
        shop.service("app", "db:healthy", version="2"),
        configs={"conf": "one"},
    )
    rows = shop.deploy(second, plan="true")["Plan"]["Services"]
    assert [(row["Name"], row["Action"], row["Order"]) for row in rows] == [
        ("undo_db", "rolled", "start-first"),
        ("undo_app", "rolled", "start-first"),
    ]
    assert rows[0]["Fields"] == [{"Path": "ContainerSpec.Env[VERSION]", "Old": "1", "New": "2"}]
    assert shop.settled(second)["State"] == "converged"
    assert shop.content() != before

    status, answer = shop.ask("POST", "/rollback", to="1")
    assert (status, answer["Release"]) == (200, 3)
    assert shop.follow(3)[-1]["State"] == "converged"
    assert shop.content() == before
    _, rows = shop.ask("GET", "/releases")
    assert [(row["Number"], row["By"], row["Outcome"]["State"]) for row in rows] == [
        (1, "root", "converged"),
        (2, "root", "converged"),
        (3, "root", "converged"),
    ]
    _, row = shop.ask("GET", "/releases/2")
    assert row["Source"] == {"Text": "services: {}\n", "Origin": "here:/compose.yaml"}
    assert row["Changes"] == "undo_db rolled, undo_app rolled"
    assert shop.ask("GET", "/releases/9")[0] == 404

    assert shop.ask("DELETE")[0] == 204
    wait_until(lambda: not shop.containers(), "its containers are gone")
    assert shop.content() == {"services": {}, "networks": {}, "configs": {}, "secrets": {}, "running": []}


def test_what_is_wrong_is_said_of_each_and_nothing_is_changed(world: World) -> None:
    shop = Shop(world, "wrong")
    bad = shop.service("bad", container={"Image": "not an image"})
    missing = shop.service("missing", container={"Secrets": [secret()]})
    lonely = shop.service("lonely", "nobody")
    status, answer = shop.ask("POST", "", shop.body(bad, missing, lonely))
    assert status == 400
    assert "service wrong_bad: rpc error: code = InvalidArgument desc = ContainerSpec: " in answer["message"]
    assert "service wrong_missing: " in answer["message"]
    assert "secret not found: word" in answer["message"]
    circle = shop.service("a", "b"), shop.service("b", "a")
    status, answer = shop.ask("POST", "", shop.body(*circle))
    assert status == 400
    assert (
        "service wrong_a would wait for itself: wrong_a waits for wrong_b waits for wrong_a"
        in answer["message"]
    )
    ports = shop.service("one", ports=[8123]), shop.service("two", ports=[8123])
    status, answer = shop.ask("POST", "", shop.body(*ports))
    assert status == 400
    assert "service wrong_two: " in answer["message"]
    assert "port '8123' is already in use by service 'wrong_one'" in answer["message"]
    assert shop.ask("GET")[0] == 404
    assert "wrong_default" not in world.docker("network", "ls")


def secret() -> dict[str, object]:
    """A secret that nobody made."""
    target = {"Name": "word", "UID": "0", "GID": "0", "Mode": 292}
    return {"SecretName": "word", "File": target}


def test_docker_stack_deploy_goes_on_call_by_call(world: World) -> None:
    file = world.root / "plain.yml"
    file.write_text("services: {web: {image: 'box:1', deploy: {labels: {skerry.depends_on: 'db?'}}}}")
    world.docker("stack", "deploy", "--detach", "--compose-file", str(file), "plain")
    shop = Shop(world, "plain")
    shop.until("converged")
    assert shop.state()["Release"] == 0
    world.docker("stack", "rm", "plain")
    assert shop.ask("GET")[0] == 404


def test_after_a_reboot_all_start_in_order() -> None:
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        shop = Shop(world, "boot")
        db = shop.service("db", command=SLOW, container=HEALTHY_LATER)
        body = shop.body(db, shop.service("app", "db:healthy"), shop.service("web", "app"))
        assert shop.settled(body)["State"] == "converged"
        world.reboot()
        world.up()
        shop.until("converged")
        started = shop.started()
        assert started["boot_db"] < started["boot_app"] < started["boot_web"]
