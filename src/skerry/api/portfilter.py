"""The filters `publish` and `expose` of a list of containers: `80`, `80/udp`, `8000-8080/tcp`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.model.errors import InvalidParameter
from skerry.model.go import strconv


@dataclass(frozen=True)
class PortRange:
    """Ports of one protocol. However many they are, it is one comparison."""

    numbers: range
    protocol: str

    def __contains__(self, port: tuple[int, str]) -> bool:
        number, protocol = port
        return number in self.numbers and protocol == self.protocol


def read(key: str, values: Iterable[str]) -> list[PortRange]:
    """What is asked for under a key. Raises InvalidParameter in Docker's words."""
    return [_read(key, value) for value in values]


def _read(key: str, value: str) -> PortRange:
    if ":" in value:
        raise InvalidParameter(f"filter for '{key}' should not contain ':': {value}")
    ports, _, protocol = value.partition("/")
    try:
        return PortRange(_numbers(ports), protocol or "tcp")
    except ValueError as error:
        raise InvalidParameter(f"error while looking up for {key} {value}: {error}") from error


def _numbers(ports: str) -> range:
    if not ports:
        raise ValueError("Empty string specified for ports.")
    first, dash, last = ports.partition("-")
    lowest = strconv.parse_uint(first, bits=16)
    highest = strconv.parse_uint(last.partition("-")[0], bits=16) if dash else lowest
    if highest < lowest:
        raise ValueError(f"Invalid range specified for the Port: {ports}")
    return range(lowest, highest + 1)
