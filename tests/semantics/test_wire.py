"""Traps of the wire: what clients trip over where an answer is only almost Docker's."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from skerry.agent.container import blueprint
from skerry.api.swarm_events import of_change
from skerry.control import networks, services, swarm
from skerry.core.view import View
from skerry.model.files import Config
from skerry.model.objects import Raw, Task, TaskStatus
from skerry.model.spec import template_of
from skerry.model.states import TaskState
from skerry.model.times import timestamp
from skerry.store.store import Change
from tests.agent.stage import new_task, stage
from tests.api.door import Door, check
from tests.api.scene import HOST, Scene
from tests.control.swarm_of_one import INIT, World, create_service, published, spec, update_service
from tests.engine.fake import FakeEngine
from tests.support.specs import of_endpoint


async def swarmed(door: Door) -> None:
    await swarm.init(door.store, INIT, "vm", {"Hostname": "vm"})


async def task_of(door: Door, key: str, name: str = "t1") -> Task:
    """A running task of a service, as the loops would have made it."""
    service = door.store.view.services[key]
    node = door.store.view.node
    assert node is not None
    status = TaskStatus(TaskState.RUNNING, 0, "started", container_id=name)
    template = template_of(service.spec)
    task = Task(
        name,
        key,
        service.name,
        node.id,
        template,
        None,
        service.spec_version,
        TaskState.RUNNING,
        status,
        slot=1,
    )
    return await door.store.update(lambda tx: tx.put(task))


async def asked(door: Door, path: str, **filters: Any) -> Any:
    told = await door.ask("GET", f"{path}?filters={quote(str(filters).replace(chr(39), chr(34)))}")
    assert told.status == 200, told.body
    return told.json


def test_nothing_is_an_empty_list_and_never_null() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        for path in ("/services", "/tasks", "/configs", "/secrets"):
            assert (await door.ask("GET", path)).body.strip() == b"[]", path
        for path in ("/nodes", "/networks"):
            nothing = await door.ask("GET", f"{path}?filters=%7B%22name%22:%5B%22zz%22%5D%7D")
            assert nothing.body.strip() == b"[]", path

    check(test, {"GET /networks": []})


def test_numbers_are_written_as_go_writes_them() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        body = (
            b'{"Name":"app","TaskTemplate":{"ContainerSpec":{"Image":"a"},"Resources":{"Limits":'
            b'{"MemoryBytes":9007199254740993}}},"UpdateConfig":{"MaxFailureRatio":0.0},'
            b'"RollbackConfig":{"MaxFailureRatio":0.3},"Mode":{"Replicated":{"Replicas":0}}}'
        )
        assert (await door.ask("POST", "/services/create", body)).status == 201
        told = (await door.ask("GET", "/services/app")).body
        for text in (
            b'"MaxFailureRatio":0,',
            b'"MaxFailureRatio":0.3,',
            b":9007199254740993}",
            b'"Replicas":0}',
        ):
            assert text in told
        counted = (await door.ask("GET", "/services?status=true")).json[0]["ServiceStatus"]
        assert (counted["RunningTasks"], counted["DesiredTasks"]) == (0, 0)

    check(test)


def test_old_tasks_are_not_up_to_date() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key, _ = await create_service(door.store, spec())
        await task_of(door, key, "old")
        version = str(door.store.view.services[key].version)
        await update_service(door.store, key, version, spec(container={"Image": "app:2"}))
        await task_of(door, key, "new")
        found = await asked(door, "/tasks", service=["app"], **{"_up-to-date": ["true"]})
        assert [one["ID"] for one in found] == ["new"]
        assert len(await asked(door, "/tasks", service=["app"])) == 2

    check(test)


def test_tasks_outlive_their_service_in_the_list() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key, _ = await create_service(door.store, spec())
        await task_of(door, key)
        await services.remove(door.store, "app")
        (found,) = (await door.ask("GET", "/tasks")).json
        assert (found["ServiceID"], found["DesiredState"], found["Status"]["State"]) == (
            key,
            "remove",
            "running",
        )
        node = door.store.view.node
        assert node is not None
        assert [one["ID"] for one in await asked(door, "/tasks", node=[node.id])] == ["t1"]
        assert (await door.ask("GET", f"/services/{key}")).status == 404

    check(test)


def test_a_network_is_hidden_while_its_bridge_still_stands() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key = await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        service, _ = await create_service(door.store, spec(task={"Networks": [{"Target": "net"}]}))
        await task_of(door, service)
        assert (await door.ask("DELETE", "/networks/net")).status == 400
        assert (await door.ask("DELETE", "/services/app")).status == 200
        assert (await door.ask("DELETE", "/networks/net")).status == 204
        door.engine.answers["GET /networks"] = [
            {"Name": f"skerry.{key}", "Id": "f" * 64, "Labels": {"skerry.network": key}}
        ]
        names = [one["Name"] for one in (await door.ask("GET", "/networks")).json]
        assert names == ["ingress"]
        assert door.store.view.networks[key].removed, "the row stays until the bridge is gone"
        assert (
            await door.ask("POST", "/networks/create", {"Name": "net", "Driver": "overlay"})
        ).status == 201

    check(test, {"GET /networks": []})


def test_networks_of_the_swarm_are_found_by_their_scope() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        found = await asked(door, "/networks", scope=["swarm"])
        assert {(one["Name"], one["Scope"], one["Driver"]) for one in found} == {
            ("net", "swarm", "overlay"), ("ingress", "swarm", "overlay"),
        }  # fmt: skip
        assert {len(one["Id"]) for one in found} == {25}
        assert "scope" in door.engine.heads[-1], "the engine is asked for its own ones by the same filter"

    check(test, {"GET /networks": []})


def test_credentials_stay_inside() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key, _ = await create_service(door.store, spec(), auth="c2VjcmV0LXdvcmQ=")
        await task_of(door, key)
        for path in ("/services", f"/services/{key}?insertDefaults=true", "/tasks", "/tasks/t1"):
            told = await door.ask("GET", path)
            assert told.status == 200
            assert b"c2VjcmV0LXdvcmQ=" not in told.body, path

    check(test)


def test_the_version_is_told_everywhere_and_a_higher_one_refused() -> None:
    async def test(door: Door) -> None:
        for path in ("/_ping", "/version", "/services", "/v1.41/services", "/nodes/x"):
            assert "api-version: 1.41" in (await door.ask("GET", path)).head, path
        assert (await door.ask("GET", "/version")).json["ApiVersion"] == "1.41"
        for path in ("/services", "/containers/json", "/networks"):
            assert (await door.ask("GET", f"/v1.42{path}")).status == 400, path

    check(test, {"GET /containers/json": [], "GET /networks": []})


def test_an_event_has_the_time_of_the_object_and_comes_when_it_can_be_read() -> None:
    world = World()
    service = world.service()
    assert of_change(Change(None, service), world.clock.now) is not None

    async def one() -> None:
        async with world.store.watch() as commits:
            version = str(service.version)
            await update_service(world.store, "app", version, spec(container={"Image": "app:2"}))
            commit = await commits.get()
            now = world.view.services[service.id]
            assert commit.at == now.updated_at
            assert now.version == commit.view.services[service.id].version
            (event,) = [of_change(change, commit.at) for change in commit.changes if change.new is now]
            assert event is not None
            assert event["timeNano"] == now.updated_at
            assert timestamp(event["timeNano"]) == timestamp(now.updated_at)

    world.clock.now += 5_000_000_000
    asyncio.run(one())


def test_docker_ps_does_not_show_a_port_in_ingress_mode() -> None:
    scene = Scene()
    ingress = {**HOST, "PublishMode": "ingress"}
    key = scene.task.service_id
    scene.world.update(scene.world.view.services[key], spec(EndpointSpec=published(ingress)))
    scene.world.run(
        scene.world.store.update(
            lambda tx: tx.put(
                replace(tx.view.tasks[scene.task.id], endpoint_spec=of_endpoint(published(ingress)))
            )
        )
    )
    row = scene.looks.row(scene.row())
    assert [port for port in row["Ports"] if "PublicPort" in port] == []
    found = scene.looks.details(scene.inspected(), None)
    assert found["HostConfig"]["PortBindings"] == {}
    assert scene.task.id


# ---- what the agent does, as clients see it


def test_an_image_that_is_here_is_not_pulled() -> None:
    async def play() -> None:
        async with stage() as here:
            await here.task()
            await here.until_state(TaskState.RUNNING)
            assert not [call for call in here.calls if call.startswith("pull")]

    asyncio.run(play())


def test_a_task_that_ends_well_before_its_check_passed_is_complete() -> None:
    async def play() -> None:
        async with stage() as here:
            fake = here.engine
            assert isinstance(fake, FakeEngine)
            check: Raw = {"Test": ["CMD", "false"], "Interval": 10_000_000_000}
            await here.task(Healthcheck=check)
            await here.until(lambda: here.row().status.pid != 0)
            assert here.row().status.state == TaskState.STARTING
            fake.end("web.1.t1", 0)
            assert (await here.until_state(TaskState.COMPLETE)).err == ""

    asyncio.run(play())


def test_arguments_alone_keep_the_entrypoint_and_nothing_of_the_policy_reaches_the_container() -> None:
    async def play() -> None:
        async with stage() as here:
            fake = here.engine
            assert isinstance(fake, FakeEngine)
            await here.task(Args=["sleep", "9"], StopGracePeriod=3_000_000_000)
            await here.until_state(TaskState.RUNNING)
            body = fake.boxes["web.1.t1"].body
            assert body["Cmd"] == ["sleep", "9"]
            assert not {"Entrypoint", "StopTimeout"} & body.keys()
            assert not {"RestartPolicy", "AutoRemove", "PortBindings"} & body["HostConfig"].keys()
            settings = {"IPAMConfig": {"IPv4Address": "10.0.1.2"}}
            assert body["NetworkingConfig"]["EndpointsConfig"] == {next(iter(fake.networks)): settings}

    asyncio.run(play())


def test_a_config_of_an_unknown_template_rejects_the_task_before_anything_is_made() -> None:
    async def play() -> None:
        async with stage() as here:
            await here.put(Config("c1", "c", {"Templating": {"Name": "jinja"}}, b"{{ x }}"))
            file = {"Name": "/c", "UID": "0", "GID": "0", "Mode": 0o444}
            await here.task(Configs=[{"ConfigID": "c1", "ConfigName": "c", "File": file}])
            status = await here.until_state(TaskState.REJECTED)
            assert "unrecognized template type" in status.err
            assert not [call for call in here.calls if call.startswith("create")]

    asyncio.run(play())


def test_a_credential_spec_becomes_an_option_of_the_container() -> None:
    view = View()
    for kind in ("Config", "File", "Registry"):
        task = new_task("t1", TaskState.RUNNING, {"Privileges": {"CredentialSpec": {kind: "x"}}})
        options = blueprint(task, view, []).body["HostConfig"]["SecurityOpt"]
        assert options == [f"credentialspec={kind.lower()}://x"]
