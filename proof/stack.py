"""The stacks that are proved on: two services of the same app, in a world of their own."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import skerry
from demo.shell import StepFailed
from demo.watch import Rollout
from harness.net import INSIDE, INSIDE6
from harness.processes import kill
from harness.world import World, wait_until
from proof.clients import Places
from proof.cutter import Cutter
from proof.plan import NAMERS, OVER_SIX, Run, Setting
from proof.stream import Place

SERVICES = {
    "web": ["--network", "proof", "--publish", "8080:8080"],
    "sockets": [
        *("--network", "proof"),
        *("--publish", "9090:8080", "--publish", "9091:8081", "--publish", "9092:8082/udp"),
        # WebSocket and plain TCP: both sides speak, so connections are waited for
        *("--label", "skerry.drain.idle=wait"),
    ],
}
ASKERS = {"asker": ["--network", "proof"]}
_BOTH = ("--network", "name=proof,alias=api", "--network", "name=other,alias=api")
NAMED_SERVICES = {
    "web": ["--hostname", "web", *_BOTH],
    "twin": ["--hostname", "{{.Service.Name}}-{{.Task.Slot}}", *_BOTH],
}
NAMED_ASKERS = {
    **ASKERS,
    "dotted": ["--network", "proof", "--dns-option", "ndots:2"],
    "both": ["--network", "other", "--network", "proof"],
}
HEALTH = "curl -sf http://127.0.0.1:8080/healthcheck || exit 1"
APP = Path(__file__).with_name("app.py")
ASKER = Path(__file__).with_name("asker.py")
IMAGES = ("story-app:1.0.0", "story-app:1.0.1")
SOURCE = Path(skerry.__file__).parent
LONG_S = 120.0


class Stack:
    """The stack in a world; each method returns when what it does is done."""

    images: tuple[str, ...] = ("story",)
    networks: tuple[str, ...] = ("proof",)
    network_words: tuple[str, ...] = ()
    services = SERVICES
    """With what each has more than the others."""
    askers = ASKERS
    """Services of one container that nothing happens to: from there, names are asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.setting = Setting(2, "start-first", "graceful")
        self._image = 0
        self._config = 0
        self._extra = False
        self._release = 0

    def deploy(self) -> None:
        """Make everything, and wait until it serves."""
        docker = self.world.docker
        docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        for network in self.networks:
            docker("network", "create", "--driver", "overlay", *self.network_words, network)
        docker("config", "create", "app-0", str(APP))
        for name, more in self.services.items():
            docker(
                *("service", "create", "--detach", "--name", name, *more),
                *("--config", "source=app-0,target=/app.py", "--replicas", "2", "--limit-memory", "160M"),
                *(
                    "--health-cmd",
                    HEALTH,
                    "--health-interval",
                    "2s",
                    "--health-retries",
                    "30",
                    "--restart-delay",
                    "100ms",
                ),
                *("--update-monitor", "200ms", "--update-order", "start-first", "--env", "ENDING=graceful"),
                *("--rollback-monitor", "200ms", "--rollback-order", "start-first"),
                *("--stop-grace-period", "10s", IMAGES[0], "python3", "-S", "/app.py"),
            )
        for name, more in self.askers.items():
            docker(
                *("service", "create", "--detach", "--name", name, *more, "--no-healthcheck", IMAGES[0]),
                *("python3", "-S", "-c", "import time; time.sleep(1e6)"),
            )
        for name in self.services:
            wait_until(partial(self._ready, name), f"{name} runs", 60)
        for name in self.askers:
            wait_until(partial(self.world.api().containers, name), f"{name} runs", 60)

    def clients(self) -> list[list[str]]:
        """The commands of the processes that are all clients."""
        places = self.targets(str(Path("/run/netns") / self.world.net.inside))
        words = [sys.executable, "-m", "proof.clients", msgspec.json.encode(places).decode()]
        return [self.world.net.within(words, outside=True)]

    def targets(self, machine: str) -> Places:
        """Where they go. `machine` is the machine's network namespace."""
        return Places(
            outside=Place(INSIDE),
            outside6=Place(INSIDE6),
            own6=Place("::1", machine),
            leg=Place(self.leg(), machine),
            resolver=Place("127.0.0.11", f"/proc/{self.asker('asker')}/ns/net"),
        )

    def asker(self, name: str) -> int:
        """The process of an asker."""
        return self._pid(self._one_task(name))

    def _pid(self, container: str) -> int:
        return int(self.world.inspect("container", container)["State"]["Pid"])

    def leg(self) -> str:
        """Where the network's names are answered."""
        subnet = self.world.inspect("network", "proof")["IPAM"]["Config"][0]["Subnet"]
        return f"{subnet.rpartition('.')[0]}.254"

    def set(self, setting: Setting) -> None:
        """Bring the stack into a setting; nothing of that is counted."""
        if setting == self.setting:
            return
        words = ["--replicas", str(setting.replicas), "--env-add", f"ENDING={setting.ending}"]
        words += ["--update-order", setting.order, "--rollback-order", setting.order]
        replaces = setting.ending != self.setting.ending
        self.setting = setting
        self._update(words, replaces=replaces)

    def _ready(self, name: str) -> bool:
        tasks = self.world.api().live(name)
        return len(tasks) == self.setting.replicas and all(
            task["Status"]["State"] == "running" for task in tasks
        )

    def _both(self, act: Callable[[str], object], *, replaces: bool, replicas: int | None = None) -> None:
        """Do something to both services and wait until it is through."""
        count = self.setting.replicas if replicas is None else replicas
        rollouts = [Rollout(self.world.socket, name, count, replaces=replaces) for name in self.services]
        for rollout in rollouts:
            rollout.__enter__()
        try:
            for name in self.services:
                act(name)
            for rollout in rollouts:
                rollout.wait(LONG_S)
        finally:
            for rollout in rollouts:
                rollout.__exit__()
        for name in self.services:
            wait_until(partial(self._settled, name), f"{name} is at rest", 60)

    def _whole(self, name: str) -> bool:
        return self._ready(name) and self._settled(name)

    def _settled(self, name: str) -> bool:
        ended = {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"}
        leaving = [
            task
            for task in self.world.api().tasks(name)
            if task["DesiredState"] != "running" and task["Status"]["State"] not in ended
        ]
        return not leaving and self.world.api().update_state(name) in ("", "completed", "rollback_completed")

    def _update(self, words: list[str], *, replaces: bool) -> None:
        self._both(
            lambda name: self.world.docker("service", "update", "--detach", *words, name), replaces=replaces
        )

    def play(self, run: Run) -> None:
        """What a run is about."""
        getattr(self, f"_{run.action.replace(' ', '_')}_")()

    # Rollouts.

    def _update_(self) -> None:
        self._image = 1 - self._image
        self._update(["--image", IMAGES[self._image]], replaces=True)

    def _rollback_(self) -> None:
        self._image = 1 - self._image
        self._both(lambda name: self.world.docker("service", "rollback", "--detach", name), replaces=True)

    def _scale_(self) -> None:
        """One less, and back: of one replica, none at all for a moment."""
        for count in (self.setting.replicas - 1, self.setting.replicas):

            def scale(name: str, count: int = count) -> None:
                self.world.docker("service", "scale", "--detach", f"{name}={count}")

            self._both(scale, replaces=False, replicas=count)

    def _ports_(self) -> None:
        """A port comes, or goes again."""
        self._extra = not self._extra
        ports = {"web": 8090, "sockets": 9099}

        def change(name: str) -> None:
            # a port is removed by its target: by another one than those that clients use
            change = ["--publish-add", f"{ports[name]}:8083"] if self._extra else ["--publish-rm", "8083"]
            self.world.docker("service", "update", "--detach", *change, name)

        self._both(change, replaces=True)

    def _config_(self) -> None:
        old, self._config = f"app-{self._config}", self._config + 1
        new = self.world.root / f"app-{self._config}.py"
        new.write_text(APP.read_text() + f"# {self._config}\n")
        self.world.docker("config", "create", f"app-{self._config}", str(new))
        words = ["--config-rm", old, "--config-add", f"source=app-{self._config},target=/app.py"]
        self._update(words, replaces=True)

    # Faults.

    def rest(self) -> None:
        """Wait until everything is whole, of the last image."""
        for name in self.services:
            wait_until(partial(self._updated, name, IMAGES[self._image]), f"{name} is updated", 60)
            wait_until(partial(self._whole, name), f"{name} is whole", 60)
        time.sleep(1.0)  # what comes late shall still be counted

    def _one_task(self, name: str) -> str:
        return str(self.world.api().containers(name)[0]["Id"])

    def _task_crash_(self) -> None:
        for name in self.services:
            self._crash(name)
        self.rest()

    def _crash(self, name: str, just_before: Callable[[], object] = lambda: None) -> None:
        container = self._one_task(name)
        pid = self._pid(container)
        just_before()
        os.kill(pid, signal.SIGKILL)
        wait_until(partial(self._gone, name, container), "it is noticed")

    def _gone(self, name: str, container: str) -> bool:
        return all(one["Id"] != container for one in self.world.api().containers(name))

    def _out_of_memory_(self) -> None:
        for name in self.services:
            container = self._one_task(name)
            self.world.as_container(
                container, "curl", "-s", "-m", "20", "http://127.0.0.1:8080/eat", check=False
            )
            wait_until(partial(self._gone, name, container), "it is noticed", 30)
        self.rest()

    def _skerryd_killed_(self) -> None:
        """In the middle of an update, and again after it has come back."""
        self.begin_update()
        for _ in range(2):
            time.sleep(0.7)
            self.world.kill_skerryd()
            time.sleep(0.5)
            self.world.up()
        self.rest()

    def begin_update(self) -> None:
        """Tell both services to take the other image, and do not wait."""
        self._image = 1 - self._image
        for name in self.services:
            self.world.docker("service", "update", "--detach", "--image", IMAGES[self._image], name)

    def _updated(self, name: str, image: str) -> bool:
        tasks = self.world.api().live(name)
        return len(tasks) == self.setting.replicas and all(
            task["Spec"]["ContainerSpec"]["Image"].startswith(image) and task["Status"]["State"] == "running"
            for task in tasks
        )

    def _skerry_upgraded_(self) -> None:
        """In the middle of an update."""
        self.begin_update()
        time.sleep(0.5)
        self.upgrade()
        self.rest()

    def upgrade(self) -> None:
        """Install another version; skerryd ends in order, and the next one replaces the gate."""
        self._release += 1
        version = f"{skerry.__version__}.{self._release}"
        place = self.world.root / version / "skerry"
        shutil.copytree(SOURCE, place, ignore=shutil.ignore_patterns("__pycache__"))
        place.joinpath("__init__.py").write_text(f'__version__ = "{version}"\n')
        self.world.env["PYTHONPATH"] = str(place.parent)
        self._restart(signal.SIGTERM)
        self._next_gate(lambda gate: bool(gate["version"] == version))

    def _restart(self, how: signal.Signals) -> None:
        pid = self.world.pid
        os.kill(pid, how)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "skerryd ends")
        self.world.up()

    def _events_cut_(self) -> None:
        """skerryd's streams of the engine's events, and nothing else: while both services are updated, and
        at the moment when a task crashes."""
        engine = self.world.run_dir / "engine.sock"
        behind = engine.rename(engine.with_name("behind.sock"))
        with Cutter(engine, behind) as cutter:
            self._restart(signal.SIGTERM)
            self.begin_update()
            for _ in range(8):
                time.sleep(0.25)
                cutter.cut()
            self.rest()
            self._crash("sockets", partial(wait_until, cutter.cut, "events are heard, and cut"))
            self.rest()
        behind.rename(engine)
        self._restart(signal.SIGTERM)

    def _gate(self) -> dict[str, Any] | None:
        """What the gate says of itself; None while none is there, or it is just being replaced."""

        async def said() -> bytes:
            reader, writer = await asyncio.open_unix_connection(self.world.run_dir / "gate.sock")
            try:
                return await reader.readline()
            finally:
                writer.close()

        try:
            line = asyncio.run(said())
        except OSError:
            return None
        found: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return found

    def _next_gate(self, fits: Callable[[dict[str, Any]], bool]) -> int:
        """The process of the gate, once there is one that fits."""
        pids: list[int] = []

        def serves() -> bool:
            gate = self._gate()
            pids[:] = [gate["pid"]] if gate is not None and fits(gate) else []
            return bool(pids)

        wait_until(serves, "a gate serves", 60)
        return pids[0]

    def _gate_replaced_(self) -> None:
        """Twice: the second time while both services are updated."""
        words = [sys.executable, "-m", "skerry.gate", "--run-dir", str(self.world.run_dir)]
        words += ["--netns", f"skerry-gate-{self.world.name}", "--take-over"]
        for again in (False, True):
            former = self._next_gate(lambda gate: True)
            with (self.world.run_dir / "gate.log").open("ab") as log:
                subprocess.Popen(
                    self.world.net.within(["setsid", *words]), env=self.world.env, stdout=log, stderr=log
                )
            self._next_gate(partial(_is_another, former))
            if not again:
                self._update_()

    def _gate_killed_(self) -> None:
        former = self._next_gate(lambda gate: True)
        kill(former)
        self._next_gate(partial(_is_another, former))
        self._update_()

    def _engine_killed_(self) -> None:
        """skerry's own engine, which keeps its containers alive; then an update on the next one."""
        kill(int((self.world.run_dir / "engine.pid").read_text()))

        def answers() -> bool:
            try:  # skerry passes this on to the engine, and says 5xx where there is none
                return len(self.world.api().containers("web")) == self.setting.replicas
            except StepFailed:
                return False

        time.sleep(0.5)
        wait_until(answers, "the engine is back", 60)
        self._update_()

    def _ruleset_flushed_(self) -> None:
        self.world.run("nft", "flush", "ruleset")
        time.sleep(1.5)
        self._update_()


class SixStack(Stack):
    """The network has IPv6, over which all clients come; names are asked over it too, for such addresses."""

    network_words = ("--ipv6", "--subnet", "fd00:50::/64")

    def targets(self, machine: str) -> Places:
        six = Place(INSIDE6)
        return msgspec.structs.replace(
            super().targets(machine), outside=six, leg=Place("fd00:50::ffff", machine), over=OVER_SIX
        )

    def play(self, run: Run) -> None:
        super().play(dataclasses.replace(run, action=run.action.removesuffix(OVER_SIX)))


class NamedStack(Stack):
    """Both services bear one alias and are on two networks; one has its own name for a hostname. Who asks
    does so from inside, by libc."""

    networks = ("proof", "other")
    services = NAMED_SERVICES
    askers = NAMED_ASKERS

    def clients(self) -> list[list[str]]:
        """A process for each kind, in a container."""
        script = ASKER.read_text()
        ways = zip(NAMERS, ("asker", "asker", "dotted", "both"), ("web", "api", "web", "twin"), strict=True)
        return [
            [
                *("nsenter", f"--target={self.asker(asker)}", "--net", "--mount", "--root", "--wd"),
                *("python3", "-S", "-c", script, client, name, "8080"),
            ]
            for client, asker, name in ways
        ]

    def _update_by_name_(self) -> None:
        self._update_()


def _is_another(former: int, gate: dict[str, Any]) -> bool:
    return bool(gate["pid"] != former)
