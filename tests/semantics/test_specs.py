"""What a change of a spec means for the tasks, and what is stored and shown of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.api.request_body import canonical
from skerry.api.wire import services as wire
from skerry.api.wire import tasks as wire_tasks
from skerry.control import configs, networks, services
from skerry.core import revisions
from skerry.core.dirty import is_dirty
from skerry.model.objects import Port, Raw, Service, UpdateStatus
from skerry.model.states import TaskState
from tests.control.swarm_of_one import World, published, spec, update_service

PORT: Raw = {"TargetPort": 80, "PublishedPort": 80}


def base(world: World) -> Raw:
    """A spec with something of everything."""
    return spec(
        container={"Env": ["A=1", "B=2"], "Args": ["run"]},
        task={"Networks": [{"Target": world.network("net")}], "RestartPolicy": {"Delay": 5}},
        UpdateConfig={"Parallelism": 1},
        EndpointSpec=published(PORT),
        Mode={"Replicated": {"Replicas": 2}},
    )


def changed(old: Raw, **more: Any) -> Raw:
    """The spec with changes: of the spec itself, of `task` and of `container`."""
    container = {**old["TaskTemplate"]["ContainerSpec"], **more.pop("container", {})}
    task = {**old["TaskTemplate"], "ContainerSpec": container, **more.pop("task", {})}
    return {**old, "TaskTemplate": task, **more}


KEPT: list[Raw] = [
    {},
    {"Labels": {"a": "b"}},
    {"UpdateConfig": {"Parallelism": 9}},
    {"RollbackConfig": {"Parallelism": 9}},
    {"Mode": {"Replicated": {"Replicas": 7}}},
    {"task": {"Placement": {"Constraints": ["node.role == manager"]}}},
    {"task": {"Placement": {"Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.x"}}]}}},
]
REPLACED: list[Raw] = [
    {"container": {"Image": "app:2"}},
    {"container": {"Env": ["B=2", "A=1"]}},
    {"container": {"Args": ["walk"]}},
    {"container": {"Command": ["sh"]}},
    {"container": {"Labels": {"a": "b"}}},
    {"container": {"Healthcheck": {"Test": ["CMD", "true"]}}},
    {"container": {"DNSConfig": {}}},
    {"container": {"Mounts": [{"Type": "volume", "Source": "v", "Target": "/v"}]}},
    {"container": {"StopGracePeriod": 10_000_000_000}},
    {"task": {"Resources": {}}},
    {"task": {"Resources": {"Limits": {"MemoryBytes": 1 << 30}}}},
    {"task": {"RestartPolicy": {"Delay": 6}}},
    {"task": {"RestartPolicy": None}},
    {"task": {"Networks": [{"Target": "net", "Aliases": ["x"]}]}},
    {"task": {"Networks": []}},
    {"task": {"ForceUpdate": 1}},
    {"task": {"LogDriver": {"Name": "none"}}},
    {"task": {"Placement": {"Constraints": ["node.role == worker"]}}},
    {"EndpointSpec": published({**PORT, "PublishedPort": 81})},
    {"EndpointSpec": published({**PORT, "PublishMode": "host"})},
    {"EndpointSpec": {"Mode": "dnsrr"}},
]


@pytest.mark.parametrize(
    ("change", "replaced"), [(one, False) for one in KEPT] + [(one, True) for one in REPLACED]
)
def test_which_change_replaces_tasks(change: Raw, replaced: bool) -> None:
    world = World()
    service = world.service(**_arguments(base(world)))
    task = world.task(service)
    after = world.update(service, changed(service.spec.raw, **dict(change)))
    assert is_dirty(after, task, world.node) is replaced


def _arguments(body: Raw) -> Raw:
    template = dict(body["TaskTemplate"])
    container = template.pop("ContainerSpec")
    rest = {key: value for key, value in body.items() if key not in ("Name", "TaskTemplate")}
    return {"container": container, "task": template, **rest}


@pytest.mark.parametrize("kind", ["secret", "config"])
def test_another_secret_or_config_replaces_tasks(kind: str) -> None:
    world = World()
    service = world.service()
    task = world.task(service)
    word = kind.capitalize()
    entry = {f"{word}ID": getattr(world, kind)("x"), f"{word}Name": "x", "File": {"Name": "x"}}
    after = world.update(service, changed(service.spec.raw, container={f"{word}s": [entry]}))
    assert is_dirty(after, task, world.node)


def shown(world: World, service: Service, **how: bool) -> Raw:
    """The spec as GET tells it, read again as POST reads it."""
    found = canonical(wire.service(world.view, service, **how)["Spec"], "swarm.ServiceSpec")
    assert isinstance(found, dict)
    return found


def test_what_was_read_and_is_sent_back_replaces_nothing() -> None:
    world = World()
    service = world.service(**_arguments(base(world)))
    task = world.task(service)
    again = world.update(service, shown(world, service))
    assert again.spec == service.spec
    assert not is_dirty(again, task, world.node)


def test_with_inserted_defaults_it_replaces_all() -> None:
    world = World()
    service = world.service(**_arguments(base(world)))
    task = world.task(service)
    again = world.update(service, shown(world, service, insert_defaults=True))
    assert is_dirty(again, task, world.node)
    once_more = world.update(again, shown(world, again, insert_defaults=True))
    assert not is_dirty(once_more, world.task(again), world.node)


def test_other_credentials_alone_replace_nothing_and_are_shown_to_nobody() -> None:
    world = World()
    service = world.service(**_arguments(base(world)))
    task = world.task(service)
    again = world.update(service, service.spec.raw, auth="c2VjcmV0LXdvcmQ=")
    assert again.registry_auth == "c2VjcmV0LXdvcmQ="
    assert not is_dirty(again, task, world.node)
    made = world.run(world.store.update(lambda tx: tx.put(replace(task, registry_auth=again.registry_auth))))
    told = [wire.service(world.view, again, insert_defaults=True, status=True)]
    assert "c2VjcmV0LXdvcmQ=" not in str([*told, wire_tasks.task(world.view, made)])


def test_a_rollback_after_scaling_only_undoes_that() -> None:
    world = World()
    first = world.service(Mode={"Replicated": {"Replicas": 1}})
    second = world.update(first, spec(container={"Image": "app:2"}, Mode={"Replicated": {"Replicas": 1}}))
    third = world.update(second, {**second.spec.raw, "Mode": {"Replicated": {"Replicas": 5}}})
    assert revisions.previous_spec(world.view, third) == second.spec
    back = world.update(third, third.spec.raw, rollback="previous")
    assert back.spec == second.spec


def test_a_rollback_needs_the_current_version() -> None:
    world = World()
    second = world.update(world.service(), spec(container={"Image": "app:2"}))
    stale = str(second.version - 1)
    world.refuses(
        lambda store: update_service(store, "app", stale, second.spec.raw, rollback="previous"),
        500,
        "rpc error: code = Unknown desc = update out of sequence",
    )


def test_the_version_moves_with_the_state_of_an_update_too() -> None:
    world = World()
    service = world.service()
    begun = replace(service, update=UpdateStatus("updating", "update in progress", 1))
    after = world.run(world.store.update(lambda tx: tx.put(begun)))
    assert after.version > service.version
    stale = str(service.version)
    world.refuses(
        lambda store: update_service(store, "app", stale, spec()),
        500,
        "rpc error: code = Unknown desc = update out of sequence",
    )
    assert world.update(after, spec(container={"Image": "app:2"})).update is None


def test_a_job_may_have_a_rollback_config_and_no_update_config() -> None:
    mode: Raw = {"ReplicatedJob": {"MaxConcurrent": 2}}
    job = World().service(Mode=mode, RollbackConfig={"Parallelism": 2})
    assert job.spec.raw["Mode"] == {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 2}}
    assert job.spec.raw["RollbackConfig"]["Parallelism"] == 2


def test_preferences_and_templates_are_told_as_they_were_sent() -> None:
    world = World()
    preferences = [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]
    sent = {"Hostname": "{{.Service.Name}}-{{.Task.Slot}}", "Args": ["{{.Nope"]}
    service = world.service(container=sent, task={"Placement": {"Preferences": preferences}})
    task = world.task(service)
    template = wire.service(world.view, service)["Spec"]["TaskTemplate"]
    for found in (template, wire_tasks.task(world.view, task)["Spec"]):
        assert found["Placement"]["Preferences"] == preferences
        assert {key: found["ContainerSpec"][key] for key in sent} == sent


def test_a_host_mode_port_that_was_left_open_is_shown_with_the_task() -> None:
    world = World()
    service = world.service(EndpointSpec=published({"TargetPort": 80, "PublishMode": "host"}))
    task = world.task(service, ports=(Port(80, 32768, mode="host"),))
    (port,) = wire_tasks.task(world.view, task)["Status"]["PortStatus"]["Ports"]
    assert port == {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 32768, "PublishMode": "host"}
    assert "PublishedPort" not in wire.service(world.view, service)["Spec"]["EndpointSpec"]["Ports"][0]
    ended = replace(task, status=replace(task.status, state=TaskState.FAILED))
    assert wire_tasks.task(world.view, ended)["Status"]["PortStatus"] == {}


def test_a_task_of_slot_zero_has_no_slot_and_the_first_iteration_no_number() -> None:
    world = World()
    job = world.service(Mode={"ReplicatedJob": {"MaxConcurrent": 1}})
    first = replace(world.task(job), slot=0, job_iteration=0)
    found = wire_tasks.task(world.view, first)
    assert "Slot" not in found
    assert found["JobIteration"] == {}
    assert wire_tasks.task(world.view, replace(first, slot=1, job_iteration=2))["Slot"] == 1
    told = wire.service(world.view, job, status=True)
    assert told["JobStatus"]["JobIteration"] == {}
    done = replace(first, status=replace(first.status, state=TaskState.COMPLETE))
    world.run(world.store.update(lambda tx: tx.put(done)))
    status = wire.service_status(world.view, job)
    assert status == {"RunningTasks": 0, "DesiredTasks": 1, "CompletedTasks": 1}


def test_after_the_removal_of_a_service_everything_of_it_can_be_made_again() -> None:
    world = World()
    for _ in range(2):
        network, config = world.network("stack_net"), world.config("stack_conf")
        file = {"ConfigID": config, "ConfigName": "stack_conf", "File": {"Name": "/c"}}
        body = {"task": {"Networks": [{"Target": network}]}, "EndpointSpec": published(PORT)}
        service = world.service("stack_app", container={"Configs": [file]}, **body)
        world.task(service)
        world.run(services.remove(world.store, "stack_app"))
        world.run(configs.remove(world.store, "stack_conf"))
        world.run(networks.remove(world.store, "stack_net"))
    tasks = list(world.view.tasks.values())
    assert [(task.status.state, task.desired) for task in tasks] == [
        (TaskState.RUNNING, TaskState.REMOVE)
    ] * 2
    assert len({task.name for task in tasks}) == 2
