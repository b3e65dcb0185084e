"""What was there before, and how a revision ended."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.spec_words import difference
from skerry.core.undo import change_of, ended, release_before, revision_before, standing_release
from skerry.core.view import View
from skerry.model.objects import Revision, UpdateStatus
from skerry.model.releases import (
    CONVERGED,
    FAILED,
    PAUSED,
    ROLLING,
    SUPERSEDED,
    TAKEN_BACK,
    Outcome,
    Release,
    release_id,
)
from skerry.model.specs import CONTENT
from tests.core.world import Swarm, image, running, service_spec
from tests.support.specs import of_service


def view_of(*releases: tuple[int, str, int]) -> View:
    """A stack with these releases: number, how it ended, what it restores."""
    swarm = Swarm()
    for number, state, restores in releases:
        outcome = Outcome(state)
        swarm.put(Release(release_id("shop", number), "shop", number, (), outcome=outcome, restores=restores))
    return swarm.view


@pytest.mark.parametrize(
    ("releases", "standing", "before"),
    [
        ([], 0, 0),
        ([(1, CONVERGED, 0)], 1, 0),
        ([(1, CONVERGED, 0), (2, CONVERGED, 0)], 2, 1),
        # a second time goes further back, and not to what the first one left
        ([(1, CONVERGED, 0), (2, CONVERGED, 0), (3, CONVERGED, 0), (4, CONVERGED, 2)], 4, 1),
        ([(1, CONVERGED, 0), (2, CONVERGED, 0), (3, CONVERGED, 1)], 3, 0),
        ([(1, CONVERGED, 0), (2, CONVERGED, 0), (3, CONVERGED, 1), (4, ROLLING, 0)], 4, 3),
        # what was taken back is not there
        ([(1, CONVERGED, 0), (2, CONVERGED, 0), (3, TAKEN_BACK, 0)], 2, 1),
        ([(1, CONVERGED, 0), (2, SUPERSEDED, 0), (3, TAKEN_BACK, 0)], 1, 0),
        # what was never whole is no place to go back to
        ([(1, CONVERGED, 0), (2, FAILED, 0), (3, CONVERGED, 0)], 3, 1),
        ([(1, CONVERGED, 0), (2, FAILED, 0)], 2, 1),
        # what it restores is kept no more: what is kept came after that
        ([(5, CONVERGED, 0), (6, CONVERGED, 4)], 6, 0),
    ],
)
def test_the_release_before(releases: list[tuple[int, str, int]], standing: int, before: int) -> None:
    view = view_of(*releases)
    assert standing_release(view, "shop") == standing
    found = release_before(view, "shop")
    assert (found.number if found is not None else 0) == before


def restore(swarm: Swarm, number: int) -> None:
    """What the API does where somebody goes back."""
    target = swarm.view.revision("s", number)
    assert target is not None
    swarm.update(target.spec.raw)
    made = swarm.view.revision("s", swarm.service.revision)
    assert made is not None
    swarm.put(replace(made, restores=number))


def before(swarm: Swarm) -> int:
    found = revision_before(swarm.view, swarm.service)
    return found.number if found is not None else 0


def test_the_revision_before_goes_further_back_each_time() -> None:
    swarm = Swarm()
    swarm.update(image("2"))
    swarm.update(image("3"))
    seen = []
    while number := before(swarm):
        seen.append(number)
        restore(swarm, number)
    assert seen == [2, 1]
    assert swarm.service.spec.typed.task_template.container_spec.image == "app:1"
    swarm.update(image("6"))
    assert before(swarm) == 5, "what ran before the update, not what was left"


def revision(swarm: Swarm, number: int) -> Revision:
    row = swarm.view.revision("s", number)
    assert row is not None
    return row


def write_down(swarm: Swarm) -> dict[int, tuple[str, str]]:
    """What the loop does; how all revisions ended."""
    for row in ended(swarm.view, swarm.service, swarm.now):
        swarm.put(row)
    return {row.number: (row.outcome.state, row.outcome.reason) for row in swarm.view.revisions_of("s")}


def test_a_revision_ends_as_its_update_does() -> None:
    swarm = running()
    assert write_down(swarm) == {1: (CONVERGED, "")}
    assert revision(swarm, 1).outcome.ended_at == swarm.now
    swarm.update(image("2"))
    assert write_down(swarm)[2] == (ROLLING, "")
    swarm.update(image("3"))
    assert write_down(swarm)[2] == (SUPERSEDED, "revision 3 took its place")
    swarm.put(replace(swarm.service, update=UpdateStatus("paused", "update paused due to x", 1)))
    assert write_down(swarm)[3] == (PAUSED, "update paused due to x")
    swarm.update(image("4"))
    assert write_down(swarm)[3] == (PAUSED, "update paused due to x"), "it stays how it ended"
    turned = UpdateStatus("rollback_started", "now", 1, turned="update rolled back due to y")
    first = revision(swarm, 1)
    swarm.put(replace(swarm.service, revision=1, spec=first.spec, spec_version=1, update=turned))
    assert write_down(swarm)[4] == (TAKEN_BACK, "update rolled back due to y")
    assert write_down(swarm)[1] == (CONVERGED, ""), "it was so before"


def test_of_a_revision_from_before_nothing_is_made_up() -> None:
    swarm = running()
    swarm.put(replace(revision(swarm, 1), outcome=Outcome("")))
    assert write_down(swarm) == {1: ("", "")}


def test_a_change_is_a_line() -> None:
    swarm = Swarm()
    assert change_of(swarm.view, revision(swarm, 1)) == "created: image app:1, 2 replicas"
    swarm.update(image("2", replicas=3))
    assert change_of(swarm.view, revision(swarm, 2)) == "image app:1 → app:2, replicas 2 → 3"
    restore(swarm, 1)
    assert change_of(swarm.view, revision(swarm, 3)) == ("rollback to 1: image app:2 → app:1, replicas 3 → 2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "the same again"),
        ({"Labels": {"a": "b"}}, "Labels"),
        ({"template": {"ContainerSpec": {"Image": "app:1", "Env": ["A=1"]}}}, "Env"),
        ({"template": {"ContainerSpec": {"Image": "app:1", CONTENT: "sha256:1"}}}, "image rebuilt"),
        ({"template": {"ContainerSpec": {"Image": "app:1"}, "ForceUpdate": 1}}, "ForceUpdate"),
        (
            {
                "template": {
                    "ContainerSpec": {
                        "Image": "app:2",
                        "Configs": [{"ConfigID": "c", "ConfigName": "site"}],
                        "Secrets": [{"SecretID": "s", "SecretName": "word"}],
                    }
                }
            },
            "image app:1 → app:2, config site, secret word",
        ),
    ],
)
def test_what_differs_is_named(changes: dict[str, object], words: str) -> None:
    assert difference(of_service(service_spec()), of_service(service_spec(**changes))) == words
