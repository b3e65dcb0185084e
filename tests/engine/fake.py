"""An engine in memory: it passes the same contract as the real one, and does what a test tells it to.

Containers run the `Cmd` of their body as far as `sleep N`, `sh -c "exit N"`, `true` and `false` go; by
default they run until they are stopped. Time is the event loop's; `clock` says what date the engine has.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from skerry.engine.port import EngineError, EngineUnreachable, ExecResult
from skerry.engine.streams import STDOUT, frame
from skerry.model.objects import Raw
from skerry.model.times import timestamp

Command = Callable[["Box", list[str]], ExecResult]


@dataclass
class Box:
    """A container."""

    id: str
    name: str
    body: Raw
    status: str = "created"
    exit_code: int = 0
    pid: int = 0
    paused: bool = False
    error: str = ""
    started_at: str = "0001-01-01T00:00:00Z"
    networks: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    """The addresses that its endpoints were made with."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def running(self) -> bool:
        return self.status == "running"


class FakeEngine:
    """See the fields for what a test can set; `calls` lists what was asked, in order."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.socket = "/nowhere/engine.sock"
        self.clock = clock
        self.images: dict[str, Raw] = {"box:1": {"Id": "sha256:box", "Config": {"Cmd": ["sleep", "1000"]}}}
        self.pullable: dict[str, Raw] = {}
        self.pull_s = 0.0
        self.stop_s = 0.0
        self.inspect_s = 0.0
        self.start_error = ""
        self.down = False
        self.on_exec: Command = run_word
        self.executed: list[tuple[list[str], str, Raw]] = []
        """Commands that were run, as whom and how."""
        self.exec_s = 0.0
        self.log_lines: list[str] = []
        """What every container has said."""
        self.calls: list[str] = []
        self.boxes: dict[str, Box] = {}
        self.networks: dict[str, str] = {}
        self._ranges: dict[str, IPv4Network] = {}
        self._streams: dict[asyncio.Queue[Raw | None], None] = {}
        self._numbers = itertools.count(1)

    # What tests do.

    def end(self, name: str, code: int, error: str = "") -> None:
        """A container's process ends."""
        box = self._box(name)
        if not box.running:
            return
        box.status, box.exit_code, box.error, box.pid = "exited", code, error, 0
        box.networks = dict.fromkeys(box.networks, "")
        box.ended.set()
        self._emit("die", box, exitCode=str(code))

    def starve(self, name: str) -> None:
        """The kernel kills a process of a container that has no memory left."""
        self._emit("oom", self._box(name))

    def lose(self, name: str) -> None:
        """A container disappears without a word."""
        box = self._box(name)
        box.status = "exited"
        box.ended.set()
        del self.boxes[box.name]

    def pause(self, name: str, *, paused: bool = True) -> None:
        """Somebody freezes a container's processes, or lets them go on."""
        self._box(name).paused = paused
        self._emit("pause" if paused else "unpause", self._box(name))

    def disconnect(self, name: str, network: str) -> None:
        """Somebody takes a container off a network."""
        del self._box(name).networks[network]
        self._rewired("disconnect", self._box(name), network)

    def reconnect(self, name: str, network: str) -> None:
        """Somebody brings a running container to a network."""
        self._box(name).networks[network] = self._free_address(network)
        self._rewired("connect", self._box(name), network)

    def prune(self, network: str) -> None:
        """Somebody removes a network."""
        key = self.networks.pop(network)
        attributes = {"name": network, "type": "bridge"}
        self._tell({"Type": "network", "Action": "destroy", "Actor": {"ID": key, "Attributes": attributes}})

    def _rewired(self, action: str, box: Box, network: str) -> None:
        attributes = {"container": box.id, "name": network, "type": "bridge"}
        event: Raw = {"Type": "network", "Action": action, "Actor": {"ID": network, "Attributes": attributes}}
        self._tell(event)

    def break_events(self) -> None:
        """All event streams end."""
        for stream in self._streams:
            stream.put_nowait(None)

    # The port.

    async def get(self, path: str, **query: str) -> Raw:
        self._asked(f"get {path}")
        if path == "/info":
            return {"Swarm": {"LocalNodeState": "inactive"}, "LiveRestoreEnabled": True}
        if path.startswith("/networks/") and (name := path.removeprefix("/networks/")) in self.networks:
            return {"Name": name, "Id": self.networks[name]}
        if path.startswith("/images/") and path.endswith("/json"):
            image = await self.inspect_image(path.removeprefix("/images/").removesuffix("/json"))
            if image is not None:
                return image
        raise EngineError(404, "page not found")

    async def get_list(self, path: str, **query: str) -> list[Raw]:
        self._asked(f"list {path}")
        if path == "/containers/json":
            wanted = json.loads(query.get("filters", "{}")).get("label", [])
            return [
                {
                    "Id": box.id,
                    "ImageID": self._image_id(box.body["Image"]),
                    "Names": [f"/{box.name}"],
                    "Labels": box.body.get("Labels") or {},
                    "State": box.status,
                }
                for box in self.boxes.values()
                if all(_has(box, label) for label in wanted) and (box.running or query.get("all") == "1")
            ]
        if path == "/images/json":
            keys = {str(image["Id"]): None for image in self.images.values()}
            return [{"Id": key, "RepoTags": self._tags(key), "RepoDigests": None} for key in keys]
        if path == "/networks":
            return [{"Name": name, "Id": key} for name, key in self.networks.items()]
        raise EngineError(404, "page not found")

    async def post(self, path: str, body: Raw | None = None, **query: str) -> Raw:
        self._asked(f"post {path}")
        if path == "/volumes/create":
            return dict(body or {})
        if path.startswith("/images/") and path.endswith("/tag"):
            image = await self.inspect_image(path.removeprefix("/images/").removesuffix("/tag"))
            if image is not None:
                self.images[f"{query['repo']}:{query['tag']}"] = image
                return {}
        raise EngineError(404, "page not found")

    async def inspect_image(self, reference: str) -> Raw | None:
        self._asked(f"image {reference}")
        by_id = (image for image in self.images.values() if image["Id"] == reference)
        return self.images.get(reference) or next(by_id, None)

    async def remove_image(self, reference: str) -> None:
        self._asked(f"untag {reference}")
        image = self.images.get(reference)
        used = {self._image_id(box.body["Image"]) for box in self.boxes.values()}
        if image is not None and self._tags(image["Id"]) == [reference] and image["Id"] in used:
            raise EngineError(409, f"conflict: a container is using its referenced image {image['Id']}")
        self.images.pop(reference, None)

    def untag(self, reference: str) -> None:
        """Somebody gives a tag to another image: the one before has none, but is here."""
        image = self.images.pop(reference)
        self.images.setdefault(f"<none>@{image['Id']}", image)

    def _tags(self, key: str) -> list[str]:
        return [name for name, image in self.images.items() if image["Id"] == key and "<none>" not in name]

    def _image_id(self, reference: str) -> str:
        by_id = (str(image["Id"]) for image in self.images.values() if image["Id"] == reference)
        return str(self.images[reference]["Id"]) if reference in self.images else next(by_id, "")

    async def pull(self, reference: str, auth: str = "") -> None:
        self._asked(f"pull {reference}")
        await asyncio.sleep(self.pull_s)
        if reference not in self.pullable:
            raise EngineError(500, f"pull access denied for {reference}")
        self.images[reference] = self.pullable[reference]

    async def create_container(self, name: str, body: Raw) -> str:
        self._asked(f"create {name}")
        if (box := self.boxes.get(name)) is not None:
            return box.id
        if not self._image_id(body["Image"]):
            raise EngineError(404, f"No such image: {body['Image']}")
        box = Box(f"{next(self._numbers):064x}", name, body)
        for network, config in ((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}).items():
            _join(box, network, config)
        self.boxes[name] = box
        return box.id

    async def inspect_container(self, container: str) -> Raw | None:
        self._asked(f"inspect {container}")
        await asyncio.sleep(self.inspect_s)
        box = self._find(container)
        if box is None:
            return None
        state: Raw = {"Status": box.status, "Running": box.running, "ExitCode": box.exit_code, "Pid": box.pid}
        state |= {"Error": box.error, "OOMKilled": False, "StartedAt": box.started_at, "Paused": box.paused}
        return {
            "Id": box.id,
            "Name": f"/{box.name}",
            "Image": self.images[box.body["Image"]]["Id"],
            "State": state,
            "Config": {"Labels": box.body.get("Labels") or {}},
            "NetworkSettings": {"Networks": {name: {"IPAddress": at} for name, at in box.networks.items()}},
        }

    async def start_container(self, container: str) -> None:
        self._asked(f"start {container}")
        box = self._box(container)
        if self.start_error:
            box.exit_code = 128
            raise EngineError(500, self.start_error)
        if box.running:
            return
        if missing := [name for name in box.networks if name not in self.networks]:
            raise EngineError(404, f"network {missing[0]} not found")
        for name in box.networks:
            box.networks[name] = self._address(box, name)
        box.status, box.pid = "running", next(self._numbers) + 1000
        box.started_at = timestamp(self.clock())
        box.ended.clear()
        self._emit("start", box)
        words = list(box.body.get("Cmd") or [])
        if words and words[0] != "sleep":
            self.end(box.name, run_word(box, words).exit_code)

    async def stop_container(self, container: str, grace_s: int) -> None:
        self._asked(f"stop {container} {grace_s}")
        await asyncio.sleep(self.stop_s)
        box = self._find(container)
        if box is not None:
            self.end(box.name, 137)

    async def remove_container(self, container: str) -> None:
        self._asked(f"remove {container}")
        box = self._find(container)
        if box is None:
            return
        self.end(box.name, 137)
        del self.boxes[box.name]
        self._emit("destroy", box)

    async def exec(
        self, container: str, command: list[str], timeout_s: float, user: str = "", options: Raw | None = None
    ) -> ExecResult:
        self._asked(f"exec {container}")
        box = self._box(container)
        if not box.running:
            raise EngineError(409, f"Container {box.id} is not running")
        self.executed.append((command, user, options or {}))
        needed = float(command[1]) if command[0] == "sleep" else self.exec_s
        await asyncio.sleep(min(needed, timeout_s))
        return ExecResult(-1, "") if needed > timeout_s else self.on_exec(box, command)

    @asynccontextmanager
    async def events(self, **filters: list[str]) -> AsyncIterator[AsyncIterator[Raw]]:
        self._asked("events")
        stream: asyncio.Queue[Raw | None] = asyncio.Queue()
        self._streams[stream] = None
        try:
            yield _events(stream, filters.get("type", []), filters.get("event", []))
        finally:
            self._streams.pop(stream, None)

    @asynccontextmanager
    async def logs(self, container: str, **query: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self._asked(f"logs {container}")
        self._box(container)
        tail = int(query["tail"]) if query.get("tail", "all") != "all" else len(self.log_lines)
        yield _frames(self.log_lines[-tail:] if tail else [])

    async def create_network(self, body: Raw) -> str:
        self._asked(f"network {body['Name']}")
        for config in (body.get("IPAM") or {}).get("Config") or []:
            self._ranges[body["Name"]] = IPv4Network(config.get("IPRange") or config["Subnet"])
        return self.networks.setdefault(body["Name"], f"net-{len(self.networks)}")

    async def remove_network(self, network: str) -> None:
        self._asked(f"unnetwork {network}")
        names = {network, *(name for name, key in self.networks.items() if key == network)}
        if any(box.running and names & box.networks.keys() for box in self.boxes.values()):
            raise EngineError(403, f"error while removing network: network {network} has active endpoints")
        for name in names:
            self.networks.pop(name, None)

    async def connect(self, network: str, container: str, config: Raw) -> None:
        self._asked(f"connect {network} {container}")
        _join(self._box(container), network, config)

    async def close(self) -> None:
        self.break_events()

    def _asked(self, what: str) -> None:
        if self.down:
            raise EngineUnreachable("the engine does not answer: it is down")
        self.calls.append(what)

    def _find(self, container: str) -> Box | None:
        by_id = (box for box in self.boxes.values() if box.id == container)
        return self.boxes.get(container) or next(by_id, None)

    def _box(self, container: str) -> Box:
        box = self._find(container)
        if box is None:
            raise EngineError(404, f"No such container: {container}")
        return box

    def _address(self, box: Box, network: str) -> str:
        """The address that the endpoint was made with, if nobody has it; else one of the network's range."""
        address = box.asked.get(network)
        if not address:
            return self._free_address(network)
        if any(other.networks.get(network) == address for other in self.boxes.values() if other is not box):
            raise EngineError(403, "Address already in use")
        return address

    def _free_address(self, network: str) -> str:
        """The lowest one of the network's range that no running container has; the first is the gateway's."""
        number = list(self.networks).index(network)
        hosts = self._ranges.get(network, IPv4Network((f"172.30.{number}.0", 24))).hosts()
        taken = {box.networks.get(network) for box in self.boxes.values()}
        return next(text for at in itertools.islice(hosts, 1, None) if (text := str(at)) not in taken)

    def _emit(self, action: str, box: Box, **attributes: str) -> None:
        labels = {
            "name": box.name,
            "image": box.body["Image"],
            **(box.body.get("Labels") or {}),
            **attributes,
        }
        event: Raw = {"Type": "container", "Action": action, "Actor": {"ID": box.id, "Attributes": labels}}
        self._tell(event)

    def _tell(self, event: Raw) -> None:
        for stream in self._streams:
            stream.put_nowait(event)


def _join(box: Box, network: str, config: Raw | None) -> None:
    box.networks.setdefault(network, "")
    if address := ((config or {}).get("IPAMConfig") or {}).get("IPv4Address"):
        box.asked[network] = address


def _has(box: Box, label: str) -> bool:
    """Whether a container has a label: `key`, or `key=value`."""
    key, sign, value = label.partition("=")
    found = (box.body.get("Labels") or {}).get(key)
    return found is not None and (not sign or found == value)


async def _events(
    stream: asyncio.Queue[Raw | None], types: list[str], actions: list[str]
) -> AsyncIterator[Raw]:
    while (event := await stream.get()) is not None:
        if (not types or event["Type"] in types) and (not actions or event["Action"] in actions):
            yield event


async def _frames(lines: list[str]) -> AsyncIterator[bytes]:
    for line in lines:
        yield frame(STDOUT, f"{line}\n".encode())


def run_word(box: Box, command: list[str]) -> ExecResult:
    """What `true`, `false` and `sh -c "echo WORD; exit N"` do."""
    if command[:2] == ["sh", "-c"] or command[:2] == ["/bin/sh", "-c"]:
        words: list[Any] = command[2].replace(";", " ").split()
        code = int(words[words.index("exit") + 1]) if "exit" in words else 0
        said = f"{words[words.index('echo') + 1]}\n" if "echo" in words else ""
        return ExecResult(code, said)
    return ExecResult(1 if command[0] == "false" else 0, "")
