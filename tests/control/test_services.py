"""Services: what is stored, what an update and a rollback make of it, and what removal leaves."""

from __future__ import annotations

import asyncio
import re
from functools import partial

import pytest
from msgspec.structs import replace

from skerry.api.wire import services as wire
from skerry.control import networks, services
from skerry.control.convert import service_spec
from skerry.control.images import Content
from skerry.core import revisions
from skerry.core.dirty import is_dirty
from skerry.core.traffic_policy import policy_of
from skerry.model import defaults
from skerry.model.defaults import SECOND
from skerry.model.errors import RpcError
from skerry.model.objects import Raw, UpdateStatus
from skerry.model.specs import CONTENT
from skerry.model.states import TaskState
from tests.control.swarm_of_one import World, create_service, invalid, published, spec, update_service
from tests.support.specs import of_service


def test_a_minimal_spec_gets_only_the_converters_defaults() -> None:
    service = World().service()
    assert service.spec.raw == {
        "Name": "app",
        "Labels": {},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "app:1", "Isolation": "default"},
            "ForceUpdate": 0,
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    assert (service.version, service.spec_version, service.update) == (2, 2, None)


def test_zeros_and_nulls_are_stored_as_a_real_swarm_stores_them() -> None:
    container = {
        "Args": [],
        "Env": None,
        "Hostname": "",
        "TTY": False,
        "Init": False,
        "StopGracePeriod": 0,
        "Labels": {},
        "Privileges": {"CredentialSpec": None},
        "DNSConfig": {},
        "Healthcheck": {},
        "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {}, "VolumeOptions": {}}],
    }
    task = {
        "Resources": {"Limits": {"NanoCPUs": 0}},
        "RestartPolicy": {},
        "Placement": {"Constraints": [], "Preferences": [{}]},
        "Networks": [],
    }
    stored = (
        World().service(container=container, task=task, UpdateConfig={}, EndpointSpec={"Ports": []}).spec.raw
    )
    assert stored["TaskTemplate"]["ContainerSpec"] == {
        "Image": "app:1",
        "Init": False,
        "StopGracePeriod": 0,
        "Privileges": {},
        "DNSConfig": {},
        "Healthcheck": {},
        "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "VolumeOptions": {}}],
        "Isolation": "default",
    }
    assert stored["TaskTemplate"]["Resources"] == {"Limits": {}}
    assert stored["TaskTemplate"]["RestartPolicy"] == {"Condition": "any", "MaxAttempts": 0}
    assert stored["TaskTemplate"]["Placement"] == {}
    assert "Networks" not in stored["TaskTemplate"]
    assert stored["UpdateConfig"] == {
        "Parallelism": 0,
        "MaxFailureRatio": 0,
        "FailureAction": "pause",
        "Order": "stop-first",
    }
    assert stored["EndpointSpec"] == {"Mode": "vip"}


def test_words_are_stored_as_the_converter_writes_them() -> None:
    container = {
        "Isolation": "zz",
        "Ulimits": [{"Name": "nofile", "Hard": 5}],
        "Privileges": {"SELinuxContext": {"Disable": True}},
        "Mounts": [
            {"Target": "/a"},
            {"Type": "VOLUME", "Target": "/b", "Consistency": "cached"},
            {"Type": "bind", "Source": "/x", "Target": "/c", "BindOptions": {"Propagation": "RSHARED"}},
        ],
    }
    ports = published({"TargetPort": 53, "Protocol": "UDP", "PublishMode": "Host"}, {"TargetPort": 80})
    stored = World().service(container=container, EndpointSpec=ports).spec.raw
    found = stored["TaskTemplate"]["ContainerSpec"]
    assert found["Isolation"] == "default"
    assert found["Ulimits"] == [{"Name": "nofile", "Hard": 5, "Soft": 0}]
    assert found["Privileges"] == {
        "SELinuxContext": {"Disable": True, "User": "", "Role": "", "Type": "", "Level": ""}
    }
    assert found["Mounts"] == [
        {"Type": "bind", "Target": "/a"},
        {"Type": "volume", "Target": "/b"},
        {"Type": "bind", "Source": "/x", "Target": "/c", "BindOptions": {"Propagation": "rshared"}},
    ]
    assert stored["EndpointSpec"]["Ports"] == [
        {"TargetPort": 53, "Protocol": "udp", "PublishMode": "host"},
        {"TargetPort": 80, "Protocol": "tcp", "PublishMode": "ingress"},
    ]


def test_unknown_fields_and_zero_replicas_are_kept() -> None:
    stored = World().service(Mode={"Replicated": {"Replicas": 0}}, task={"Later": [1]}, New={"a": 1}).spec.raw
    assert stored["Mode"] == {"Replicated": {"Replicas": 0}}
    assert stored["TaskTemplate"]["Later"] == [1]
    assert stored["New"] == {"a": 1}


def test_a_service_without_a_name_gets_one() -> None:
    world = World()
    body = {key: value for key, value in spec().items() if key != "Name"}
    key, _ = world.run(create_service(world.store, body))
    assert re.fullmatch(r"[a-z]+_[a-z]+", world.view.services[key].name)


def test_network_names_become_ids_also_from_the_older_place() -> None:
    world = World()
    key = world.network("net")
    for name in ("net", key, key[:12]):
        service = world.service(f"by-{len(name)}", task={"Networks": [{"Target": name, "Aliases": ["x"]}]})
        assert service.spec.raw["TaskTemplate"]["Networks"] == [{"Target": key, "Aliases": ["x"]}]
    older = world.service("older", Networks=[{"Target": "net"}])
    assert older.spec.raw["TaskTemplate"]["Networks"] == older.spec.raw["Networks"] == [{"Target": key}]
    assert [one.network_id for one in older.endpoint.vips] == [key]
    both = world.service("both", task={"Networks": [{"Target": "net"}]}, Networks=[{"Target": "any"}])
    assert both.spec.raw["TaskTemplate"]["Networks"] == [{"Target": key}]
    assert both.spec.raw["Networks"] == [{"Target": "any"}]


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    # each as (in the task template, in the older place), and what a genuine Swarm answers
    [
        (("", "n1"), ("n2", ""), True),
        (("", "n1"), ("", ""), False),
        (("", ""), ("", "n1"), False),
        (("n1", ""), ("", "n2"), True),
        (("n1", ""), ("", "n1"), True),
        (("", "n1"), ("n1", "n1"), True),
        (("", "n1"), ("n2", "n1"), True),
        (("", "n1"), ("", "n2"), False),
        (("n1", "n1"), ("n1", "n2"), False),
        (("n1", "n2"), ("", "n2"), True),
        (("", "n1"), ("", "n1"), True),
    ],
)
def test_networks_of_the_older_place_move_but_do_not_change(
    before: tuple[str, str], after: tuple[str, str], allowed: bool
) -> None:
    world = World()
    keys = {name: world.network(name) for name in ("n1", "n2")}

    def body(task: str, legacy: str) -> Raw:
        places = {"task": {"Networks": [{"Target": task}]} if task else {}}
        return spec("app", **places, **({"Networks": [{"Target": legacy}]} if legacy else {}))

    key, _ = world.run(create_service(world.store, body(*before)))
    version = str(world.view.services[key].version)
    asked = partial(update_service, ref="app", version=version, body=body(*after))
    if not allowed:
        reason = "desc = networks must be migrated to TaskSpec before being changed"
        world.refuses(asked, 501, f"rpc error: code = Unimplemented {reason}")
        return
    world.run(asked(world.store))
    joined = [keys[name] for name in (after[0] or after[1],)]
    stored = world.view.services[key]
    assert [one.network_id for one in stored.endpoint.vips] == joined
    shown = wire.service_spec(stored.spec.raw)
    assert [one["Target"] for one in shown.get("Networks", [])] == (
        [after[1] if after[0] else joined[0]] if after[1] else []
    )
    assert [one["Target"] for one in shown["TaskTemplate"].get("Networks", [])] == (
        joined if after[0] else []
    )


def test_files_are_found_by_id_and_name() -> None:
    world = World()
    config, secret = world.config("conf"), world.secret("word")
    references = {
        "Configs": [{"ConfigID": config, "ConfigName": "conf", "File": {"Name": "/c"}}],
        "Secrets": [{"SecretID": secret, "SecretName": "word", "File": {"Name": "s"}}],
    }
    stored = world.service(container=references).spec.raw["TaskTemplate"]["ContainerSpec"]
    assert stored["Configs"] == references["Configs"]
    body = spec("b", container={"Secrets": [{**references["Secrets"][0], "SecretName": "other"}]})
    world.refuses(lambda store: create_service(store, body), 400, invalid("secret not found: other"))


def test_an_update_keeps_the_old_spec_and_clears_the_status() -> None:
    world = World()
    old = world.service()
    new = world.update(old, spec(container={"Image": "app:2"}))
    assert revisions.previous_spec(world.view, new) == old.spec
    assert [one.number for one in world.view.revisions_of(new.id)] == [1, 2]
    assert new.spec_version == new.version == world.view.version
    assert new.update is None
    assert (new.id, new.created_at) == (old.id, old.created_at)


def test_an_unchanged_update_leaves_tasks_clean() -> None:
    world = World()
    service = world.service(UpdateConfig={"Parallelism": 1})
    task = world.task(service)
    again = world.update(service, service.spec.raw)
    assert not is_dirty(again, task, world.node)
    assert again.revision == 1
    assert revisions.previous(world.view, again) is None


def test_a_manual_rollback_makes_old_tasks_clean_again_and_a_second_one_goes_further_back() -> None:
    world = World()
    first = world.service()
    task = world.task(first)
    second = world.update(first, spec(container={"Image": "app:2"}))
    third = world.update(second, spec(container={"Image": "app:3"}))
    assert is_dirty(third, task, world.node)
    middle = world.update(third, third.spec.raw, rollback="previous")
    assert (middle.spec, middle.revision) == (second.spec, 2)
    back = world.update(middle, middle.spec.raw, rollback="previous")
    assert (back.spec, back.spec_version, back.revision) == (first.spec, first.spec_version, 1)
    assert back.update == UpdateStatus(
        "rollback_started", "manually requested rollback", started_at=world.clock.now
    )
    assert not is_dirty(back, task, world.node)
    text = f"rpc error: code = FailedPrecondition desc = service {back.id} does not have a previous spec"
    version = str(back.version)
    world.refuses(
        lambda store: update_service(store, back.id, version, back.spec.raw, rollback="previous"), 400, text
    )


def test_an_update_after_a_rollback_branches_off_there() -> None:
    world = World()
    first = world.service()
    second = world.update(first, spec(container={"Image": "app:2"}))
    back = world.update(second, second.spec.raw, rollback="previous")
    third = world.update(back, spec(container={"Image": "app:3"}))
    assert third.revision == 3
    assert revisions.previous_spec(world.view, third) == first.spec


def test_only_so_many_revisions_are_kept() -> None:
    world = World()
    service = world.service()
    for number in range(defaults.HISTORY_KEPT + 5):
        service = world.update(service, spec(Labels={"serial": str(number)}))
    kept = world.view.revisions_of(service.id)
    assert len(kept) == defaults.HISTORY_KEPT
    assert kept[-1].number == service.revision == defaults.HISTORY_KEPT + 6
    world.run(services.remove(world.store, service.id))
    assert not world.view.revisions


def test_each_update_of_a_job_is_another_iteration() -> None:
    world = World()
    job = world.service(Mode={"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 3}})
    assert (job.job_iteration, job.last_execution) == (0, world.clock.now)
    again = world.update(job, {**job.spec.raw, "Labels": {"a": "b"}})
    assert (again.job_iteration, again.last_execution) == (1, world.clock.now)


def test_a_volume_that_two_tasks_would_write_is_warned_of() -> None:
    world = World()
    mount = {"Type": "volume", "Source": "data", "Target": "/data"}
    order: Raw = {"UpdateConfig": {"Parallelism": 1, "Order": "start-first"}}
    _, warnings = world.run(create_service(world.store, spec(container={"Mounts": [mount]}, **order)))
    assert len(warnings) == 1
    assert warnings[0].startswith("volume data is written by the old task and the new one")
    reads = {"Mounts": [{**mount, "ReadOnly": True}]}
    assert world.run(create_service(world.store, spec("b", container=reads, **order)))[1] == []
    assert world.run(create_service(world.store, spec("c", container={"Mounts": [mount]})))[1] == []


@pytest.mark.parametrize("value", ["soon", "", "-1s", "10"])
def test_a_label_of_ours_must_mean_something(value: str) -> None:
    body = spec(Labels={"skerry.update.deadline": value})
    meant = "something like 30s, 1m30s or 500ms is meant"
    text = f"label skerry.update.deadline: invalid duration {value!r}: {meant}"
    World().refuses(lambda store: create_service(store, body), 400, invalid(text))


def test_a_rollback_needs_a_previous_spec_and_a_valid_body() -> None:
    world = World()
    service = world.service()
    version = str(service.version)
    text = f"rpc error: code = FailedPrecondition desc = service {service.id} does not have a previous spec"
    world.refuses(lambda store: update_service(store, "app", version, spec(), rollback="previous"), 400, text)
    world.refuses(
        lambda store: update_service(store, "app", version, {}, rollback="previous"),
        400,
        "mismatched Runtime and *Spec fields",
    )
    world.refuses(
        lambda store: update_service(store, "app", version, spec(), rollback="xx"),
        500,
        "unrecognized rollback option xx",
    )


def test_a_port_to_which_a_failed_update_would_return_is_nobody_elses() -> None:
    world = World()
    port = {"EndpointSpec": published({"TargetPort": 80, "PublishedPort": 80})}
    returning = {"UpdateConfig": {"Parallelism": 1, "FailureAction": "rollback"}}
    first = world.service("a", **port)
    world.task(first)
    updated = world.update(first, spec("a", **returning))
    taker = spec("b", **port)
    words = f"port '80' is already in use by service 'a' ({first.id}) as an ingress port"
    world.refuses(lambda store: create_service(store, taker), 400, invalid(words))
    under_way = replace(updated, update=UpdateStatus("updating", "", started_at=1))
    world.run(world.store.update(lambda tx: tx.put(under_way)))
    world.refuses(lambda store: create_service(store, taker), 400, invalid(words))
    over = replace(updated, update=UpdateStatus("completed", "", started_at=1))
    world.run(world.store.update(lambda tx: tx.put(over)))
    world.service("b", **port)


def test_a_rollback_to_a_port_that_another_service_took_is_refused() -> None:
    world = World()
    first = world.service("a", EndpointSpec=published({"TargetPort": 80, "PublishedPort": 80}))
    second = world.update(first, spec("a"))
    taker = world.service("b", EndpointSpec=published({"TargetPort": 80, "PublishedPort": 80}))
    world.refuses(
        lambda store: update_service(store, "a", str(second.version), spec("a"), rollback="previous"),
        400,
        invalid(f"port '80' is already in use by service 'b' ({taker.id}) as an ingress port"),
    )


@pytest.mark.parametrize("version", [None, "", "abc", "-1", "1.5", "99999999999999999999"])
def test_a_version_that_is_no_number(version: str | None) -> None:
    world = World()
    world.service()
    text = version or ""
    reason = "value out of range" if text.startswith("9") else "invalid syntax"
    world.refuses(
        lambda store: update_service(store, "app", version, spec()),
        400,
        f"invalid service version '{text}': strconv.ParseUint: parsing \"{text}\": {reason}",
    )


def test_of_two_updates_with_one_version_the_second_is_out_of_sequence() -> None:
    world = World()
    service = world.service()
    version = str(service.version)

    async def both() -> list[BaseException | list[str]]:
        calls = [
            update_service(world.store, "app", version, spec(container={"Image": image}))
            for image in ("app:2", "app:3")
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(both())
    assert results[0] == []
    assert str(results[1]) == "rpc error: code = Unknown desc = update out of sequence"
    assert world.view.services[service.id].spec.raw["TaskTemplate"]["ContainerSpec"]["Image"] == "app:2"
    world.refuses(
        lambda store: update_service(store, "app", version, spec()),
        500,
        "rpc error: code = Unknown desc = update out of sequence",
    )


def test_mode_and_name_stay() -> None:
    world = World()
    service = world.service()
    version = str(service.version)
    prefix = "rpc error: code = Unimplemented desc ="
    world.refuses(
        lambda store: update_service(store, "app", version, spec(Mode={"Global": {}})),
        501,
        f"{prefix} service mode change is not allowed",
    )
    world.refuses(
        lambda store: update_service(store, "app", version, spec("other")),
        501,
        f"{prefix} renaming services is not supported",
    )


def test_the_version_is_checked_last() -> None:
    world = World()
    world.service()
    world.refuses(
        lambda store: update_service(store, "app", "1", spec(container={"Image": ""})),
        400,
        invalid("ContainerSpec: image reference must be provided"),
    )
    world.refuses(lambda store: update_service(store, "nope", "1", spec()), 404, "service nope not found")


def test_credentials_are_kept_swapped_and_never_in_the_spec() -> None:
    world = World()
    key, _ = world.run(create_service(world.store, spec(), auth="one"))
    first = world.view.services[key]
    assert first.registry_auth == "one"
    assert "one" not in str(first.spec)
    kept = world.update(first, spec(container={"Image": "app:2"}))
    assert kept.registry_auth == "one"
    new = world.update(kept, spec(container={"Image": "app:3"}), auth="two")
    assert new.registry_auth == "two"
    older = world.update(new, spec(container={"Image": "app:4"}), registry_auth_from="previous-spec")
    assert older.registry_auth == "one"
    back = world.update(older, spec(), rollback="previous")
    assert back.registry_auth == "two"


def test_where_credentials_come_from_must_be_a_word() -> None:
    world = World()
    version = str(world.service().version)
    world.refuses(
        lambda store: update_service(store, "app", version, spec(), registry_auth_from="zz"),
        500,
        "unsupported registryAuthFrom value",
    )
    world.refuses(
        lambda store: update_service(store, "app", version, spec(), registry_auth_from="previous-spec"),
        500,
        "service does not have a previous spec",
    )


def test_removal_dismisses_all_tasks_at_once_and_frees_name_network_and_port() -> None:
    world = World()
    network = world.network("net")
    body: Raw = {"task": {"Networks": [{"Target": "net"}]}, "EndpointSpec": published({"TargetPort": 80})}
    service = world.service(**body)
    running, failed = world.task(service), world.task(service, TaskState.FAILED)
    world.run(services.remove(world.store, "app"))
    assert service.id not in world.view.services
    for task in (running, failed):
        kept = world.view.tasks[task.id]
        assert (kept.desired, kept.status) == (TaskState.REMOVE, task.status)
    world.run(networks.remove(world.store, "net"))
    assert world.view.networks[network].removed
    world.network("net")
    again = world.service(**body)
    assert again.endpoint.ports == service.endpoint.ports
    world.refuses(lambda store: services.remove(store, "nope"), 404, "service nope not found")


def test_services_are_found_by_id_name_and_prefix() -> None:
    world = World()
    app, other = world.service("app"), world.service("app2")
    assert services.find(world.view, app.id) is app
    assert services.find(world.view, "app") is app
    assert services.find(world.view, other.id[:12]) is other
    world.refuses(lambda store: services.remove(store, ""), 400, "service  is ambiguous (2 matches found)")
    world.refuses(lambda store: services.remove(store, "APP"), 404, "service APP not found")


def test_what_an_image_means_is_asked_only_where_the_tasks_may_change() -> None:
    world = World()
    service = world.service()
    version, view = service.version, world.view
    relabelled = service_spec(view, spec(Labels={"a": "b"}))
    changed = service_spec(view, spec(container={"Env": ["A=b"]}))
    assert services.keeps_image(view, "app", version, relabelled)
    assert not services.keeps_image(view, "app", version, changed)
    assert not services.keeps_image(view, "app", 1, relabelled)  # the row may be another by then
    stored = world.update(service, changed, content=Content("app:1", "sha256:new"))
    assert stored.spec.raw["TaskTemplate"]["ContainerSpec"][CONTENT] == "sha256:new"


def test_a_network_that_went_since_its_name_was_looked_up_takes_no_service() -> None:
    world = World()
    network = world.network()
    converted = service_spec(world.view, spec(task={"Networks": [{"Target": "net"}]}))
    world.run(networks.remove(world.store, network))
    text = f"network {network} not found"
    world.refuses(lambda store: services.create(store, converted), 500, text)


@pytest.mark.case("F14")
@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("skerry.update.deadlin", "skerry.update.deadline"),
        ("skerry.drain.timeot", "skerry.drain.timeout"),
        ("skerry.restart.maxdelay", "skerry.restart.max-delay"),
        ("skerry.probe.live", "skerry.probe.liveness"),
        ("skerry.Hold.timeout", "skerry.hold.timeout"),
        ("skerry.sockets", "skerry.socket"),
    ],
)
@pytest.mark.parametrize("place", ["service", "container"])
def test_a_label_that_nobody_knows_is_refused_with_the_nearest(name: str, nearest: str, place: str) -> None:
    world = World()
    service = world.service()
    bad = labelled({name: "30s"}, place)
    words = f"there is no label {name}: is {nearest} meant?"
    for refused in (
        lambda: world.run(create_service(world.store, {**bad, "Name": "other"})),
        lambda: world.update(service, bad),
    ):
        with pytest.raises(RpcError, match=re.escape(words)):
            refused()


def labelled(labels: Raw, place: str) -> Raw:
    if place == "service":
        return spec("app", Labels=labels)
    return spec("app", container={"Labels": labels})


@pytest.mark.case("F14")
def test_a_label_from_before_the_names_were_checked_stays_until_it_is_changed() -> None:
    world = World()
    service = world.service()
    old = {"skerry.drain.timeot": "5s", "skerry.drain.timeout": "7s"}
    spec_before = of_service({**service.spec.raw, "Labels": old})
    world.run(world.store.update(lambda tx: tx.put(replace(service, spec=spec_before))))
    assert policy_of(world.view.services[service.id]).drain.timeout == 7 * SECOND
    service = world.update(service, spec("app", Labels={**old, "new": "x"}))
    with pytest.raises(RpcError, match="there is no label"):
        world.update(service, spec("app", Labels={**old, "skerry.drain.timeot": "6s"}))
    assert world.update(service, spec("app", Labels={})).spec.raw["Labels"] == {}


@pytest.mark.case("F18")
@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("data", "volume data is written"),
        ("{{.Service.Name}}-data", "volume web-data is written"),
        ("data-{{.Task.Slot}}", "volume data-1, and so on for each slot, is written"),
        ("data-{{.Node.Hostname}}", "volume data-nodeHostname is written"),
        ("data-{{.Task.ID}}", ""),
        ("data-{{.Task.Name}}", ""),
        ('{{with .Task}}{{printf "%s-%s" .Slot .ID}}{{end}}', ""),
    ],
)
def test_the_warning_of_a_volume_names_what_is_shared(source: str, named: str) -> None:
    mounts = [{"Type": "volume", "Source": source, "Target": "/data"}]
    shared = {
        **spec("web", container={"Mounts": mounts}),
        "UpdateConfig": {"Order": "start-first"},
    }
    warnings = services.warnings_of(of_service(shared).typed)
    assert [warning.partition(" by the old")[0] for warning in warnings] == ([named] if named else [])
