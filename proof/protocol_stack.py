"""The stack of other protocols than HTTP/1: a service of each, by a kept library or by Debian's program."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from demo.images import PATH
from harness import protocols
from harness.net import INSIDE
from harness.world import World, wait_until
from proof.bare import BareStack
from proof.plan import Setting
from proof.protocols import PORTS

IMAGE = "protocols:1"
SERVERS = Path(__file__).with_name("protocol_servers.py")
DATA = "/tmp/data"
POSTGRES = (
    f"initdb --pgdata={DATA} --auth=trust --no-sync > /dev/null"
    f" && echo host all all all trust >> {DATA}/pg_hba.conf"
    f" && exec postgres -D {DATA} -c listen_addresses='*' -c unix_socket_directories=/tmp"
)
LIBRARY = ["python3", "/servers.py"]
SERVICES = {
    "http2": (8080, [], [*LIBRARY, "http2"]),
    "tls": (8080, [], [*LIBRARY, "tls"]),
    "grpc": (8080, [], [*LIBRARY, "grpc"]),
    "websocket": (8080, [], [*LIBRARY, "websocket"]),
    "postgres": (
        5432,
        [
            *("--user", "postgres", "--health-cmd", "pg_isready --quiet --host=127.0.0.1"),
            *("--health-interval", "2s", "--health-retries", "30"),
        ],
        ["sh", "-c", POSTGRES],
    ),
    "redis": (6379, [], ["redis-server", "--bind", "*", "--protected-mode", "no", "--save", ""]),
}
"""Where each listens, what it has more than others, and its command."""
_NO_MORE: list[str] = []


class ProtocolStack(BareStack):
    """All of them are updated at once."""

    images = ()
    services = dict.fromkeys(SERVICES, _NO_MORE)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._number = 0

    def deploy(self) -> None:
        docker = self.world.docker
        protocols.installed()
        path = f"ENV PATH={protocols.POSTGRESQL}:{PATH} PYTHONPATH={protocols.PACKAGES}"
        docker("import", "--change", path, str(protocols.servers_tar()), IMAGE, timeout=120)
        docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        docker("network", "create", "--driver", "overlay", "proof")
        docker("config", "create", "servers", str(SERVERS))
        for name, (port, more, command) in SERVICES.items():
            docker(
                *("service", "create", "--detach", "--name", name, "--network", "proof", "--replicas", "2"),
                *("--publish", f"{PORTS[name]}:{port}", "--config", "source=servers,target=/servers.py"),
                *("--restart-delay", "100ms", "--stop-grace-period", "10s", "--update-order", "start-first"),
                *("--update-monitor", "200ms", *more, IMAGE, *command),
            )
        for name in self.services:
            wait_until(partial(self._ready, name), f"{name} runs", 60)

    def clients(self) -> list[list[str]]:
        words = [*protocols.python(), "-m", "proof.protocol_clients", INSIDE]
        words += [json.dumps(protocols.psql()), json.dumps(protocols.redis_cli())]
        return [self.world.net.within(words, outside=True)]

    def set(self, setting: Setting) -> None:
        words = ["--replicas", str(setting.replicas), "--update-order", setting.order]
        if setting != self.setting:
            self.setting = setting
            self._update(words, replaces=False)

    def _update_by_protocol_(self) -> None:
        self._number += 1
        self._update(["--env-add", f"NUMBER={self._number}"], replaces=True)

    def _scale_by_protocol_(self) -> None:
        self._scale_()
