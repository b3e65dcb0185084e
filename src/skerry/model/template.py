"""Swarm's templates: what may stand between `{{` and `}}` in a hostname, a variable, a mount, a config.

A task's own values fill them when its container is made; `check_container` tries them with empty values
when a service is created, so that a mistake is refused there and not in every task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from skerry.model.gotemplate import Function, Record, TemplateError, parse, printed, truth, type_name
from skerry.model.objects import Node, Raw, Task

__all__ = ["Context", "TemplateError", "check", "check_container", "context_of", "expand", "expand_container"]

Context = Record


def context_of(task: Task, node: Node | None) -> Context:
    """The values of a task on its node. `.Task.Slot` is text: the node's ID for a global task."""
    platform = ((node.description if node else {}) or {}).get("Platform") or {}
    return _context(
        service=(task.service_id, task.service_name, task.labels),
        node=(task.node_id, node.hostname if node else ""),
        platform=(str(platform.get("Architecture", "")), str(platform.get("OS", ""))),
        task=(task.id, task.name, str(task.slot or task.node_id)),
    )


def _context(
    service: tuple[str, str, Mapping[str, str]],
    node: tuple[str, str],
    platform: tuple[str, str],
    task: tuple[str, str, str],
) -> Context:
    names = dict(zip(("ID", "Name", "Labels"), service, strict=True))
    service_type = "struct { ID string; Name string; Labels map[string]string }"
    where = {
        "ID": node[0],
        "Hostname": node[1],
        "Platform": Record("template.Platform", {"Architecture": platform[0], "OS": platform[1]}),
    }
    what = dict(zip(("ID", "Name", "Slot"), task, strict=True))
    return Record(
        "*template.Context",
        {
            "Service": Record(service_type, names),
            "Node": Record("template.NodeContext", where),
            "Task": Record("struct { ID string; Name string; Slot string }", what),
        },
    )


EMPTY = _context(("", "", {}), ("", ""), ("", ""), ("", "", ""))


def expand(text: str, context: Context, functions: Mapping[str, Function] | None = None) -> str:
    """Fill a template. `functions` add to the built-in ones. Raises TemplateError with Go's own text."""
    return parse(text, {**FUNCTIONS, **(functions or {})}).render(context)


def check(text: str) -> None:
    """Raise TemplateError unless the text can be filled (no labels exist at this time, as in Swarm)."""
    expand(text, EMPTY)


def check_container(container: Raw) -> None:
    """Raise TemplateError, with Swarm's own words, unless all templates of a container spec can be filled."""
    expand_container(container, EMPTY)


def expand_container(container: Raw, context: Context) -> Raw:
    """A container spec with Env values, Mounts and Hostname filled."""
    filled = dict(container)
    if container.get("Env"):
        filled["Env"] = _named("env", lambda: [_variable(line, context) for line in container["Env"]])
    if container.get("Mounts"):
        filled["Mounts"] = _named("mounts", lambda: [_mount(mount, context) for mount in container["Mounts"]])
    if container.get("Hostname"):
        filled["Hostname"] = _named("hostname", lambda: expand(container["Hostname"], context))
    return filled


def _named(part: str, expansion: Callable[[], Any]) -> Any:
    try:
        return expansion()
    except TemplateError as error:
        raise TemplateError(f"expanding {part} failed: {error.message}") from error


def _variable(line: str, context: Context) -> str:
    name, sign, value = line.partition("=")
    return f"{name}{sign}{_part(f'env {_quoted(line)}', value, context)}"


def _mount(mount: Raw, context: Context) -> Raw:
    filled = dict(mount)
    for key in ("Source", "Target"):
        if mount.get(key):
            what = f"mount {key.lower()} {_quoted(mount[key])}"
            filled[key] = _part(what, mount[key], context)
    if mount.get("VolumeOptions"):
        filled["VolumeOptions"] = _volume(mount["VolumeOptions"], context)
    return filled


def _volume(options: Raw, context: Context) -> Raw:
    filled = dict(options)
    if options.get("Labels"):
        filled["Labels"] = _values("volume labels", options["Labels"], context)
    driver = options.get("DriverConfig")
    if driver and driver.get("Options"):
        values = _values("volume driver config", driver["Options"], context)
        filled["DriverConfig"] = {**driver, "Options": values}
    return filled


def _values(what: str, values: Mapping[str, str], context: Context) -> dict[str, str]:
    return {key: _part(what, value, context) for key, value in values.items()}


def _part(what: str, text: str, context: Context) -> str:
    try:
        return expand(text, context)
    except TemplateError as error:
        raise TemplateError(f"expanding {what}: {error.message}") from error


def _quoted(text: str) -> str:
    """Go's `%q`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t") + '"'


# Functions.


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key, "")
        elif isinstance(value, list | tuple | str) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise ValueError(f"error calling index: index out of range: {key}")
            value = value[key]
        else:
            raise ValueError(f"can't index item of type {type_name(value)}")
    return value


def _join(separator: str, *parts: str) -> str:
    return separator.join(parts)


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        if type(first) is not type(other):
            raise ValueError("incompatible types for comparison")
    return first in others


def _less(first: Any, second: Any) -> bool:
    if type(first) is not type(second):
        raise ValueError("incompatible types for comparison")
    return bool(first < second)


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


def _length(value: Any) -> int:
    if not isinstance(value, str | Mapping | list | tuple):
        raise ValueError(f"len of type {type_name(value)}")
    return len(value.encode() if isinstance(value, str) else value)


VERB = re.compile(r"%([-+# 0]*\d*(?:\.\d+)?)([a-zA-Z%])")


def _printf(layout: str, *values: Any) -> str:
    """Go's Sprintf for the verbs s, v, d, q, t, x, X, f, c and %."""
    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, verb = match.groups()
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _formatted(flags, verb, left.pop(0))

    text = VERB.sub(one, layout)
    extra = ", ".join(f"{type_name(value)}={printed(value)}" for value in left)
    return f"{text}%!(EXTRA {extra})" if left else text


def _formatted(flags: str, verb: str, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if verb == "v" or (verb == "s" and isinstance(value, str)) or (verb == "t" and isinstance(value, bool)):
        return f"%{flags.replace('0', '', 1) if flags.startswith('0') else flags}s" % printed(value)
    if verb == "q" and isinstance(value, str):
        return f"%{flags}s" % _quoted(value)
    if verb in "dcxX" and number and isinstance(value, int):
        return f"%{flags}{verb}" % value
    if verb in "xX" and isinstance(value, str):
        return value.encode().hex() if verb == "x" else value.encode().hex().upper()
    if verb == "f" and isinstance(value, float):
        return f"%{flags}f" % value
    return f"%!{verb}({type_name(value)}={printed(value)})"


def _print(*values: Any) -> str:
    """Go puts a space between two values that are both no strings."""
    parts = []
    for place, value in enumerate(values):
        both = place and not isinstance(value, str) and not isinstance(values[place - 1], str)
        parts.append((" " if both else "") + printed(value))
    return "".join(parts)


FUNCTIONS: dict[str, Function] = {
    "index": _index,
    "join": _join,
    "printf": _printf,
    "print": _print,
    "println": lambda *values: " ".join(printed(value) for value in values) + "\n",
    "len": _length,
    "not": lambda value: not truth(value),
    "and": _and,
    "or": _or,
    "eq": _equal,
    "ne": lambda first, second: not _equal(first, second),
    "lt": _less,
    "le": lambda first, second: not _less(second, first),
    "gt": lambda first, second: _less(second, first),
    "ge": lambda first, second: not _less(first, second),
}
