"""What keeps images from being pruned."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from skerry.core.keeping import images_needed
from skerry.core.kept_images import EngineContainer, EngineImage, KeepingPlan, holder_of, plan_of, tag_of
from skerry.model.releases import NEW, REMOVED, Release, ReleasedService
from skerry.model.specs import CONTENT
from tests.core.world import Swarm, service_spec

OLD, NOW, PULLED = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64
DIGEST = "sha256:" + "d" * 64
OURS = f"skerry/kept:isle.{'a' * 12}"


def image(key: str, *names: str) -> EngineImage:
    tags = frozenset(name for name in names if "@" not in name)
    return EngineImage(key, tags, frozenset(names) - tags)


def plan(needed: Iterable[str], images: list[EngineImage], *containers: EngineContainer) -> KeepingPlan:
    return plan_of(needed, images, containers, "isle")


TASK, OTHER = EngineContainer("task", OLD), EngineContainer("other", NOW)
HOLDER = EngineContainer("holder", OLD, "isle")
STRANGER = EngineContainer("stranger", OLD, "reef")
GONE = KeepingPlan(tagged=(NOW,), released=("holder",), untagged=(OURS,), freed=(OLD,))


@pytest.mark.parametrize(
    ("needed", "images", "containers", "expected"),
    [
        # nothing is needed: nothing is kept, however it lies there
        ([], [image(OLD)], [], KeepingPlan()),
        # it has a name: it gets a container, and no second name
        ([OLD], [image(OLD, "app:1")], [], KeepingPlan(held=(OLD,))),
        # whoever has it, it is in use
        ([OLD], [image(OLD, "app:1")], [TASK], KeepingPlan()),
        ([OLD], [image(OLD, "app:1")], [HOLDER], KeepingPlan()),
        # but for the container that keeps it for another instance, which may go at any time
        ([OLD], [image(OLD, "app:1")], [STRANGER], KeepingPlan(held=(OLD,))),
        # its tag was moved on: it gets one of ours
        ([OLD], [image(OLD), image(NOW, "app:1")], [TASK], KeepingPlan(tagged=(OLD,))),
        ([OLD], [image(OLD, OURS)], [HOLDER], KeepingPlan()),
        # an engine with containerd's store has a digest for each tag
        ([OLD], [image(OLD, OURS, f"skerry/kept@{OLD}")], [HOLDER], KeepingPlan()),
        # it has a name again
        ([OLD], [image(OLD, OURS, "app:1")], [HOLDER], KeepingPlan(untagged=(OURS,))),
        # it is needed no more
        ([NOW], [image(OLD, OURS), image(NOW)], [HOLDER, OTHER], GONE),
        ([], [image(OLD, OURS)], [STRANGER], KeepingPlan(untagged=(OURS,))),
        ([], [image(OLD, OURS.replace("isle", "reef"))], [], KeepingPlan()),
        # one of a registry, by its digest
        ([DIGEST], [image(PULLED, f"nginx@{DIGEST}")], [], KeepingPlan(held=(PULLED,))),
        # it is not here: whoever starts a task pulls it
        ([DIGEST, OLD], [], [], KeepingPlan()),
    ],
)
def test_what_is_done(
    needed: list[str], images: list[EngineImage], containers: list[EngineContainer], expected: KeepingPlan
) -> None:
    assert plan(needed, images, *containers) == expected


def test_what_was_done_is_not_done_again() -> None:
    first = plan([OLD], [image(OLD)])
    assert first == KeepingPlan(held=(OLD,), tagged=(OLD,))
    tagged = image(OLD, tag_of(OLD, "isle"))
    assert plan([OLD], [tagged], EngineContainer("x", OLD, "isle")) == KeepingPlan()
    assert holder_of(OLD, "isle") == f"isle.keeps.{'a' * 12}"


def test_what_is_needed_is_what_can_be_had_back() -> None:
    def of(reference: str, content: str = "") -> dict[str, object]:
        pinned = {"Image": reference, **({CONTENT: content} if content else {})}
        return service_spec(template={"ContainerSpec": pinned})

    swarm = Swarm(of("app:1", OLD))
    swarm.update(of("app:1", NOW))
    swarm.update(of(f"nginx:1@{DIGEST}"))
    parts = (
        ReleasedService("s", "app", of("db:1", "sha256:e"), NEW),
        ReleasedService("t", "gone", of("db:1", "sha256:f"), REMOVED),
    )
    swarm.put(Release("shop.1", "shop", 1, parts))
    assert images_needed(swarm.view) == {OLD, NOW, DIGEST, "sha256:e"}
    swarm.update(of("app:latest"))
    assert images_needed(swarm.view) == {OLD, NOW, DIGEST, "sha256:e"}, "a tag alone means whatever it does"
