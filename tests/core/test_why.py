"""From what is recorded of a task or a service to the cause in plain words: tables."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.core.why.answer import Scene, of_service, of_stack, of_task
from skerry.core.why.cause import Cause
from skerry.core.why.ends import of_end
from skerry.core.why.last_words import of_last_words
from skerry.core.why.unreached import of_unreached
from skerry.core.why.unready import of_check
from skerry.model.defaults import SECOND
from skerry.model.facts import Facts, LastProbe, bounded
from skerry.model.listening import ListeningSocket
from skerry.model.objects import Decision, Endpoint, Port, Task, TaskStatus
from skerry.model.spec import template_of
from skerry.model.states import TaskState
from tests.core.world import FAILED, REJECTED, Swarm, image, running, service_spec
from tests.support import specs

LIMITED = {"Resources": {"Limits": {"MemoryBytes": 64 << 20}}}
NOT_STARTED = (
    "starting container failed: failed to create task for container: failed to create shim task: OCI \
runtime create failed: runc create failed: unable to start container process: "
)
NO_CHECK = LastProbe("nc -z 127.0.0.1 8080", 1, "", SECOND // 10, 8080, 3, 90 * SECOND)
EVERYWHERE, LOOPBACK = ListeningSocket("tcp", "0.0.0.0", 3000), ListeningSocket("tcp", "127.0.0.1", 8080)


def ended(
    code: int = 0,
    err: str = "",
    state: TaskState = FAILED,
    facts: Facts | None = None,
    template: Any = None,
    **more: Any,
) -> Task:
    """A task of the service `web` that has ended."""
    spec = specs.of_service(service_spec(template=template or {"ContainerSpec": {"Image": "app:1"}}))
    status = TaskStatus(state, 20 * SECOND, "started", err, "c1", 0, code)
    return Task("t1", "s", "web", "n", template_of(spec), None, 1, state, status, slot=2, facts=facts, **more)


def facts(*log: str, **more: Any) -> Facts:
    """What was written down of it; it was started 12 s before its end."""
    return Facts(at=21 * SECOND, started_at=8 * SECOND, log=log, **more)


ENDS = [
    (137, "", facts(out_of_memory=True), "oom", "more than its limit of 64 MiB"),
    (137, "task: non-zero exit (137): out of memory", facts(), "oom", "more than its limit of 64 MiB"),
    (137, "", facts(), "signal", "killed by SIGKILL, not by skerry"),
    (139, "", facts(), "signal", "SIGSEGV: a bad access to memory"),
    (143, "", facts(), "signal", "ended by SIGTERM"),
    (
        1,
        "",
        facts("starting", "no such table: users"),
        "exit",
        "exit code 1 after 12 s: “no such table: users”",
    ),
    (1, "", facts(), "exit", "exit code 1 after 12 s, and said nothing"),
    (
        255,
        "",
        facts("exec /run.sh: no such file or directory"),
        "interpreter-missing",
        "/run.sh is there, but the",
    ),
    (255, "", facts("exec /app: exec format error"), "platform", "made for another platform"),
    (
        127,
        "",
        facts("/app: error while loading shared libraries: libpq.so.5: cannot open shared object file"),
        "library-missing",
        "the library libpq.so.5",
    ),
    (1, "", facts("ModuleNotFoundError: No module named 'flask'"), "library-missing", "the module flask"),
    (127, "", facts("/run.sh: line 3: jq: not found"), "command-missing", "the command jq"),
    (127, "", facts("sh: jq: not found"), "command-missing", "the command jq"),
    (
        1,
        "",
        facts("sh: can't create /data: Read-only file system"),
        "read-only",
        "its file system is read-only",
    ),
    (1, "", facts("write error: No space left on device"), "disk-full", "the disk is full"),
    (1, "", facts("OSError: [Errno 98] Address already in use"), "port-held", "its port is in use"),
    (
        1,
        "",
        facts("ping: bad address 'dbb'"),
        "name",
        "nobody has the name dbb, which it asked for; there is db",
    ),
    (1, "", facts("lookup cache on 10.0.0.2:53: no such host"), "name", "nobody has the name cache"),
    (
        1,
        "",
        facts('nginx: [emerg] host not found in upstream "ap" in /etc/nginx.conf:3'),
        "name",
        "there is app",
    ),
    (1, "", facts("connect: Connection refused"), "connection", "could not connect"),
    (0, "", facts("done"), "finished", "ended by itself, without an error"),
    (
        0,
        NOT_STARTED + 'exec: "/nope": stat /nope: no such file or directory: unknown',
        facts(),
        "command-missing",
        "its command /nope is not in the image app:1",
    ),
    (
        0,
        NOT_STARTED + 'exec: "nope": executable file not found in $PATH: unknown',
        facts(),
        "command-missing",
        "its command nope",
    ),
    (
        0,
        NOT_STARTED + 'exec: "/plain": permission denied: unknown',
        facts(),
        "not-executable",
        "/plain is not",
    ),
    (
        0,
        NOT_STARTED + "exec /app: exec format error",
        facts(platform="linux/arm64"),
        "platform",
        "another platform",
    ),
    (
        0,
        "starting container failed: unable to get secret from secret store: secret abc not found",
        facts(),
        "data-missing",
        "the secret that it uses",
    ),
    (
        0,
        "starting container failed: network web_net not found",
        facts(),
        "network-missing",
        "is gone: web_net",
    ),
    (0, "starting container failed: something new", facts(), "engine", "refuses to run it: “something new”"),
]


@pytest.mark.parametrize(("code", "err", "known", "kind", "words"), ENDS)
def test_the_end_of_a_task(code: int, err: str, known: Facts, kind: str, words: str) -> None:
    template = {"ContainerSpec": {"Image": "app:1"}, **LIMITED}
    state = FAILED if code or err else TaskState.COMPLETE
    cause = of_end(ended(code, err, state, known, template), {"db", "app"})
    assert (cause.kind, words in cause.sentence) == (kind, True), cause
    assert cause.advice


REJECTIONS = [
    (
        "No such image: app:1",
        "manifest unknown: manifest unknown",
        "image-missing",
        "docker.io has no image app:1",
    ),
    (
        "No such image: app:1",
        'Get "https://r/v2/": dial tcp 127.0.0.1:5999: connect: connection refused',
        "registry-down",
        "can't be reached",
    ),
    ("No such image: app:1", "no basic auth credentials", "credentials", "refuses the credentials"),
    (
        "No such image: app:1",
        "no matching manifest for linux/amd64 in the manifest list entries",
        "platform",
        "not made for this machine",
    ),
    (
        "No such image: app:1",
        "write /var/lib/docker/tmp/x: no space left on device",
        "disk-full",
        "the disk is full",
    ),
    ("No such image: app:1", "something new", "image", "could not be pulled: “something new”"),
    ("No such image: app:1", "", "image-missing", "is not on this machine"),
    (
        'invalid mount config for type "bind": bind source path does not exist: /srv/x',
        "",
        "bind-missing",
        "it mounts /srv/x, which is not there",
    ),
    ('error looking up volume plugin nfsx: plugin "nfsx" not found', "", "plugin-missing", "nfsx"),
]


@pytest.mark.parametrize(("err", "pull", "kind", "words"), REJECTIONS)
def test_a_task_that_could_not_be_made(err: str, pull: str, kind: str, words: str) -> None:
    cause = of_end(ended(err=err, state=REJECTED, facts=Facts(pull=pull) if pull else None), ())
    assert (cause.kind, words in cause.sentence) == (kind, True), cause


CHECKS = [
    (NO_CHECK, (EVERYWHERE,), "wrong-port", "its check asks port 8080, and it listens on 3000"),
    (NO_CHECK, (), "silent", "its check asks port 8080, and nothing listens in it"),
    (NO_CHECK, None, "unhealthy", "fails with exit code 1"),
    (NO_CHECK, (ListeningSocket("tcp", "::1", 8080),), "loopback", "it listens on [::1]:8080 only"),
    (
        replace(NO_CHECK, output="curl: (7) Failed to connect"),
        (LOOPBACK,),
        "unhealthy",
        "connection refused on 8080",
    ),
    (
        replace(NO_CHECK, exit_code=-1, output="Health check exceeded timeout (2s): "),
        (LOOPBACK,),
        "late",
        "in time",
    ),
    (
        replace(NO_CHECK, exit_code=127, port=0, output="sh: curl: not found"),
        (LOOPBACK,),
        "check-missing",
        "command of its health check is not in the image",
    ),
    (
        replace(NO_CHECK, exit_code=127, output="sh: curl: not found"),
        (),
        "check-missing",
        "command of its health check is not in the image",
    ),
]


@pytest.mark.parametrize(("probe", "listeners", "kind", "words"), CHECKS)
def test_a_check_that_does_not_pass(
    probe: LastProbe, listeners: tuple[ListeningSocket, ...] | None, kind: str, words: str
) -> None:
    known = facts(probe=probe, listeners=listeners)
    err = "task: non-zero exit (137): dockerexec: unhealthy container"
    cause = of_end(ended(137, err, facts=known), ())
    assert (cause.kind, words in cause.sentence) == (kind, True), cause
    assert cause.sentence.startswith("it never got ready: ")
    assert "3 failures in a row" in cause.evidence
    was_well = of_end(ended(137, err, facts=known, running_at=9 * SECOND), ())
    assert was_well.sentence.startswith("it was healthy, and then ")


def test_a_check_that_has_time_left_says_until_when() -> None:
    task = ended(state=TaskState.STARTING)
    cause = of_check(task, facts(probe=NO_CHECK), over=False, now=20 * SECOND)
    assert cause.kind == "slow"
    assert "a failure counts from 90 s after its start on, in 78 s" in cause.evidence


@pytest.mark.parametrize(
    ("err", "listeners", "kind", "words"),
    [
        (
            "only its own loopback or IPv6 reaches port 8080/tcp",
            (LOOPBACK,),
            "loopback",
            "127.0.0.1:8080 only",
        ),
        (
            "nothing listens on port 8080/tcp",
            (EVERYWHERE,),
            "wrong-port",
            "listens on 3000, and clients are sent",
        ),
        ("nothing listens on port 8080/tcp", (), "silent", "nothing listens in it"),
    ],
)
def test_a_task_that_runs_and_listens_elsewhere(
    err: str, listeners: tuple[ListeningSocket, ...], kind: str, words: str
) -> None:
    swarm = running()
    task = swarm.live[0]
    swarm.put(replace(task, status=replace(task.status, err=err)))
    scene = Scene(swarm.view, swarm.now, {task.id: Facts(listeners=listeners)})
    (cause,) = of_service(scene, swarm.service).causes
    assert (cause.kind, words in cause.sentence, cause.of) == (kind, True, "app.1"), cause


def test_a_task_that_only_its_own_check_reaches() -> None:
    endpoint = specs.of_endpoint({"Ports": [{"TargetPort": 8080, "PublishedPort": 80}]})
    task = replace(ended(state=TaskState.RUNNING), endpoint_spec=endpoint)
    loopback = of_unreached(task, Facts(listeners=(LOOPBACK,)))
    elsewhere = of_unreached(task, Facts(listeners=(EVERYWHERE,)))
    assert loopback is not None
    assert elsewhere is not None
    assert (loopback.kind, elsewhere.kind) == ("loopback", "wrong-port")
    assert of_unreached(task, Facts(listeners=(replace_port(EVERYWHERE, 8080),))) is None
    assert of_unreached(task, Facts()) is None


def replace_port(listener: ListeningSocket, port: int) -> ListeningSocket:
    return listener._replace(port=port)


def first_of(swarm: Swarm, **more: Any) -> Cause:
    """The first cause of the service, once the core has come to rest."""
    swarm.settle()
    return of_service(Scene(swarm.view, swarm.now, **more), swarm.service).causes[0]


NODE = {
    "Resources": {"NanoCPUs": 2 * SECOND, "MemoryBytes": 1 << 30},
    "Platform": {"Architecture": "x86_64", "OS": "linux"},
}


@pytest.mark.parametrize(
    ("template", "availability", "kind", "words"),
    [
        (
            {"Placement": {"Constraints": ["node.labels.zone == b"]}},
            "active",
            "constraint",
            "node.labels.zone == b",
        ),
        (
            {"Resources": {"Reservations": {"MemoryBytes": 64 << 30}}},
            "active",
            "resources",
            "64 GiB of memory, and 1 GiB",
        ),
        (
            {"Resources": {"Reservations": {"NanoCPUs": 8 * SECOND}}},
            "active",
            "resources",
            "8 CPUs, and 2 of 2",
        ),
        (
            {"Placement": {"Platforms": [{"Architecture": "arm64", "OS": "linux"}]}},
            "active",
            "platform",
            "linux/arm64",
        ),
        ({}, "drain", "node", "drained"),
        ({}, "pause", "node", "paused"),
    ],
)
def test_the_filter_that_keeps_a_task_pending(
    template: dict[str, Any], availability: str, kind: str, words: str
) -> None:
    swarm = Swarm(service_spec(template=template), description=NODE)
    swarm.set_node(availability)
    cause = first_of(swarm)
    assert (cause.kind, words in cause.sentence) == (kind, True), cause
    assert cause.advice


def test_a_port_that_a_process_of_the_machine_holds() -> None:
    swarm = Swarm(
        service_spec(replicas=1),
        ports_err={"tcp/8099": "address already in use"},
        port_holders={"tcp/8099": "nginx (process 812)"},
    )
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 8099, mode="host"),))))
    assert "8099/tcp of this machine is held by nginx (process 812)" in first_of(swarm).sentence


def test_failures_in_a_row_say_how_often_and_when_the_next_try_is() -> None:
    swarm = running(replicas=1)
    swarm.observe(swarm.live[0], FAILED, 3)
    failed = swarm.tasks[0]
    swarm.put(replace(failed, facts=Facts(at=1, log=("boom",))))
    cause = first_of(swarm)
    assert cause.sentence.startswith("its program ended with exit code 3")
    assert any("next try in 5.0 s" in text for text in cause.evidence), cause


def test_a_program_that_ends_by_itself_again_and_again() -> None:
    swarm = running(replicas=1)
    swarm.observe(swarm.live[0], TaskState.COMPLETE)
    swarm.settle()
    for task in swarm.live:
        swarm.observe(task, TaskState.READY)
    cause = first_of(swarm)
    assert cause.kind == "finished"
    assert any("next try in 5.0 s" in text for text in cause.evidence)


def test_what_is_over_is_told_as_such_for_a_while() -> None:
    swarm = running(replicas=1)
    swarm.observe(swarm.live[0], FAILED, 3)
    swarm.settle()
    swarm.step(6)
    swarm.agent()
    answer = of_service(Scene(swarm.view, swarm.now), swarm.service)
    assert [(cause.kind, cause.past) for cause in answer.causes] == [("exit", True)]
    later = of_service(Scene(swarm.view, swarm.now + 7200 * SECOND), swarm.service)
    assert later.causes == ()


@pytest.mark.parametrize(("action", "words"), [("rollback", "was rolled back"), ("pause", "is paused")])
def test_an_update_that_failed_is_told_with_the_cause_of_its_task(action: str, words: str) -> None:
    config = {"FailureAction": action, "Monitor": 5 * SECOND, "Parallelism": 1}
    swarm = running(replicas=1, UpdateConfig=config)
    swarm.update(image("2", replicas=1, UpdateConfig=config))
    swarm.settle()
    for _ in range(20):
        new = [task for task in swarm.live if task.spec.typed.container_spec.image == "app:2"]
        if new and new[0].desired >= TaskState.RUNNING and not new[0].status.state.terminal:
            swarm.observe(new[0], FAILED, 1)
            swarm.put(replace(swarm.view.tasks[new[0].id], facts=Facts(at=1, log=("no such table",))))
            break
        for task in swarm.tasks:
            swarm._obey(task) if task not in new or task.desired < TaskState.RUNNING else None
        swarm.settle()
    cause = first_of(swarm)
    assert words in cause.sentence
    assert "no such table" in cause.sentence
    swarm.agent()
    swarm.step(60)
    swarm.agent()
    again = of_service(Scene(swarm.view, swarm.now), swarm.service).causes[0]
    assert "no such table" in again.sentence, "an hour later it is the same"
    assert again.past == (action == "rollback")


def test_what_failed_by_a_spec_that_was_taken_back_is_over() -> None:
    swarm = running(replicas=1)
    good = swarm.service.spec.raw
    swarm.update(image("2", replicas=1))
    swarm.settle()
    (new,) = [task for task in swarm.live if task.spec.typed.container_spec.image == "app:2"]
    swarm.observe(new, REJECTED)
    swarm.settle()
    assert not first_of(swarm).past
    swarm.update(good)
    swarm.settle()
    answer = of_stack(Scene(swarm.view, swarm.now), [swarm.service], "shop")
    assert answer.state == "1 of 1 services are as they should be"
    assert [cause.past for cause in answer.causes] == [True]


def test_what_is_wrong_with_the_machine_comes_first() -> None:
    swarm = running(replicas=1)
    swarm.observe(swarm.live[0], FAILED, 3)
    cause = first_of(swarm, conditions=["engine: nobody answers at /run/docker.sock"])
    assert (cause.kind, "nobody answers" in cause.sentence) == ("engine-down", True)


def test_a_stack_has_the_causes_of_its_services() -> None:
    swarm = running(replicas=1)
    swarm.observe(swarm.live[0], FAILED, 3)
    answer = of_stack(Scene(swarm.view, swarm.now), [swarm.service], "shop")
    assert answer.state == "0 of 1 services are as they should be"
    assert answer.causes[0].of == "app.1"


def test_a_task_that_another_update_overtook() -> None:
    swarm = running(replicas=1)
    swarm.update(image("2", replicas=1))
    swarm.settle()
    new = next(task for task in swarm.live if task.spec.typed.container_spec.image == "app:2")
    swarm.update(image("3", replicas=1))
    swarm.settle()
    swarm.observe(new, TaskState.SHUTDOWN)
    (cause,) = of_task(Scene(swarm.view, swarm.now), swarm.view.tasks[new.id]).causes
    assert (cause.kind, "another update came" in cause.sentence) == ("superseded", True)


def test_last_words_that_mean_nothing_are_nobodys_cause() -> None:
    assert of_last_words(("hello", "goodbye"), "web", ()) is None


def test_what_is_kept_is_bounded_and_harmless() -> None:
    assert bounded("a\x1b[31m\nb" + "c" * 600) == "a [31m b" + "c" * 491 + "…"


def test_an_update_under_way_says_what_it_waits_for_and_until_when() -> None:
    swarm = running(replicas=1)
    swarm.update(image("2", replicas=1))
    note = swarm.settle().note
    swarm.put(Decision("s", (note,)))
    (cause,) = of_service(Scene(swarm.view, swarm.now), swarm.service).causes
    assert (cause.kind, cause.of) == ("slow", "app")
    assert cause.sentence.startswith("it is not done yet: updating 0/1: waiting for app.1 to be ready")
    assert cause.evidence == ("for 10 min 0 s at the most",)


def test_what_slots_have_in_common_is_told_once() -> None:
    swarm = running(replicas=3)
    for number, task in enumerate(swarm.live):
        swarm.observe(task, FAILED, 3)
        began = swarm.now - (number + 1) * SECOND
        swarm.put(replace(swarm.view.tasks[task.id], facts=Facts(at=1, started_at=began, log=("boom",))))
    causes = of_service(Scene(swarm.view, swarm.now), swarm.service).causes
    assert [(cause.of, cause.log) for cause in causes] == [("app.1", ("boom",))]
    assert causes[0].evidence[-1] == "so are 2 more: app.2, app.3"
