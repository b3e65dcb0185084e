"""Marks what may differ, and holds an answer against a marked one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tests.transcripts.rules import FREE_LISTS, RULES, Rule
from tests.transcripts.transcript import Exchange

_BY_NAME = {rule.name: rule for rule in RULES}
MARK = re.compile(rf"<({'|'.join(_BY_NAME)})(?::(\d+))?>")


class Marker:
    """Replaces by marks, for a recording; one for a whole session, so that what is the same has one number.

    A request can only name what an answer gave before: what was not seen stays in it as it is. The addresses
    of a removed network are free again, and what has one of them later is something else.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._last = 0
        self._versions: dict[str, str] = {}

    def exchange(self, one: Exchange) -> Exchange:
        """The exchange with marks."""
        marked = self._marked(one)
        if one.method == "DELETE" and "/networks/" in one.target and one.status == 204:
            self._numbers = {key: number for key, number in self._numbers.items() if key[0] != "address"}
        return marked

    def _marked(self, one: Exchange) -> Exchange:
        return Exchange(
            one.method,
            self._target(one.target),
            self._value(one.asked, "", asked=True),
            one.status,
            one.kind,
            one.headers,
            self._value(one.told, ""),
        )

    def _target(self, target: str) -> str:
        def version(found: re.Match[str]) -> str:
            return found[1] + self._versions.get(found[2], found[2])

        return re.sub(r"([?&]version=)(\d+)", version, self._text(target, "/", asked=True))

    def _value(self, value: Any, path: str, *, asked: bool = False, owner: str = "") -> Any:
        """The value with marks; `path` is where it is, `owner` the ID of the object that it is part of."""
        if isinstance(value, dict):
            owner = str(value.get("ID") or owner)
            return {
                self._text(key, "/", asked=asked): self._value(
                    item, f"{path}.{key}".lstrip("."), asked=asked, owner=owner
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._value(item, path, asked=asked, owner=owner) for item in value]
        if isinstance(value, str):
            return self._text(value, path or "/", asked=asked)
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if path.endswith("Version.Index"):
            self._versions[str(value)] = self._mark("version", f"{owner} {value}")
            return self._versions[str(value)]
        marked = self._text(str(value), path, asked=asked)
        return value if marked == str(value) else marked

    def _text(self, text: str, path: str, *, asked: bool = False) -> str:
        for rule in RULES:
            if rule.where and not re.search(rule.where, path):
                continue

            def mark(found: re.Match[str], rule: Rule = rule) -> str:
                if asked and (rule.name, found[0]) not in self._numbers:
                    return found[0]
                return self._mark(rule.name, found[0]) if rule.same else f"<{rule.name}>"

            text = re.sub(rule.pattern, mark, text)
        return text

    def _mark(self, name: str, found: str) -> str:
        if (name, found) not in self._numbers:
            self._last += 1
            self._numbers[name, found] = self._last
        return f"<{name}:{self._numbers[name, found]}>"


@dataclass
class Bindings:
    """What each mark stands for in this run."""

    values: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Bindings:
        """The same, to try something."""
        return Bindings(dict(self.values))

    def fill(self, value: Any) -> Any:
        """A marked value with what the marks stand for here. KeyError for one that was not seen yet."""
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, str):
            return MARK.sub(lambda found: self.values[found[0]], value)
        return value

    def bind(self, mark: str, value: str) -> bool:
        """Whether the mark may stand for the value: it does already, or neither is taken."""
        known = self.values.get(mark)
        if known is not None:
            return known == value
        kind = mark.partition(":")[0]
        taken = any(value == other and name.partition(":")[0] == kind for name, other in self.values.items())
        if taken and kind not in ("<version", "<address"):  # one commit, one index; addresses are free again
            return False
        self.values[mark] = value
        return True


@lru_cache(4096)
def _pattern(text: str) -> tuple[re.Pattern[str], tuple[str, ...]] | None:
    """What a marked text matches, and the marks that it binds."""
    marks = list(MARK.finditer(text))
    if not marks:
        return None
    parts, names, at = [], [], 0
    for found in marks:
        parts += [re.escape(text[at : found.start()]), f"({_BY_NAME[found[1]].pattern})"]
        names.append(found[0])
        at = found.end()
    return re.compile("".join(parts) + re.escape(text[at:])), tuple(names)


def differences(wanted: Exchange, found: Exchange, bindings: Bindings) -> tuple[list[str], Bindings]:
    """How an answer differs from the recorded one, and what the marks stand for with it."""
    trial = bindings.copy()
    told = []
    if wanted.status != found.status:
        told.append(f"status: {wanted.status} wanted, {found.status} found: {found.told}")
    elif wanted.kind != found.kind:
        told.append(f"Content-Type: {wanted.kind!r} wanted, {found.kind!r} found")
    free = bool(re.search(FREE_LISTS, wanted.target))
    told += _value(wanted.told, found.told, "", trial, free=free)
    return told, trial


def _value(wanted: Any, found: Any, path: str, bindings: Bindings, *, free: bool = False) -> list[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return _object(wanted, found, path, bindings)
    if isinstance(wanted, list) and isinstance(found, list):
        return _list(wanted, found, path, bindings, free=free)
    if isinstance(wanted, str) and (pattern := _pattern(wanted)) is not None:
        return _text(wanted, pattern, found, path, bindings)
    if type(wanted) is type(found) and wanted == found:
        return []
    return [f"{path or 'body'}: {_short(wanted)} wanted, {_short(found)} found"]


def _text(
    wanted: str, pattern: tuple[re.Pattern[str], tuple[str, ...]], found: Any, path: str, bindings: Bindings
) -> list[str]:
    text = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    match = pattern[0].fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return [f"{path or 'body'}: {_short(wanted)} wanted, {_short(found)} found"]
    for mark, value in zip(pattern[1], match.groups(), strict=True):
        if ":" in mark and not bindings.bind(mark, value):
            return [f"{path}: {mark} is {bindings.values.get(mark)} here, {value} found"]
    return []


def _object(wanted: Any, found: Any, path: str, bindings: Bindings) -> list[str]:
    told, rest = [], dict(found)
    for key, item in wanted.items():
        here = f"{path}.{key}".lstrip(".")
        actual = _key(key, rest, bindings)
        if actual is None:
            told.append(f"{here}: {_short(item)} wanted, nothing found")
        else:
            told += _value(item, rest.pop(actual), here, bindings)
    told += [
        f"{path}.{key}".lstrip(".") + f": nothing wanted, {_short(item)} found" for key, item in rest.items()
    ]
    return told


def _key(key: str, found: dict[str, Any], bindings: Bindings) -> str | None:
    pattern = _pattern(key)
    if pattern is None:
        return key if key in found else None
    return next((name for name in found if not _text(key, pattern, name, "", bindings)), None)


def _list(wanted: list[Any], found: list[Any], path: str, bindings: Bindings, *, free: bool) -> list[str]:
    if len(wanted) != len(found):
        shown = [_gist(item) for item in wanted], [_gist(item) for item in found]
        return [f"{path or 'body'}: {len(wanted)} elements wanted, {len(found)} found: {shown[0]} {shown[1]}"]
    told, rest = [], list(found)
    for item in wanted:
        index = _fitting(item, rest, path, bindings) if free else 0
        told += _value(item, rest.pop(index), f"{path}[]", bindings)
    return told


def _fitting(wanted: Any, found: list[Any], path: str, bindings: Bindings) -> int:
    """The element that differs least."""
    counts = [len(_value(wanted, item, path, bindings.copy())) for item in found]
    return counts.index(min(counts))


def _gist(item: Any) -> Any:
    """What tells an element from its neighbours."""
    if not isinstance(item, dict):
        return item
    actor = item.get("Actor")
    if actor is not None:
        return f"{item['Type']} {item['Action']} {actor['Attributes']}"
    return item.get("Name") or item.get("Names") or item.get("DesiredState") or item.get("ID")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"
