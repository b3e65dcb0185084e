"""Swarm's templates: what may stand between `{{` and `}}` in a hostname, a variable, a mount, a config.

A task's own values fill them when its container is made; `check_container` tries them with empty values
when a service is created, so that a mistake is refused there and not in every task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from skerry.model.go.budget import Budget
from skerry.model.go.strconv import quote
from skerry.model.go.template import render
from skerry.model.go.values import Function, Record, TemplateError
from skerry.model.objects import Node, Raw, Task

__all__ = ["Context", "TemplateError", "check", "check_container", "context_of", "expand", "expand_container"]

Context = Record
NAME = "expansion"
"""What Swarm calls every template; it stands in all error texts."""


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
    """What Swarm's templates may name: service, node and task, each with its fields by Go's names."""
    where = {
        "ID": node[0],
        "Hostname": node[1],
        "Platform": Record("template.Platform", {"Architecture": platform[0], "OS": platform[1]}),
    }
    return Record(
        "*template.Context",
        {
            "Service": _struct({"ID": service[0], "Name": service[1], "Labels": service[2]}),
            "Node": _struct(where),
            "Task": _struct(dict(zip(("ID", "Name", "Slot"), task, strict=True))),
        },
    )


def _struct(fields: Mapping[str, Any]) -> Record:
    """A struct without a name of its own, which is called by its fields."""
    types = {
        name: value.type_name
        if isinstance(value, Record)
        else "string"
        if isinstance(value, str)
        else "map[string]string"
        for name, value in fields.items()
    }
    return Record(f"struct {{ {'; '.join(f'{name} {kind}' for name, kind in types.items())} }}", fields)


def trial_of(service: str = "servicename", task: str = "", slot: int = 1, name: str = "taskname") -> Context:
    """Values that a task could have."""
    return _context(
        service=("serviceid", service, {}),
        node=("nodeid", "nodeHostname"),
        platform=("architecture", "os"),
        task=(task, name, str(slot)),
    )


TRIAL = trial_of()
"""The values that Swarm tries a new spec's templates with."""


def payload_context(context: Context, functions: Mapping[str, Function], budget: Budget) -> Context:
    """What a config or secret is filled from: the same, and in it `functions` too."""
    return Record(
        "*template.PayloadContext",
        {"Context": replace(context, type_name="template.Context")},
        {"Expand": _expansion(lambda: payload_context(context, functions, budget), budget, functions)},
        promoted=context.fields,
    )


def expand(
    text: str,
    context: Context,
    functions: Mapping[str, Function] | None = None,
    budget: Budget | None = None,
) -> str:
    """Fill a template. `functions` add to Go's own. Raises TemplateError with Go's own text."""
    budget = budget or Budget()
    if not context.methods:
        own = context
        context = replace(own, methods={"Expand": _expansion(lambda: own, budget, {})})
    return render(NAME, text, context, {"join": JOIN, **(functions or {})}, budget)


def _expansion(context: Callable[[], Context], budget: Budget, functions: Mapping[str, Function]) -> Function:
    """The one method that a context has: it fills another template."""

    def call(text: str) -> str:
        with budget.deeper():
            return expand(text, context(), functions, budget)

    return Function(call, ("string",))


def _join(*texts: str) -> str:
    if not texts:
        raise ValueError("runtime error: slice bounds out of range [1:0]")
    return texts[0].join(texts[1:])


JOIN = Function(_join, ("string",), variadic=True)


def check(text: str) -> None:
    """Raise TemplateError unless the text can be filled (no labels exist at this time, as in Swarm)."""
    expand(text, TRIAL)


def check_container(container: Raw) -> None:
    """Raise TemplateError, with Swarm's own words, unless all templates of a container spec can be filled."""
    expand_container(container, TRIAL)


def expand_container(container: Raw, context: Context) -> Raw:
    """A container spec with Env values, Mounts and Hostname filled, all within one budget."""
    filling = _Filling(context, Budget())
    filled = dict(container)
    if container.get("Env"):
        filled["Env"] = _named("env", lambda: [filling.variable(line) for line in container["Env"]])
    if container.get("Mounts"):
        filled["Mounts"] = _named("mounts", lambda: [filling.mount(mount) for mount in container["Mounts"]])
    if container.get("Hostname"):
        filled["Hostname"] = _named("hostname", lambda: filling.text(container["Hostname"]))
    return filled


def _named(part: str, expansion: Callable[[], Any]) -> Any:
    try:
        return expansion()
    except TemplateError as error:
        raise TemplateError(f"expanding {part} failed: {error.message}") from error


class _Filling:
    """The templates of one container spec."""

    def __init__(self, context: Context, budget: Budget) -> None:
        self._context, self._budget = context, budget

    def text(self, text: str) -> str:
        """One template, filled."""
        return expand(text, self._context, budget=self._budget) if "{{" in text else text

    def variable(self, line: str) -> str:
        """A variable's value."""
        name, sign, value = line.partition("=")
        return f"{name}{sign}{self._part('env', value, line)}"

    def mount(self, mount: Raw) -> Raw:
        """What a mount is called and where it goes, and the options of its volume."""
        filled = dict(mount)
        for key in ("Source", "Target"):
            if mount.get(key):
                filled[key] = self._part(f"mount {key.lower()}", mount[key], mount[key])
        if mount.get("VolumeOptions"):
            filled["VolumeOptions"] = self._volume(mount["VolumeOptions"])
        return filled

    def _volume(self, options: Raw) -> Raw:
        filled = dict(options)
        if options.get("Labels"):
            filled["Labels"] = self._values("volume labels", options["Labels"])
        driver = options.get("DriverConfig")
        if driver and driver.get("Options"):
            values = self._values("volume driver config", driver["Options"])
            filled["DriverConfig"] = {**driver, "Options": values}
        return filled

    def _values(self, what: str, values: Mapping[str, str]) -> dict[str, str]:
        return {key: self._part(what, value) for key, value in values.items()}

    def _part(self, what: str, text: str, whole: str = "") -> str:
        """One template, filled; `whole` is what the error shows of the spec."""
        try:
            return self.text(text)
        except TemplateError as error:
            shown = f"{what} {quote(whole)}" if whole else what
            raise TemplateError(f"expanding {shown}: {error.message}") from error
