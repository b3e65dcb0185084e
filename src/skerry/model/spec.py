"""A spec as a value: the JSON that is shown, and the same with types, by which everything is decided."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from skerry.model.declare import Declared, Raw
from skerry.model.specs import EndpointSpec, ServiceSpec, TaskTemplate

T = TypeVar("T", bound=Declared)


class Spec(Generic[T]):
    """A spec in both forms. Rows share it: it is read once, however many have it, and never changed.

    `raw` is the JSON that the user sent (keys in Docker's own case, the converter's few defaults applied), so
    that fields unknown to skerry come back on inspect. `typed` has every field, with its default.
    """

    __slots__ = ("_typed", "kind", "raw")

    def __init__(self, kind: type[T], raw: Raw, typed: T | None = None) -> None:
        self.kind, self.raw, self._typed = kind, raw, typed

    @property
    def typed(self) -> T:
        """What is decided on. Raises `ValidationError` of msgspec where an old row has a wrong type."""
        if self._typed is None:
            self._typed = read(self.raw, self.kind)
        return self._typed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec):
            return NotImplemented
        return self.raw is other.raw or bool(self.raw == other.raw)

    def same_but(self, field: str, other: Spec[T]) -> bool:
        """Whether two specs are equal but for one field."""
        return self == other or _without(self.raw, field) == _without(other.raw, field)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Spec({self.kind.__name__}, {self.raw})"


def read(raw: Raw, kind: type[T]) -> T:
    """JSON with types. Only a `Spec` that is new asks for this, and what fills a template."""
    return msgspec.convert(_without_nulls(raw), kind)


def _without(raw: Raw, field: str) -> Raw:
    return {key: value for key, value in raw.items() if key != field}


def _without_nulls(value: Any) -> Any:
    """An explicit null is an absent field, as in Go."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def template_of(spec: Spec[ServiceSpec]) -> Spec[TaskTemplate]:
    """What the tasks of a service are made from: read with the service's spec."""
    return Spec(TaskTemplate, spec.raw.get("TaskTemplate", {}), spec.typed.task_template)


def endpoint_of(spec: Spec[ServiceSpec]) -> Spec[EndpointSpec] | None:
    """How a service is reached, where its spec says so: read with it."""
    raw = spec.raw.get("EndpointSpec")
    return None if raw is None else Spec(EndpointSpec, raw, spec.typed.endpoint_spec)
