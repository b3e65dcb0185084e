"""What a service gives to the network is made again only where something of it has changed."""

from __future__ import annotations

from msgspec.structs import replace

from bench.core import NOW, swarm
from skerry.core.endpoints import traffic
from skerry.core.share import Shares
from skerry.core.view import View
from skerry.model.objects import Attachment, Port
from skerry.model.states import TaskState


def served(size: int) -> View:
    """So many services of ten tasks, all reachable."""
    view = swarm(size)
    view = view.put(replace(view.networks["net"], leg="10.0.255.254"))
    for number, task in enumerate(sorted(view.tasks.values(), key=lambda task: task.id)):
        view = view.put(replace(task, attachments=(Attachment("net", f"10.0.1.{number}"),)))
    return view


def test_kept_shares_tell_the_same_as_fresh_ones() -> None:
    shares, view = Shares(), served(3)
    task, service, network = view.tasks["s0t1"], view.services["s1"], view.networks["net"]
    changed = view.put(replace(task, status=replace(task.status, state=TaskState.FAILED, at=NOW)))
    views = [
        view,
        changed,
        changed.put(replace(service, spec={**service.spec, "Labels": {"skerry.hold.timeout": "3s"}})),
        changed.without(service),
        changed.put(replace(network, name="other")),
        view,
    ]
    for one in views:
        assert traffic(one, frozenset(), shares) == traffic(one)
        assert traffic(one, frozenset({"s2t3"}), shares) == traffic(one, frozenset({"s2t3"}))


def test_a_change_makes_one_share_again() -> None:
    shares, view = Shares(), served(3)
    before = shares.of(view)
    task = view.tasks["s0t1"]
    after = shares.of(view.put(replace(task, desired=TaskState.SHUTDOWN)))
    assert [key for key in before if after[key] is not before[key]] == ["s0"]
    assert len(after["s0"].virtual[0].backends) == 9


def test_of_two_that_publish_one_port_the_one_with_a_place_has_it() -> None:
    view = served(2)
    for service in view.services.values():
        ports = (Port(8080, 80),)
        view = view.put(replace(service, endpoint=replace(service.endpoint, ports=ports)))
    assert [port.service_id for port in traffic(view).ports] == ["s0"]
    for task in view.tasks_of("s0"):
        view = view.put(replace(task, status=replace(task.status, state=TaskState.PENDING)))
    assert [port.service_id for port in traffic(view).ports] == ["s1"]
