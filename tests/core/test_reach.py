"""A pass looks at its own service and at nothing else, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench.core import one_round, swarm
from skerry.core.view import View
from skerry.model.objects import Service, Task

OWN = "s3"


class Guarded(Mapping[str, Any]):
    """A mapping that lets nobody look at what belongs to another service, nor walk through all of it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getitem__(self, key: str) -> Any:
        found = self._inner[key]
        owner = found.id if isinstance(found, Service) else found.service_id
        assert owner == OWN, f"looked at {key} of {owner}"
        return found

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("walked through everything")

    def __len__(self) -> int:
        return len(self._inner)

    def set(self, key: str, value: Service | Task) -> Guarded:
        return Guarded(self._inner.set(key, value))

    def delete(self, key: str) -> Guarded:
        return Guarded(self._inner.delete(key))


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> View:
    view = swarm(10)
    monkeypatch.setattr(View, "__post_init__", lambda self: None)  # it would unwrap them
    for name in ("services", "tasks"):
        object.__setattr__(view, name, Guarded(getattr(view, name)))
    return view


def test_a_pass_touches_no_other_service(guarded: View) -> None:
    after = one_round(guarded, OWN, 1)
    assert len(after.tasks) == len(guarded.tasks) + 1


def test_the_guard_bites(guarded: View) -> None:
    with pytest.raises(AssertionError, match="looked at"):
        guarded.services["s4"]
    with pytest.raises(AssertionError, match="walked"):
        list(guarded.tasks.values())
