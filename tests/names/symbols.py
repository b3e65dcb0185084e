"""What differs from swarm to swarm, and the symbols that stand for it in questions and answers.

`vip(web,back)`, `task(web.1,back)`, `container(guest,open)` and `gateway(back)` are addresses; `name(web.1)`
is a task's whole name, `id(web.1)` its ID, `short(web.1)` or `short(guest)` the short ID of a container.
Services and networks are named without the prefix of their stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.transcripts.wire import get

ADDRESS = re.compile(r"\d+(?:\.\d+){3}")
SYMBOL = re.compile(r"(?:vip|task|container|gateway|name|id|short)\([^()]+\)")
LIVE = ("running", "complete")
"""What is desired of a task that shall run."""


class Symbols:
    """The symbols of a swarm at one moment, and what each stands for."""

    def __init__(self, socket: Path, stack: str) -> None:
        self._socket = socket
        self._prefix = f"{stack}_"
        networks = [get(socket, f"/networks/{row['Id']}") for row in get(socket, "/networks")]
        self._networks = {row["Id"]: row["Name"] for row in networks}
        self._subnets = {
            config["Subnet"]: self._short(row["Name"])
            for row in networks
            for config in row["IPAM"]["Config"] or ()
        }
        pairs = [*self._of_networks(networks), *self._of_services(), *self._of_containers()]
        self._values = dict(pairs)
        self._symbols = {value: symbol for symbol, value in pairs}

    def _short(self, name: str) -> str:
        return name.removeprefix(self._prefix)

    def _of_networks(self, networks: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        for row in networks:
            for config in row["IPAM"]["Config"] or ():
                if "Gateway" in config:
                    yield f"gateway({self._short(row['Name'])})", config["Gateway"]

    def _of_services(self) -> Iterator[tuple[str, str]]:
        names = {}
        for service in get(self._socket, "/services"):
            name = names[service["ID"]] = service["Spec"]["Name"]
            for vip in service["Endpoint"].get("VirtualIPs") or ():
                network = self._short(self._networks[vip["NetworkID"]])
                if "Addr" in vip:
                    yield f"vip({self._short(name)},{network})", vip["Addr"].partition("/")[0]
        for task in get(self._socket, "/tasks"):
            if task["Status"]["State"] == "running" and task.get("ServiceID") in names:
                yield from self._of_task(names[task["ServiceID"]], task)

    def _of_task(self, service: str, task: dict[str, Any]) -> Iterator[tuple[str, str]]:
        number = task.get("Slot") or 1
        whole = f"{service}.{task.get('Slot') or task['NodeID']}.{task['ID']}"
        short = task["Status"]["ContainerStatus"]["ContainerID"][:12]
        # the last one stands in answers: the name without the prefix
        for name in (f"{service}.{number}", f"{self._short(service)}.{number}"):
            yield f"name({name})", whole
            yield f"id({name})", task["ID"]
            yield f"short({name})", short
        for place in task.get("NetworksAttachments") or ():
            network = self._short(place["Network"]["Spec"]["Name"])
            for address in place.get("Addresses") or ():
                yield f"task({self._short(service)}.{number},{network})", address.partition("/")[0]

    def _of_containers(self) -> Iterator[tuple[str, str]]:
        for row in get(self._socket, "/containers/json"):
            if "com.docker.swarm.task.id" in row["Labels"]:
                continue
            name = row["Names"][0].removeprefix("/")
            yield f"short({name})", row["Id"][:12]
            container = get(self._socket, f"/containers/{quote(row['Id'])}/json")
            for network, place in container["NetworkSettings"]["Networks"].items():
                if place["IPAddress"]:
                    yield f"container({name},{self._short(network)})", place["IPAddress"]

    def fill(self, text: str) -> str:
        """A question's name with what its symbols stand for. KeyError for one that stands for nothing."""
        return SYMBOL.sub(lambda match: self._values[match[0]], text)

    def marked(self, text: str) -> str:
        """An answer with symbols; an address of a network that nobody is known by is `other(back)`."""
        return ", ".join(sorted(self._word(word) for word in text.split("\t")))

    def _word(self, word: str) -> str:
        if word in self._symbols:
            return self._symbols[word]
        if ADDRESS.fullmatch(word):
            return next(
                (f"other({name})" for subnet, name in self._subnets.items() if _within(word, subnet)), word
            )
        for value in sorted(self._symbols, key=len, reverse=True):
            if not ADDRESS.fullmatch(value):
                word = word.replace(value, self._symbols[value])
        return word


def _within(address: str, subnet: str) -> bool:
    return ip_address(address) in ip_network(subnet)
