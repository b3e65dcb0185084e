"""Specs of rows: one value for equal ones, read when the row is loaded, and never by a pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.core.reconcile import reconcile
from skerry.core.view import View
from skerry.model import spec
from skerry.model.declare import Declared, Raw
from skerry.model.objects import Service, Task
from skerry.store.rows import Specs, decode, encode
from tests.core.world import Swarm, service_spec
from tests.store.rows import created, opened
from tests.support.specs import of_service

KEY = b"k" * 32


def loaded(directory: Path, view: View) -> View:
    """A view as the next start reads it."""
    opened(directory).write(9, created(*view.nodes.values(), *view.services.values(), *view.tasks.values()))
    return opened(directory).load()


def test_the_tasks_of_a_service_have_one_spec_between_them(tmp_path: Path) -> None:
    swarm = Swarm(service_spec(replicas=3))
    swarm.settle()
    assert len({id(task.spec.typed) for task in swarm.tasks}) == 1
    assert len({id(task.spec) for task in loaded(tmp_path, swarm.view).tasks_of("s")}) == 1


def test_a_pass_reads_no_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swarm = Swarm(service_spec(replicas=3, template={"Networks": [{"Target": "net"}]}))
    swarm.settle()
    view = loaded(tmp_path, swarm.view)
    read: list[object] = []

    def counted(raw: Raw, kind: type[Declared]) -> tuple[Declared, str]:
        read.append(raw)
        return kind(), ""

    monkeypatch.setattr(spec, "_readable", counted)
    plan = reconcile(view.without(next(iter(view.tasks.values()))), "s", swarm.now)
    assert plan.tasks  # it makes one in the place of that
    assert not read
    of_service({}).typed  # noqa: B018
    assert read  # and a spec that is new would be seen here


def test_a_row_whose_spec_is_of_a_wrong_type_is_loaded_and_shown() -> None:
    raw = {"Name": "app", "Mode": {"Replicated": {"Replicas": "many"}}}
    row = encode(Service("s", "app", of_service(raw)), KEY)
    service = decode("service", "s", row, KEY, Specs())
    assert isinstance(service, Service)
    assert service.spec.raw == raw
    assert service.spec.typed.mode.kind == "replicated"
    assert "Replicas" in service.spec.fault


def test_a_row_is_written_as_it_was_before_specs_were_values() -> None:
    swarm = Swarm(service_spec(EndpointSpec={"Mode": "vip", "Later": None}, Unknown=[{}, None]))
    swarm.settle()
    task = swarm.tasks[0]
    assert isinstance(task, Task)
    assert '"endpoint_spec":{"Mode":"vip","Later":null}' in encode(task, KEY)
    assert '"Unknown":[{},null]' in encode(swarm.service, KEY)
