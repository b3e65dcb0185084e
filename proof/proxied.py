"""The stack that is reached through proxies, which are real: each on the machine and as a service."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import msgspec

from demo.images import PATH, base_tar
from harness.net import INSIDE, OWN_RESOLV_CONF
from harness.programs import caddy, haproxy, nginx, proxies_tar, traefik
from harness.world import World, wait_until
from proof.bare import BareStack
from proof.plan import Run, Setting
from proof.proxies import (
    APP_PORT,
    FRESH,
    KEPT,
    MACHINE,
    PROXIES,
    SERVICE,
    SERVICES,
    Proxy,
    client,
    files,
    labels,
    words,
)
from proof.stack import APP, HEALTH
from proof.stream import Place
from proof.visitors import Visit

BARE, EXPOSING = "app:bare", "app:exposing"
SERVE = "exec python3 -S /app.py"
LATE = f"sleep 3; {SERVE}"
HEALTHY = ("--health-cmd", HEALTH, "--health-interval", "2s", "--health-retries", "30")
APPS = {
    "healthy": (*HEALTHY, BARE, SERVE),
    "plain": (BARE, SERVE),
    "slow": (BARE, LATE),
    "exposed": (EXPOSING, LATE),
    "balanced": (BARE, LATE),
    "balanced-old": (*HEALTHY, BARE, SERVE),
}
"""What each service has more than the others, its image and its command. Two have a health check; of one that
has none, the image tells where it listens."""
CRASHING = ("slow", "balanced")
TWICE = 100
"""A proxy that is a service is published at its port and so many more."""
SOCKET = "/var/run/docker.sock"
EVERY_S = 0.6
_NO_MORE: list[str] = []


class ProxiedStack(BareStack):
    """Services that are rolled, behind proxies that are not."""

    images = ()
    proxies: tuple[Proxy, ...] = PROXIES
    places: tuple[str, ...] = (MACHINE, SERVICE)
    every_s = EVERY_S
    services = dict.fromkeys(SERVICES, _NO_MORE)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.setting = Setting(2, "start-first", "once")
        self._number = 0

    def deploy(self) -> None:
        self._load()
        docker = self.world.docker
        docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        docker("network", "create", "--driver", "overlay", "proof")
        docker("config", "create", "app-0", str(APP))
        for name in self.services:
            *more, image, command = APPS[name]
            docker(
                *("service", "create", "--detach", "--name", name, "--network", "proof", "--replicas", "2"),
                *("--config", "source=app-0,target=/app.py", "--restart-delay", "100ms"),
                *("--update-monitor", "200ms", "--update-order", "start-first", "--env", "ENDING=once"),
                *("--rollback-monitor", "200ms", "--rollback-order", "start-first"),
                *(word for pair in labels(name).items() for word in ("--label", "=".join(pair))),
                *(*more, image, "sh", "-c", command),
            )
        for name in self.services:
            wait_until(partial(self._ready, name), f"{name} runs", 60)
        for proxy in self.proxies:
            if MACHINE in self.places:
                self._start(proxy)
            if SERVICE in self.places:
                self._serve(proxy)
        for visit in self.visits():
            wait_until(partial(self._answers, visit), f"{visit.client} serves {visit.host}", 15)

    def _load(self) -> None:
        """The images: apps that say nothing of themselves, or where they listen, and the proxies'."""
        path = ("--change", f"ENV PATH={PATH}")
        for name, change in ((BARE, path), (EXPOSING, (*path, "--change", f"EXPOSE {APP_PORT}"))):
            self.world.docker("import", *change, str(base_tar()), name, timeout=120)
        if SERVICE in self.places:
            self.world.docker("import", *path, str(proxies_tar()), "proxies:1", timeout=120)

    def _start(self, proxy: Proxy) -> None:
        """As a program of the machine whose resolver asks the network's leg."""
        programs = {
            "traefik": lambda: [str(traefik())],
            "caddy": lambda: [str(caddy())],
            "haproxy": haproxy,
            "nginx": nginx,
        }
        folder, leg = self.world.root, self.leg()
        for name, text in files(proxy, tuple(self.services), leg).items():
            (folder / name).write_text(text)
        (folder / "leg.conf").write_text(f"nameserver {leg}\n")
        line = words(proxy, programs[proxy.name](), str(folder), str(self.world.socket))
        asking = ["unshare", "--mount", "--propagation=unchanged", "sh", "-c", OWN_RESOLV_CONF]
        with (self.world.run_dir / f"{proxy.name}.log").open("w") as log:
            subprocess.Popen(
                self.world.net.within([*asking, str(folder / "leg.conf"), *line]),
                env={**self.world.env, "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _serve(self, proxy: Proxy) -> None:
        """As a service of its own on the same network."""
        configs: list[str] = []
        for name, text in files(proxy, tuple(self.services), "127.0.0.11").items():
            (self.world.root / f"{name}.service").write_text(text)
            self.world.docker("config", "create", name, str(self.world.root / f"{name}.service"))
            configs += ["--config", f"source={name},target=/etc/proxy/{name}"]
        socket = ["--mount", f"type=bind,source={SOCKET},target={SOCKET}"] if proxy.name == "traefik" else []
        self.world.docker(
            *("service", "create", "--detach", "--name", f"proxy-{proxy.name}", "--network", "proof"),
            *("--publish", f"{proxy.port + TWICE}:{proxy.port}", *configs, *socket, "proxies:1"),
            *words(proxy, [f"/usr/sbin/{proxy.name}"], "/etc/proxy", SOCKET),
        )

    def visits(self) -> list[Visit]:
        """All clients: for each site of each proxy one."""
        return [
            Visit(
                client=client(proxy, site.by, place),
                place=Place(INSIDE),
                port=proxy.port + TWICE * (place == SERVICE),
                host=site.host,
                keep=site.way == KEPT,
                method=method,
                every=self.every_s,
                which=f"{site.way} {method} to {site.service}",
            )
            for proxy in self.proxies
            for place in self.places
            for site in proxy.sites(tuple(self.services))
            for method in ("GET", *(["POST"] if site.way == FRESH else []))
        ]

    def _answers(self, visit: Visit) -> bool:
        line = ["curl", "--silent", "--output", "/dev/null", "--max-time", "5"]
        line += ["--header", f"Host: {visit.host}", f"http://{visit.place.host}:{visit.port}/"]
        return self.world.run(*line, "--write-out", "%{http_code}", outside=True, check=False) == "200"

    def clients(self) -> list[list[str]]:
        words = [sys.executable, "-m", "proof.visitors", msgspec.json.encode(self.visits()).decode()]
        return [self.world.net.within(words, outside=True)]

    def play(self, run: Run) -> None:
        getattr(self, f"_{run.action.partition(' through ')[0].replace(' ', '_')}_")()

    def _next(self, name: str) -> None:
        self.world.docker("service", "update", "--detach", "--env-add", f"NUMBER={self._number}", name)

    def _update_(self) -> None:
        self._number += 1
        self._both(self._next, replaces=True)

    def _rollback_(self) -> None:
        self._both(lambda name: self.world.docker("service", "rollback", "--detach", name), replaces=True)

    def _task_crash_(self) -> None:
        """Of a service that proxies know in one way, and of one that they know in another."""
        for name in CRASHING:
            self._crash(name)
        for name in CRASHING:
            wait_until(partial(self._whole, name), f"{name} is whole", 60)


class ShortProxiedStack(ProxiedStack):
    """Traefik alone, on the machine, and one service without a health check."""

    proxies = PROXIES[:1]
    places = (MACHINE,)
    every_s = 0.1
    services = dict.fromkeys(["plain"], _NO_MORE)
