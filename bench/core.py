"""What one decision costs, among 10, 100 and 1,000 services of 10 tasks: `python -m bench.core`.

One round is what happens when a task ends: the agent's commit, the pass that decides about its service, and
the commit of what it decided; without the disk. The last line has the medians, the growth between the
smallest and the largest, and what it costs to give a task its address while 1,000 tasks are on a /20.
"""

from __future__ import annotations

import statistics
import time

from msgspec.structs import replace

from skerry.core.addresses import Allocator
from skerry.core.plan import is_new
from skerry.core.reconcile import reconcile
from skerry.core.view import View
from skerry.loops.orchestrator import apply
from skerry.model.defaults import SECOND
from skerry.model.objects import (
    Attachment,
    Cluster,
    Endpoint,
    Network,
    Node,
    Raw,
    Service,
    Task,
    TaskStatus,
    VirtualIP,
)
from skerry.model.spec import Spec, template_of
from skerry.model.specs import ServiceSpec, TaskTemplate
from skerry.model.states import TaskState
from skerry.store.store import Tx

SIZES = (10, 100, 1000)
TASKS = 10
ROUNDS = 400
NOW = 1_000_000 * SECOND


def spec(number: int) -> Raw:
    """A service that reserves something, on a network."""
    template = {
        "ContainerSpec": {"Image": "app:1", "Env": ["A=1", "B=2"]},
        "Resources": {"Reservations": {"MemoryBytes": 1 << 20}},
        "Networks": [{"Target": "net"}],
    }
    return {
        "Name": f"s{number}",
        "Labels": {},
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": TASKS}},
    }


def swarm(size: int) -> View:
    """So many services, all of whose tasks run."""
    memory = {"Resources": {"NanoCPUs": 10**12, "MemoryBytes": 1 << 50}}
    view = View(
        clusters={"c": Cluster("c", "n", {})},
        nodes={"n": Node("n", "host", {"Availability": "active"}, description=memory)},
        networks={"net": Network("net", "net", {}, "10.0.0.0/16", "10.0.0.1", "10.0.255.254")},
    )
    for number in range(size):
        vip = VirtualIP("net", f"10.0.{128 + number // 250}.{number % 250}")
        service = Service(
            f"s{number}",
            f"s{number}",
            Spec(ServiceSpec, spec(number)),
            spec_version=1,
            endpoint=Endpoint(vips=(vip,)),
        )
        view = view.put(service)
        for slot in range(1, TASKS + 1):
            status = TaskStatus(TaskState.RUNNING, NOW, "started")
            task = Task(
                f"s{number}t{slot}",
                service.id,
                service.name,
                "n",
                template_of(service.spec),
                None,
                1,
                TaskState.RUNNING,
                status,
                slot,
                created_at=NOW,
                running_at=NOW,
            )
            view = view.put(seated(view, task))
    return view


def seated(view: View, task: Task) -> Task:
    """The task with an address on the network."""
    task = replace(task, attachments=(Attachment("net"),))
    return replace(task, attachments=Allocator(view).attachments(task))


def allocations() -> float:
    """Microseconds to give a task its address on a /20 on which 1,000 tasks come and go: the median."""
    view = View(networks={"net": Network("net", "net", {}, "10.0.0.0/20", "10.0.0.1", "10.0.15.254")})
    status = TaskStatus(TaskState.RUNNING, NOW, "started")
    times = []
    for serial in range(10_000):
        task = Task(
            f"t{serial}",
            "s",
            "s",
            "n",
            Spec(TaskTemplate, {}),
            None,
            1,
            TaskState.RUNNING,
            status,
            attachments=(Attachment("net"),),
        )
        start = time.perf_counter()
        attachments = Allocator(view).attachments(task)
        times.append((time.perf_counter() - start) * 1e6)
        view = view.put(replace(task, attachments=attachments))
        if serial >= 1000:
            view = view.without(view.tasks[f"t{serial - 1000}"])
    return statistics.median(times)


def one_round(view: View, service_id: str, serial: int) -> View:
    """A task of the service ends, and is replaced; the view after it."""
    task = next(one for one in view.tasks_of(service_id) if one.status.state == TaskState.RUNNING)
    tx = Tx(view, NOW + serial, lambda: f"n{serial}")
    ended = replace(task.status, state=TaskState.FAILED, at=NOW + serial)
    tx.put(replace(task, status=ended))
    tx.changes()
    tx = Tx(tx.view, NOW + serial, lambda: f"n{serial}")
    plan = reconcile(tx.view, service_id, tx.now)
    apply(plan, tx)
    tx.changes()
    assert any(is_new(one) for one in plan.tasks)
    return tx.view


def measure() -> dict[int, float]:
    """Microseconds of a round, by the number of services: medians of rounds taken in turn."""
    views = {size: swarm(size) for size in SIZES}
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for serial in range(ROUNDS):
        for size, view in views.items():
            service_id = f"s{serial % size}"
            start = time.perf_counter()
            one_round(view, service_id, serial)
            times[size].append((time.perf_counter() - start) * 1e6)
    return {size: statistics.median(row) for size, row in times.items()}


def main() -> None:
    """Print the table."""
    found = measure()
    print(f"{'services':>10} {'tasks':>8} {'one decision':>14}")
    for size, took in found.items():
        print(f"{size:>10} {size * TASKS:>8} {took:>11.0f} µs")
    figures = " ".join(f"us_{size}={took:.0f}" for size, took in found.items())
    growth = found[SIZES[-1]] / found[SIZES[0]]
    print(f"bench-core: {figures} growth={growth:.2f} us_address={allocations():.1f}")


if __name__ == "__main__":
    main()
