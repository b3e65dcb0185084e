"""A spec as a value: the JSON that is shown, and the same with types, by which everything is decided."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec

from skerry.model.declare import Declared, Raw
from skerry.model.specs import EndpointSpec, ServiceSpec, TaskTemplate

T = TypeVar("T", bound=Declared)
STEP = re.compile(r"\.(\w+)|\[(\d*)")
"""One step of the path in an error of msgspec, a field or a place in a list."""


class Spec(Generic[T]):
    """A spec in both forms. Rows share it: it is read once, however many have it, and never changed.

    `raw` is the JSON that the user sent (keys in Docker's own case, the converter's few defaults applied), so
    that fields unknown to skerry come back on inspect. `typed` has every field, with its default.
    """

    __slots__ = ("_fault", "_typed", "kind", "raw")

    def __init__(self, kind: type[T], raw: Raw, typed: T | None = None, fault: str = "") -> None:
        self.kind, self.raw, self._typed, self._fault = kind, raw, typed, fault

    @property
    def typed(self) -> T:
        """What is decided on. A field that can't be read has its default, and `fault` says so."""
        if self._typed is None:
            self._typed, self._fault = _readable(self.raw, self.kind)
        return self._typed

    @property
    def fault(self) -> str:
        """What is wrong with a spec of an old row: requests are checked before they become one. No container
        is made from a spec with a fault."""
        return self._fault if self.typed is not None else ""

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


def _readable(raw: Raw, kind: type[T]) -> tuple[T, str]:
    """What can be read of a spec, field by field, and the first fault."""
    fault, rest = "", _without_nulls(raw)
    while True:
        try:
            return msgspec.convert(rest, kind), fault
        except msgspec.ValidationError as error:
            fault = fault or str(error)
            _drop(rest, STEP.findall(str(error).rpartition("`$")[2]))


def _drop(value: Any, steps: list[tuple[str, str]]) -> None:
    """Take away the innermost field on a path: `.Mounts[0].Type` is that mount's type."""
    holder, field = {"": value}, ""
    for name, index in steps:
        if isinstance(value, dict) and name in value:
            holder, field = value, name
            value = value[name]
        elif isinstance(value, list) and index:
            value = value[int(index)] if int(index) < len(value) else None
    assert field, "a spec is an object"
    del holder[field]


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
    return Spec(TaskTemplate, spec.raw.get("TaskTemplate", {}), spec.typed.task_template, spec.fault)


def endpoint_of(spec: Spec[ServiceSpec]) -> Spec[EndpointSpec] | None:
    """How a service is reached, where its spec says so: read with it."""
    raw = spec.raw.get("EndpointSpec")
    return None if raw is None else Spec(EndpointSpec, raw, spec.typed.endpoint_spec, spec.fault)
