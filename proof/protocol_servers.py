"""Servers of other protocols than HTTP/1, of kept libraries: `protocol_servers.py KIND`, in the container.

On SIGTERM each says goodbye as its library does, and ends.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

PORT = 8080
LAST_WORDS_S = 8.0
TICK_S = 1.3
"""Longer than a connection has to be silent to be taken for an idle one."""
CERTIFICATE, KEY = "/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"
"""Debian makes them when the package is set up."""


async def answer(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[..., Awaitable[None]]
) -> None:
    """An app on hypercorn: `/` is answered at once, `/streamed` in five pieces."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    streamed = scope["path"] == "/streamed"
    fields = [] if streamed else [(b"content-length", b"3")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for _ in range(5 if streamed else 0):
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await asyncio.sleep(0.3)
    await send({"type": "http.response.body", "body": b"abc"})


async def hypercorn(ending: asyncio.Event, *, tls: bool) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"0.0.0.0:{PORT}"]
    config.graceful_timeout = LAST_WORDS_S
    config.keep_alive_max_requests = sys.maxsize  # it cuts what is under way when it has had so many
    if tls:
        config.certfile, config.keyfile = CERTIFICATE, KEY

    async def ended() -> None:
        await ending.wait()

    await serve(answer, config, shutdown_trigger=ended)


async def grpc(ending: asyncio.Event) -> None:
    """`Say` answers a word, `Talk` each of many."""
    import grpc.aio

    async def say(word: bytes, context: object) -> bytes:
        return word

    async def talk(words: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for word in words:
            yield word

    server = grpc.aio.server()
    methods = {
        "Say": grpc.unary_unary_rpc_method_handler(say),
        "Talk": grpc.stream_stream_rpc_method_handler(talk),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("proof.Echo", methods)])
    server.add_insecure_port(f"0.0.0.0:{PORT}")
    await server.start()
    await ending.wait()
    await server.stop(LAST_WORDS_S)


async def websocket(ending: asyncio.Event) -> None:
    """Echoes what is said; speaks by itself where nothing is."""
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    async def ticks(connection: ServerConnection) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await connection.send("tick")

    async def talk(connection: ServerConnection) -> None:
        ticking = asyncio.create_task(ticks(connection))
        with suppress(ConnectionClosed):
            async for word in connection:
                await connection.send(word)
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)

    async with serve(talk, "0.0.0.0", PORT):
        await ending.wait()


async def main(kind: str) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    match kind:
        case "grpc":
            await grpc(ending)
        case "websocket":
            await websocket(ending)
        case _:
            await hypercorn(ending, tls=kind == "tls")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
