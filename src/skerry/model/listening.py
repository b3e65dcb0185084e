"""Ready means listening: where a task without a health check is to listen, and whether it does. Pure.

A task that is in the table before it listens refuses whoever comes. Nothing is asked of it: the kernel tells
which of its sockets listen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from skerry.model.specs import PortConfig

Port = tuple[str, int]
"""Protocol (`tcp`, `udp`) and number."""


class ListeningSocket(NamedTuple):
    """A TCP socket that listens, or a UDP socket that takes from anybody."""

    protocol: str
    address: str
    """`0.0.0.0` and `::` are every address of their family."""
    port: int
    both: bool = False
    """Whether an IPv6 socket takes IPv4 too."""

    @property
    def outward(self) -> bool:
        """Whether it takes what comes from another container, over IPv4."""
        if self.address == "::":
            return self.both
        return ":" not in self.address and not self.address.startswith("127.")


@dataclass(frozen=True)
class Listening:
    """The ports at which a task is to listen before it is ready: all of them, or (`any_of`) any of them."""

    ports: tuple[Port, ...]
    any_of: bool = False

    @property
    def protocols(self) -> tuple[str, ...]:
        """`tcp`, `udp` or both."""
        return tuple(dict.fromkeys(protocol for protocol, _ in self.ports)) or ("tcp",)

    def silent(self, listeners: Iterable[ListeningSocket]) -> str:
        """Where nothing listens yet that anybody could reach, in words; "" where the task is ready."""
        heard: set[Port] = set()
        inward: set[Port] = set()
        for listener in listeners:
            port = (listener.protocol, listener.port)
            (heard if listener.outward else inward).add(port)
        if not self.ports:
            return "" if heard else "nothing listens"
        missing = [port for port in self.ports if port not in heard]
        if not missing or (self.any_of and len(missing) < len(self.ports)):
            return ""
        within = [port for port in missing if port in inward]
        if within:
            return f"only its own loopback or IPv6 reaches {_listed(within, self.any_of)}"
        return f"nothing listens on {_listed(missing, self.any_of)}"


ANYWHERE = Listening((), any_of=True)
"""A task of which no port is known: any TCP port will do."""


def awaited(
    own: Sequence[Port] | None, published: Iterable[PortConfig], image: Mapping[str, Any]
) -> Listening | None:
    """Where a task has to listen; None where nothing is known of that.

    What its label says (`own`), else all targets of its published ports, else one of the TCP ports that its
    image exposes (`image` is the image's Config).
    """
    if own is not None:
        return Listening(tuple(own)) if own else None
    targets = [(port.protocol, port.target_port) for port in published if port.protocol in ("tcp", "udp")]
    if targets:
        return Listening(tuple(dict.fromkeys(targets)))
    exposed = (_exposed(text) for text in image.get("ExposedPorts") or ())
    tcp = sorted({port for port in exposed if port is not None and port[0] == "tcp"})
    return Listening(tuple(tcp), any_of=True) if tcp else None


def read_ports(text: str) -> tuple[Port, ...]:
    """Ports as the label has them: `8080`, `8080,53/udp`, `none`. Raises ValueError with a sentence."""
    if text.strip() == "none":
        return ()
    return tuple(dict.fromkeys(_port(part.strip()) for part in text.split(",")))


def _port(text: str) -> Port:
    number, slash, protocol = text.partition("/")
    if not (number.isascii() and number.isdecimal() and len(number) <= 5 and 0 < int(number) < 1 << 16):
        raise ValueError(f'"{text[:40]}" is no port, such as 8080 or 53/udp')
    if slash and protocol not in ("tcp", "udp"):
        raise ValueError(f'"{text[:40]}" is neither a TCP nor a UDP port')
    return protocol or "tcp", int(number)


def _exposed(text: str) -> Port | None:
    """`80/tcp`, as images have it; None for what is no port."""
    try:
        return _port(text)
    except ValueError:
        return None


def _listed(ports: Sequence[Port], either: bool) -> str:
    words = [f"{number}/{protocol}" for protocol, number in ports]
    if len(words) == 1:
        return f"port {words[0]}"
    return f"ports {', '.join(words[:-1])} {'or' if either else 'and'} {words[-1]}"
