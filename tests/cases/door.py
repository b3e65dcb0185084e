"""Differential fuzz of the front door: no request that dockerd would take as one of the swarm's reaches it.

A genuine dockerd in swarm mode stands behind the door; the door's own routes answer with a mark. A spelling
has slipped where an answer of the engine's swarm comes through the door.
`python -m tests.cases.door [--spellings N]` exits 1 if one has, or if one is left without an end.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from harness.genuine import genuine
from harness.net import run
from skerry.api.app import ROUTES
from skerry.api.door.frontdoor import serve
from tests.cases.spellings import END, MARK, NAME, PLAIN, plain, spellings

OURS = b"the door's own"
SIGNS = (b'"JoinTokens"', b'"ManagerStatus"', b'"SwarmUnlockKey"', b'"UnlockKey"', MARK.encode())
"""What only the engine's swarm says; with it, the messages of the requests that it refuses."""
AT_ONCE = 8
ANSWER_S = 30.0


@dataclass
class Tally:
    """What became of the spellings."""

    spellings: int = 0
    taken: int = 0
    """By dockerd, asked directly, as a swarm request."""
    ours: int = 0
    """Of these, answered by the door's own routes."""
    slipped: list[bytes] = field(default_factory=list)
    endless: list[bytes] = field(default_factory=list)

    @property
    def lines(self) -> str:
        """The sums, the last line for `make cases`."""
        refused = self.taken - self.ours
        return (
            f"dockerd takes {self.taken} of {self.spellings} spellings as swarm requests; the door answers "
            f"{self.ours} of these by its own routes, and refuses or redirects {refused}; without an end: "
            f"{len(self.endless)}\ndoor: spellings={self.spellings} slipped={len(self.slipped)}"
        )

    @property
    def failed(self) -> bool:
        """Whether the door let one through, or kept a client waiting, or was not really tried."""
        return bool(self.slipped or self.endless) or self.taken < self.spellings // 4


async def exchange(socket: str, data: bytes) -> bytes | None:
    """What comes back until the end; None where there is none."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(data)
            writer.write_eof()
            return await reader.read(-1)
    except ConnectionError:
        return b""
    except TimeoutError:
        return None
    finally:
        writer.transport.abort()


@asynccontextmanager
async def marking_door(engine_socket: str) -> AsyncIterator[str]:
    """The front door with all its routes, each of which answers with the mark; its socket."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=OURS)

    async def mark(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Answer"] = OURS.decode()

    app = web.Application()
    app.on_response_prepare.append(mark)
    for endpoint in ROUTES:
        for prefix in ("", "/v{version:[0-9.]+}"):
            app.router.add_route(endpoint.method, prefix + endpoint.path, answer)
    with tempfile.TemporaryDirectory(prefix="door-") as folder:
        server = await serve(f"{folder}/s.sock", app, engine_socket)
        try:
            yield f"{folder}/s.sock"
        finally:
            await server.close()


@contextmanager
def furnished() -> Iterator[str]:
    """A genuine swarm with something that shows in its listings; the socket of its engine."""
    with genuine() as socket:
        docker = ["docker", "-H", f"unix://{socket}"]
        run(*docker, "swarm", "init", "--advertise-addr", "10.99.0.2")
        run(*docker, "service", "create", "--detach", "--name", NAME, "--env", MARK, "box:1")
        body = json.dumps({"Name": NAME, "Labels": {MARK: ""}, "Data": base64.b64encode(b"x").decode()})
        for kind in ("configs", "secrets"):
            words = ["--header", "Content-Type: application/json", "--data", body, f"http://d/{kind}/create"]
            run("curl", "-sf", "--unix-socket", str(socket), *words)
        yield str(socket)


async def signs_of(socket: str) -> list[bytes]:
    """How an answer of the engine's swarm is known: asked plainly, each request must show one."""
    signs = list(SIGNS)
    for method, target, body in PLAIN:
        answer = await exchange(socket, plain(method, target, body).render())
        assert answer is not None
        if not any(sign in answer for sign in signs):
            message = answer.partition(b'{"message":"')[2].partition(b'"')[0]
            assert message, f"{method} {target} is answered {answer!r}"
            assert b"page not found" not in message, f"{method} {target} is no route of the engine's"
            signs.append(message)
    return signs


async def fuzz(engine_socket: str, data: Sequence[bytes]) -> Tally:
    """Ask dockerd and the door each spelling."""
    signs = await signs_of(engine_socket)
    tally = Tally(len(data))
    left = iter(data)

    def taken(answer: bytes | None) -> bool:
        return answer is not None and any(sign in answer for sign in signs)

    async def work(door: str) -> None:
        for spelling in left:
            direct = await exchange(engine_socket, spelling)
            through = await exchange(door, spelling)
            if through is None:
                tally.endless.append(spelling)
            if taken(through):
                tally.slipped.append(spelling)
            if taken(direct):
                tally.taken += 1
                tally.ours += through is not None and OURS in through

    async with marking_door(engine_socket) as door:
        ping = await exchange(door, END)
        assert ping is not None
        assert OURS in ping
        await asyncio.gather(*(work(door) for _ in range(AT_ONCE)))
    return tally


def main() -> int:
    """Fuzz a dockerd of its own; 0 where nothing has slipped."""
    parser = argparse.ArgumentParser(prog="tests.cases.door", description=__doc__)
    parser.add_argument("--spellings", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # it logs each request that it refuses
    with furnished() as socket:
        tally = asyncio.run(fuzz(socket, spellings(options.spellings, options.seed)))
    for spelling in (*tally.slipped[:20], *tally.endless[:20]):
        print(spelling)
    print(tally.lines, flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
