"""Who may see everything changes nothing, and sees no secret."""

from __future__ import annotations

import json

import pytest

from harness.world import World, wait_until
from tests.access.remote import Remote, audited

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def reader(served: World) -> Remote:
    """The user."""
    return Remote.added(served, "reader", "read")


def test_everything_is_seen_but_what_is_secret(reader: Remote) -> None:
    world = reader.world
    assert "other_web" in reader.docker("service", "ls")
    assert "other_word" in reader.docker("secret", "ls")
    listing = ("ps", "--quiet", "--filter", "name=other_web")
    wait_until(lambda: world.docker(*listing), "the other stack runs", 60)
    container = world.docker(*listing)
    looks = [
        reader.docker("service", "inspect", "other_web"),
        reader.docker("inspect", "--type", "container", container),
        json.dumps(reader.ask("GET", "/tasks")[1]),
    ]
    for text in looks:
        assert "PLAIN=seen" in text
        assert "DB_PASSWORD=********" in text
        assert "hunter2" not in text
    assert "hush" not in reader.docker("secret", "inspect", "other_word")


REFUSED = [
    ("POST", "/services/create"),
    ("POST", "/services/other_web/update?version=1"),
    ("DELETE", "/services/other_web"),
    ("POST", "/secrets/create"),
    ("POST", "/networks/create"),
    ("DELETE", "/networks/other_default"),
    ("POST", "/containers/create"),
    ("POST", "/containers/x/exec"),
    ("GET", "/containers/x/archive?path=/"),
    ("GET", "/swarm"),
    ("GET", "/swarm/unlockkey"),
    ("POST", "/swarm/leave?force=1"),
    ("POST", "/skerry/secrets/other_word/reveal"),
    ("POST", "/skerry/users"),
    ("GET", "/skerry/audit"),
    ("GET", "/volumes"),
    ("POST", "/images/create?fromImage=x"),
    ("POST", "/build"),
    ("GET", "/distribution/box/json"),
]


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_nothing_else_may_be_asked(reader: Remote, method: str, path: str) -> None:
    body: dict[str, str] | None = {} if method == "POST" else None
    status, answer = reader.ask(method, path, body)
    assert status == 403
    assert answer["message"].startswith("user reader (read) may not ")
    last = audited(reader.world, 1)[0]
    assert (last["who"], last["status"], last["refused"]) == ("reader", 403, answer["message"])
