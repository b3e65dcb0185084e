"""The ways of failing, each made for real: services that fail by themselves, and what is done to a
machine."""

from __future__ import annotations

import os
import signal
import sqlite3

from harness.world import wait_until
from skerry.linux.processes import descendants
from tests.why.images import ODD
from tests.why.stage import REGISTRY, Stage, file_with
from tests.why.way import Make, Way, service, shell

NOWHERE = "127.0.0.1:5999/app:1"
SLEEP = ("sleep", "1000000")
LIMIT = ("--limit-memory", "24m")
EATS = "x=0123456789abcdef; while true; do x=$x$x; done"
NEVER = ("--health-cmd", "false", "--health-interval", "300ms", "--health-retries", "2")


def _registry(stage: Stage, *, secret: bool = False) -> None:
    folder = stage.world.root / "registry"
    folder.mkdir(exist_ok=True)
    password = ("--password", "joe:word") if secret else ()
    stage.python("-m", "tests.why.registry", str(folder), REGISTRY.rpartition(":")[2], *password)
    stage.await_answer(f"http://{REGISTRY}/v2/")


def image_missing(stage: Stage) -> str:
    _registry(stage)
    return service(image=f"{REGISTRY}/nothing:1")(stage)


def bad_credentials(stage: Stage) -> str:
    _registry(stage, secret=True)
    return service(image=f"{REGISTRY}/app:1")(stage)


def killed_from_outside(stage: Stage) -> str:
    stage.create("way", "--restart-condition", "none", command=SLEEP)
    os.kill(stage.pid("way"), signal.SIGKILL)
    return "way"


def signalled(stage: Stage) -> str:
    """A program ends by a signal, and the shell that started it says so: the first process gets none."""
    stage.create("way", "--restart-condition", "none", command=("sh", "-c", "sleep 1000000; exit $?"))
    shell_pid = stage.pid("way")
    wait_until(lambda: descendants(shell_pid), "the program runs")
    os.kill(descendants(shell_pid)[0], signal.SIGSEGV)
    return "way"


def port_of_a_process(stage: Stage) -> str:
    stage.python("-m", "http.server", "8099")
    stage.await_answer("http://127.0.0.1:8099/")
    stage.create("way", "--publish", "8099:80", command=SLEEP)
    return "way"


def port_of_a_service(stage: Stage) -> str:
    publish = ("--publish", "published=8098,target=80,mode=host")
    stage.create("holder", *publish, "--label", "skerry.ready.timeout=0s", command=SLEEP)
    stage.running("holder")
    stage.create("way", *publish, command=SLEEP)
    return "way"


def missing_secret(stage: Stage) -> str:
    """The state is restored from a copy in which the secret was not; then the task has to be made again."""
    world = stage.world
    key = world.docker("secret", "create", "word", file_with(world.root / "word", "x"))
    stage.create("way", "--secret", "word", command=SLEEP)
    stage.running("way")
    world.kill_skerryd()
    with sqlite3.connect(world.data_dir / "skerry.db") as db:
        db.execute("DELETE FROM objects WHERE kind = 'secret' AND id = ?", (key,))
    db.close()
    world.up()
    os.kill(stage.pid("way"), signal.SIGKILL)
    return "way"


def constraint(stage: Stage) -> str:
    return service("--constraint", "node.labels.zone==b", command=SLEEP)(stage)


def drained(stage: Stage) -> str:
    docker = stage.world.docker
    node = docker("node", "ls", "--quiet")
    docker("node", "update", "--availability", "drain", node)
    stage.later(lambda: docker("node", "update", "--availability", "active", node))
    return service(command=SLEEP)(stage)


def engine_down(stage: Stage) -> str:
    stage.create("way", command=SLEEP)
    stage.running("way")
    program = stage.engine_program.read_text()
    stage.engine_program.write_text("#!/bin/sh\necho 'no engine today' >&2\nexit 1\n")
    os.kill(int((stage.world.run_dir / "engine.pid").read_text()), signal.SIGKILL)
    stage.later(lambda: stage.engine_program.write_text(program))
    return "way"


def _updated(*update: str, command: tuple[str, ...]) -> Make:
    def make(stage: Stage) -> str:
        stage.create("way", command=SLEEP)
        stage.running("way")
        args = " ".join(command)
        stage.world.docker("service", "update", "--detach", *update, "--args", args, "way")
        return "way"

    return make


def superseded(stage: Stage) -> str:
    """A second update comes while the first one's task is not ready; that task is asked about."""
    docker = stage.world.docker
    stage.create("way", command=SLEEP)
    stage.running("way")
    docker(
        "service",
        "update",
        "--detach",
        *NEVER[:2],
        "--health-interval",
        "30s",
        "--update-order",
        "start-first",
        "way",
    )
    wait_until(lambda: len(stage.tasks("way")) == 2, "the first update has its task")
    key = str(stage.tasks("way")[-1]["ID"])
    wait_until(lambda: stage.tasks("way")[-1]["Status"]["State"] == "starting", "it starts")
    docker("service", "update", "--detach", "--health-cmd", "true", "way")
    return key


def healthy_then_not(stage: Stage) -> str:
    script = "echo > /ok; sleep 3; busybox rm /ok; sleep 1000000"
    check = ("--health-cmd", "cat /ok", "--health-interval", "300ms", "--health-retries", "2")
    return shell(script, *check)(stage)


def network_cut(stage: Stage) -> str:
    """Its container is taken off its network by somebody at the engine."""
    world = stage.world
    world.docker("network", "create", "--driver", "overlay", "way")
    stage.create("way", "--network", "way", "--label", "skerry.ready.timeout=0s", command=SLEEP)
    task = stage.running("way")[0]
    container = task["Status"]["ContainerStatus"]["ContainerID"]
    network = world.inspect("network", "way")["Id"]
    engine = ("env", f"DOCKER_HOST=unix://{world.run_dir}/engine.sock", "docker")
    world.run(*engine, "network", "disconnect", "--force", f"skerry.{network}", container)

    def gone() -> None:
        world.docker("service", "rm", "way")
        wait_until(lambda: not world.docker("ps", "-aq"), "it is gone")
        world.docker("network", "rm", "way")

    stage.later(gone)
    return "way"


HEALTH = ("--health-interval", "300ms", "--health-retries", "2", "--health-cmd")
WAYS: tuple[Way, ...] = (
    Way("image missing", image_missing, rf"the registry {REGISTRY} has no image {REGISTRY}/nothing:1"),
    Way(
        "registry down",
        service(image=NOWHERE),
        r"the registry 127\.0\.0\.1:5999 can't be reached",
        short=True,
    ),
    Way("bad credentials", bad_credentials, r"refuses the credentials"),
    Way("wrong platform", service(image=ODD, command=("/foreign",)), r"another platform"),
    Way("command not found", service(command=("/nope",)), r"command /nope is not in the image", short=True),
    Way("command not in the path", service(command=("nope",)), r"command nope is not in the image"),
    Way("not executable", service(image=ODD, command=("/plain",)), r"command /plain is not executable"),
    Way(
        "missing library",
        service(image=ODD, command=("/lacking",)),
        r"the library \S+\.so\S* ?, which .* not in the",
    ),
    Way(
        "missing interpreter",
        service(image=ODD, command=("/script",)),
        r"/script is there, but the interpreter",
    ),
    Way(
        "exit 1 at once",
        shell("echo no such table: users; exit 1"),
        r"exit code 1 .*no such table: users",
        short=True,
    ),
    Way(
        "exit after 3 s",
        shell("echo up; sleep 3; echo lost my way; exit 4"),
        r"exit code 4 after 3.*lost my way",
    ),
    Way("ended without an error", shell("echo done; exit 0"), r"ended by itself, without an error"),
    Way("signal", signalled, r"SIGSEGV: a bad access to memory"),
    Way("killed from outside", killed_from_outside, r"killed by SIGKILL, not by skerry"),
    Way("out of memory", shell(EATS, *LIMIT), r"more than its limit of 24 MiB"),
    Way(
        "never healthy",
        shell("sleep 1000000", *NEVER),
        r"never got ready: its check fails with exit code 1",
        short=True,
    ),
    Way("healthy then not", healthy_then_not, r"it was healthy, and then its check fails"),
    Way(
        "check hangs",
        shell("sleep 1000000", *HEALTH, "sleep 60", "--health-timeout", "1s"),
        r"got no answer in time",
    ),
    Way(
        "check's command missing",
        service(*HEALTH, "curl -f http://127.0.0.1:8080/", "--label", "skerry.probe=exec", command=SLEEP),
        r"command of its health check is not in the image",
    ),
    Way(
        "probe on the wrong port",
        service(*HEALTH, "nc -z 127.0.0.1 8080", command=("httpd", "-f", "-p", "3000")),
        r"its check asks port 8080, and it listens on 3000",
        short=True,
    ),
    Way(
        "probe and nothing listens",
        service(*HEALTH, "nc -z 127.0.0.1 8080", command=SLEEP),
        r"its check asks port 8080, and nothing listens in it",
    ),
    Way(
        "listens on loopback only",
        service(
            "--publish",
            "8097:8080",
            "--label",
            "skerry.ready.timeout=1s",
            command=("httpd", "-f", "-p", "127.0.0.1:8080"),
        ),
        r"listens on 127\.0\.0\.1:8080 only",
    ),
    Way(
        "listens on another port",
        service(
            "--publish",
            "8096:8080",
            "--label",
            "skerry.ready.timeout=1s",
            command=("httpd", "-f", "-p", "3000"),
        ),
        r"listens on 3000, and clients are sent to 8080/tcp",
        short=True,
    ),
    Way(
        "slow start within its time",
        shell("sleep 1000000", *HEALTH[:2], "--health-retries", "100", "--health-cmd", "cat /ok"),
        r"not ready yet: its check fails",
    ),
    Way(
        "slow start beyond the deadline",
        _updated(
            *NEVER[:2],
            "--health-interval",
            "30s",
            "--label-add",
            "skerry.update.deadline=3s",
            command=("sleep", "2000000"),
        ),
        r"update is paused: .*not ready within 3 s",
    ),
    Way(
        "port held by another process",
        port_of_a_process,
        r"8099/tcp of this machine is held by python\S* \(process \d+\)",
        short=True,
    ),
    Way("two services on one port", port_of_a_service, r"8098/tcp is held by the service holder"),
    Way("missing secret", missing_secret, r"the secret that it uses is not there"),
    Way(
        "missing bind source",
        service("--mount", "type=bind,source=/srv/none/such,target=/x", command=SLEEP),
        r"mounts /srv/none/such, which is not there",
    ),
    Way(
        "read-only file system",
        shell("echo x > /data; exit 1", "--read-only"),
        r"its file system is read-only",
    ),
    Way(
        "disk full",
        shell("cat /dev/zero > /t/f || exit 1", "--mount", "type=tmpfs,target=/t,tmpfs-size=65536"),
        r"the disk is full",
    ),
    Way(
        "no memory to reserve",
        service("--reserve-memory", "9000g", command=SLEEP),
        r"reserves \S+ GiB of memory",
        short=True,
    ),
    Way("no CPU to reserve", service("--reserve-cpu", "4000", command=SLEEP), r"reserves 4000 CPUs"),
    Way("constraint", constraint, r"does not meet its constraint node\.labels\.zone==b", short=True),
    Way("drained node", drained, r"takes no new tasks: it is drained"),
    Way(
        "too many on a node",
        service("--replicas", "2", "--replicas-max-per-node", "1", command=SLEEP),
        r"one node may have 1 of its tasks",
    ),
    Way(
        "missing volume driver",
        service("--mount", "type=volume,source=v,target=/x,volume-driver=nfsx", command=SLEEP),
        r"driver",
    ),
    Way("unknown user", service("--user", "nobody-here", command=SLEEP), r"user nobody-here is not known"),
    Way(
        "name that nobody has",
        shell("ping -c 1 wai || exit 1"),
        r"nobody has the name wai, which it asked for; there is way",
    ),
    Way(
        "job failed",
        service(
            "--mode",
            "replicated-job",
            "--restart-condition",
            "none",
            command=("sh", "-c", "echo bad input; exit 2"),
        ),
        r"exit code 2 .*bad input",
    ),
    Way("network gone", network_cut, r"no traffic on network way: its container was disconnected"),
    Way("paused update", _updated(command=("false",)), r"the update is paused: way\.1: .*exit code 1"),
    Way(
        "rolled back",
        _updated("--update-failure-action", "rollback", command=("false",)),
        r"the update was rolled back: way\.1: .*exit code 1",
    ),
    Way("superseded update", superseded, r"another update came before it was ready"),
    Way("engine down", engine_down, r"^: the engine: "),
)
