"""The private engine's configuration file: what the user's own says for any engine, and nothing else of it.

dockerd refuses a setting that stands both in its file and on its command line, where ours are.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog

from skerry.model.objects import Raw

log = structlog.get_logger()

DAEMON_JSON = Path("/etc/docker/daemon.json")

CARRIED = (
    "registry-mirrors",
    "insecure-registries",
    "proxies",
    "http-proxy",
    "https-proxy",
    "no-proxy",
    "dns",
    "dns-opts",
    "dns-search",
    "default-address-pools",
    "mtu",
    "log-driver",
    "log-opts",
    "runtimes",
    "default-runtime",
    "default-ulimits",
)
"""How this machine reaches others, and how containers are to be here; not where one engine has its things."""


def write_configuration(path: Path, users: Path = DAEMON_JSON) -> None:
    """Write the private engine's file anew, from what the user's says now."""
    carried = {name: value for name, value in _read(users).items() if name in CARRIED}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(carried)) + b"\n")


def _read(users: Path) -> Raw:
    try:
        return msgspec.json.decode(users.read_bytes(), type=Raw)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("the private engine takes no settings from a file", file=str(users), why=str(error))
        return {}
