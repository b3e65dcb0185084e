"""A managed plugin: a log driver, a volume driver and whatever else a test says, served by Python.

It runs on this machine's own Python, whose directories are bound into it. Run as a program, it is the plugin.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socketserver
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

SOCKET = "test.sock"
VOLUME = "/volume"
"""The directory of the plugin's own that each of its volumes is."""
VOLUMES: dict[str, dict[str, Any]] = {}
LINKED = ("bin", "lib", "lib64")
"""In a merged /usr these are links."""


def make(folder: Path, *types: str) -> Path:
    """Write a plugin of these types (as `docker.logdriver/1.0`) for `docker plugin create NAME FOLDER`."""
    rootfs = folder / "rootfs"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("usr", "etc", "tmp", "proc", "dev", "run/docker/plugins", "run/docker/logging", "volume"):
        (rootfs / name).mkdir(parents=True)
    for name in LINKED:
        if Path("/", name).is_symlink():
            (rootfs / name).symlink_to(f"usr/{name}")
    shutil.copy(__file__, rootfs / "plugin.py")
    bound = {"/usr", *(f"/{name}" for name in LINKED if not Path("/", name).is_symlink())}
    if not sys.base_prefix.startswith("/usr"):
        bound.add(sys.base_prefix)
    python = str(Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}"))
    config = {
        "description": "for tests",
        "documentation": "",
        "entrypoint": [python, "/plugin.py"],
        "interface": {"types": list(types), "socket": SOCKET},
        "network": {"type": "none"},
        "env": [],
        "mounts": [_bound(path) for path in sorted(bound) if Path(path).exists()],
        "linux": {"capabilities": []},
    }
    for path in bound:
        (rootfs / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _bound(path: str) -> dict[str, Any]:
    options = ["rbind", "ro"]
    names = {"name": path.strip("/").replace("/", "-"), "description": "", "settable": []}
    return {**names, "source": path, "destination": path, "type": "bind", "options": options}


def answer(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the plugin says to a call of the engine's."""
    name = str(body.get("Name", ""))
    calls: dict[str, Callable[[], dict[str, Any]]] = {
        "/Plugin.Activate": lambda: {"Implements": ["LogDriver", "VolumeDriver", "NetworkDriver"]},
        "/NetworkDriver.GetCapabilities": lambda: {"Scope": "global", "ConnectivityScope": "global"},
        "/LogDriver.Capabilities": lambda: {"Cap": {"ReadLogs": False}},
        "/LogDriver.StartLogging": lambda: _drain(str(body["File"])),
        "/VolumeDriver.Capabilities": lambda: {"Capabilities": {"Scope": "local"}},
        "/VolumeDriver.Create": lambda: VOLUMES.setdefault(name, {"Name": name}) and {},
        "/VolumeDriver.Remove": lambda: VOLUMES.pop(name, {}) and {},
        "/VolumeDriver.List": lambda: {"Volumes": list(VOLUMES.values())},
        "/VolumeDriver.Get": lambda: {"Volume": VOLUMES[name]} if name in VOLUMES else {"Err": "none"},
        "/VolumeDriver.Path": lambda: {"Mountpoint": VOLUME},
        "/VolumeDriver.Mount": lambda: {"Mountpoint": VOLUME},
    }
    return calls.get(path, dict)()


def _drain(fifo: str) -> dict[str, Any]:
    """Read a container's log away, or it could write no more."""

    def read() -> None:
        with Path(fifo).open("rb") as file:
            while file.read(4096):
                pass

    threading.Thread(target=read, daemon=True).start()
    return {}


class Calls(BaseHTTPRequestHandler):
    """The protocol of plugins: each call is a POST of JSON."""

    def address_string(self) -> str:
        return "engine"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}") or {}
        data = json.dumps(answer(self.path, body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.1+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process of a container has no default
    Server(f"/run/docker/plugins/{SOCKET}", Calls).serve_forever()
