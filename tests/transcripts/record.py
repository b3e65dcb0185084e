"""Runs the sessions' commands against a socket and writes down what went over the wire."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker

from tests.transcripts import machine
from tests.transcripts.compare import Marker
from tests.transcripts.proxy import Recorder, recording
from tests.transcripts.settle import settle
from tests.transcripts.transcript import DATA, Command, Exchange, write
from tests.transcripts.wire import api_version, ask

FILES = Path(__file__).parent / "files"


def record(socket: Path, sessions: dict[str, list[str]]) -> int:
    """Record every session into a file of its name, in the folder of its engine; the number of commands."""
    marker, count = Marker(), 0
    target = DATA / api_version(socket)
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skr", dir="/tmp") as folder:
        path = Path(folder) / "d.sock"
        with recording(path, socket) as recorder:
            for name, lines in sessions.items():
                start = time.time()
                commands = [_run(line, recorder, socket, path, start) for line in lines]
                count += len(commands)
                kept = list(_without_repeats([_marked(one, marker) for one in commands]))
                (target / f"{name}.txt").write_text(write(kept))
                print(f"{name}: {len(commands)} commands")
    return count


def _run(line: str, recorder: Recorder, socket: Path, path: Path, start: float) -> Command:
    settle(socket)
    recorder.take()
    command = Command(line)
    kind, _, rest = line.partition(" ")
    if kind == "docker":
        command.code = _cli(line, path)
        command.exchanges = recorder.take()
    elif kind == "sdk:":
        command.code = _sdk(rest, path)
        command.exchanges = recorder.take()
    else:
        command.exchanges = [_raw(line, socket, start)]
    return command


def _cli(line: str, path: Path) -> int:
    with tempfile.TemporaryDirectory() as config:
        env = {**os.environ, "DOCKER_HOST": f"unix://{path}", "DOCKER_CONFIG": config}
        done = subprocess.run(
            ["bash", "-c", line], env=env, cwd=FILES, capture_output=True, text=True, timeout=120, check=False
        )
    print(f"$ {line}\n{done.stdout}{done.stderr}", end="")
    return done.returncode


def _sdk(code: str, path: Path) -> int:
    with contextlib.closing(docker.DockerClient(base_url=f"unix://{path}")) as client:
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                exec(code, {"client": client, "docker": docker})
        except docker.errors.DockerException as error:
            print(f"$ {code}\n{error}")
            return 1
    return 0


def _raw(line: str, socket: Path, start: float) -> Exchange:
    """`METHOD TARGET [BODY]`; {start} and {now} are the session's beginning and this moment."""
    method, target, *body = line.split(" ", 2)
    wanted = Exchange(method, target, raw_body(body[0]) if body else None)
    found = ask(socket, Exchange(method, at_times(target, start), wanted.asked))
    found.target = target
    return found


def raw_body(text: str) -> object:
    """A body: JSON as it is, anything else as a text."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def at_times(target: str, start: float) -> str:
    """A target with its times filled in, in seconds."""
    return target.replace("{start}", f"{start:.6f}").replace("{now}", f"{time.time():.6f}")


def _marked(command: Command, marker: Marker) -> Command:
    exchanges = [marker.exchange(machine.marked(one)) for one in command.exchanges]
    return Command(command.line, command.code, exchanges)


def _without_repeats(commands: list[Command]) -> Iterator[Command]:
    """Of a poll only the last answer; what was answered the same before in the session is left out."""
    seen: set[str] = set()
    for command in commands:
        last = {(one.method, one.target): index for index, one in enumerate(command.exchanges)}
        kept = []
        for index, one in enumerate(command.exchanges):
            reads = one.method in ("GET", "HEAD")
            if not one.status:
                continue  # given up by the client, as the wait of a `docker run` that failed
            if reads and last[one.method, one.target] != index:
                continue
            text = write([Command("", 0, [one])])
            if reads and text in seen:
                continue
            seen.add(text)
            kept.append(one)
        yield Command(command.line, command.code, kept)
