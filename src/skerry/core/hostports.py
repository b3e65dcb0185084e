"""Ports of host mode for which a spec names no number: each task has its own, as if its engine had chosen it.

A number is chosen before the task is placed, so that the gate can reserve it; one that the machine refuses is
given up for the next.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skerry.core.draft import Draft
from skerry.core.index import PortKey
from skerry.model.defaults import HOST_PORT_RANGE
from skerry.model.objects import Port, Task
from skerry.model.specs import EndpointSpec, PortConfig


def assign(draft: Draft) -> None:
    """Give every task that is wanted the numbers that it lacks."""
    chosen: set[PortKey] = set()
    for task in list(draft.tasks.values()):
        if task.live and not task.status.state.terminal:
            ports = tuple(_numbered(draft, task, chosen))
            if ports != task.ports:
                draft.write(replace(task, ports=ports))


def _numbered(draft: Draft, task: Task, chosen: set[PortKey]) -> Iterator[Port]:
    for at, entry in enumerate(_left_open(task.endpoint)):
        port = task.ports[at] if task.ports else _unnumbered(entry)
        if not port.published or f"{port.protocol}/{port.published}" in draft.node.ports_err:
            port = replace(port, published=_free(draft, port, chosen))
        chosen.add((port.protocol, port.published))
        yield port


def _left_open(endpoint: EndpointSpec) -> Iterator[PortConfig]:
    return (port for port in endpoint.ports if port.publish_mode == "host" and not port.published_port)


def _unnumbered(port: PortConfig) -> Port:
    return Port(port.target_port, 0, port.protocol, "host", port.name)


def _free(draft: Draft, port: Port, chosen: set[PortKey]) -> int:
    """The next number that nobody has, above one that was refused; 0 where there is none."""
    held = (draft.view.index.own_ports, draft.view.index.ports, draft.view.index.host_ports)
    for number in range(max(HOST_PORT_RANGE.start, port.published + 1), HOST_PORT_RANGE.stop):
        key = (port.protocol, number)
        if key not in chosen and not any(key in numbers for numbers in held):
            return number
    return 0
