"""Something at a socket that answers like an engine, as far as choosing and knowing it again goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from skerry.model.objects import Raw


@asynccontextmanager
async def engine_at(path: Path, networks: list[Raw] | None = None, **info: Any) -> AsyncIterator[None]:
    """Something that answers like an engine, as far as choosing goes."""

    async def ping(request: web.Request) -> web.Response:
        return web.Response(text="OK", headers={"Api-Version": "1.41"})

    app = web.Application()
    app.router.add_get("/_ping", ping)
    answers = {
        "info": {"ID": "A", "DockerRootDir": "/data", "LiveRestoreEnabled": True, **info},
        "version": {"Version": "20.10.24", "ApiVersion": "1.41"},
        "networks": networks or [],
    }
    for name, answer in answers.items():

        async def tell(request: web.Request, answer: object = answer) -> web.Response:
            return web.json_response(answer)

        app.router.add_get(f"/v1.41/{name}", tell)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()
