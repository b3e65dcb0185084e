"""When a tag of this node is looked up again, and when it means what it meant."""

from __future__ import annotations

import pytest

from skerry.control.images import Content, pinned
from skerry.model.objects import Raw
from skerry.model.specs import CONTENT

OLD, NEW = "sha256:old", "sha256:new"


def spec(content: str = "", labels: Raw | None = None, **container: object) -> Raw:
    """A service spec; `content` is what its image is pinned to."""
    found: Raw = {"Image": "app:1", **container, **({CONTENT: content} if content else {})}
    return {"Name": "app", "Labels": labels or {}, "TaskTemplate": {"ContainerSpec": found}}


def content(found: Raw) -> tuple[str, str]:
    """What is shown and what is run."""
    container = found["TaskTemplate"]["ContainerSpec"]
    return container["Image"], container.get(CONTENT, "")


@pytest.mark.parametrize(
    ("sent", "means", "before", "runs"),
    [
        (spec(), None, None, ""),
        (spec(), Content("app:1", NEW), None, NEW),
        (spec(Image="app:1@sha256:new"), Content("app:1", NEW), None, NEW),
        (spec(labels={"a": "b"}), Content("app:1", NEW), spec(OLD), OLD),
        (spec(), None, spec(OLD), OLD),
        (spec(Env=["A=b"]), Content("app:1", NEW), spec(OLD), NEW),
        (spec(Env=["A=b"]), None, spec(OLD), ""),
        (spec(Image="app:1@sha256:new"), Content("app:1", NEW), spec(OLD), NEW),
        (spec(), Content("app:1", NEW), spec(), ""),
        (spec("sha256:forged"), None, None, ""),
    ],
)
def test_what_a_tag_means(sent: Raw, means: Content | None, before: Raw | None, runs: str) -> None:
    assert content(pinned(sent, means, before)) == ("app:1", runs)


def test_a_digest_stays_beside_its_content() -> None:
    """An engine with containerd's store: nothing but the content finds an image whose tag has moved on."""
    whole = "app:1@sha256:old"
    made = pinned(spec(Image=whole), Content(whole, OLD))
    assert content(made) == (whole, OLD)
    for means in (Content("app:1", OLD), None):  # without a tag, or gone: who sends it again means the same
        assert pinned(spec(Image=whole, labels={"a": "b"}), means, made) == {**made, "Labels": {"a": "b"}}
    assert content(pinned(spec(Image=whole, Env=["A=b"]), Content("app:1", OLD), made)) == (whole, OLD)


def test_another_image_has_another_content() -> None:
    assert content(pinned(spec(Image="app:2"), Content("app:2", NEW), spec(OLD))) == ("app:2", NEW)
    assert content(pinned(spec(Image="app:2"), None, spec(OLD))) == ("app:2", "")
