"""A transcript: commands, the requests that each made, and the answers to them; as text that people read.

    === docker service create --detach --name web box:1
    --- POST /v1.41/services/create
    {"Name":"web", …}
    --> 201 application/json
    {"ID":"<id:4>"}

A body is JSON, a list with one element a line; a stream of events is the list of them, one of logs the list
of `[stream, line]`. `<id:4>` and the like stand for what differs from run to run (see `rules`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
"""A folder for each engine, named after its API version."""


@dataclass
class Exchange:
    """A request and its answer. Bodies are JSON values; None where there is none."""

    method: str
    target: str
    """Path and query, unquoted."""
    asked: Any = None
    status: int = 0
    kind: str = ""
    """The answer's Content-Type."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the request, where the API looks at them; of the answer, where it is a ping."""
    told: Any = None


@dataclass
class Command:
    """What a user ran, how it ended, and what went over the wire."""

    line: str
    code: int = 0
    exchanges: list[Exchange] = field(default_factory=list)


def write(commands: Iterable[Command]) -> str:
    """The text of a transcript."""
    return "\n".join(line for command in commands for line in _lines(command)) + "\n"


def _lines(command: Command) -> Iterator[str]:
    yield f"=== {f'[{command.code}] ' if command.code else ''}{command.line}"
    for one in command.exchanges:
        yield f"--- {one.method} {one.target}"
        for name, value in sorted(one.headers.items()):
            yield f"{name}: {value}"
        yield from _body(one.asked)
        yield f"--> {one.status} {one.kind}".rstrip()
        yield from _body(one.told)


def _body(value: Any) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, list) and value:
        inner = [json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in value]
        yield "["
        yield from (f"{text}," for text in inner[:-1])
        yield inner[-1]
        yield "]"
    else:
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> list[Command]:
    """The commands of a transcript's text."""
    commands: list[Command] = []
    body: list[str] = []
    answered = False

    def finish() -> None:
        if commands and commands[-1].exchanges and body:
            value = json.loads("".join(body))
            if answered:
                commands[-1].exchanges[-1].told = value
            else:
                commands[-1].exchanges[-1].asked = value
        body.clear()

    for line in text.splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "===":
            finish()
            commands.append(_command(rest))
        elif mark == "---":
            finish()
            answered = False
            method, _, target = rest.partition(" ")
            commands[-1].exchanges.append(Exchange(method, target))
        elif mark == "-->":
            finish()
            answered = True
            status, _, kind = rest.partition(" ")
            commands[-1].exchanges[-1].status, commands[-1].exchanges[-1].kind = int(status), kind
        elif mark.endswith(":") and mark.startswith("X-"):
            commands[-1].exchanges[-1].headers[mark[:-1]] = rest
        else:
            body.append(line)
    finish()
    return commands


def _command(text: str) -> Command:
    if text.startswith("["):
        code, _, line = text[1:].partition("] ")
        return Command(line, int(code))
    return Command(text)


def recorded() -> list[str]:
    """The API versions of the engines whose Swarm was recorded."""
    return sorted(path.name for path in DATA.iterdir() if path.is_dir())


def transcripts(api_version: str) -> list[tuple[str, list[Command]]]:
    """All that were recorded with an engine of this API version by name, in their order."""
    found = [(path.stem, read(path.read_text())) for path in sorted((DATA / api_version).glob("*.txt"))]
    if not found:
        raise LookupError(f"nothing recorded for API {api_version}: make transcripts")
    return found
