"""/skerry/prune: what nothing that is kept needs is forgotten, and its room is there again."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from skerry.api.call import Call
from skerry.api.query import BOOL, NUMBER
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.api.wire import forgetting as wire
from skerry.control.access import require_swarm
from skerry.control.prune import prune
from skerry.control.scope.endpoint_access import ADMIN_ONLY
from skerry.model.defaults import HISTORY_MOST
from skerry.model.errors import InvalidParameter
from skerry.store.leftovers import remove, size_of


async def forget(call: Call) -> web.Response:
    """Forget it, and say what it was and how many bytes. With `plan=true`, only say it. `keep` is how many
    revisions and releases of each may stay, where that is less than their labels say."""
    require_swarm(call.view)
    keep = call.query.optional_integer("keep")
    if keep == 0:
        raise InvalidParameter("invalid value for keep: 0: what is there now is always kept")
    write = partial(prune, most=HISTORY_MOST if keep is None else keep)
    pruned = call.store.rehearse(write)
    images = await call.deps.kept_images.freed(pruned.images_needed)
    files = {path: size_of(path) for path in await asyncio.to_thread(call.deps.leftovers)}
    if not call.query.bool("plan"):
        pruned = await call.store.update(write)
        await call.deps.kept_images.look()
        for path in files:
            await asyncio.to_thread(remove, path)
    return json_response(wire.pruned(call.view, pruned, images, files))


ROUTES: Table = [
    Route("POST", "/skerry/prune", forget, query={"keep": NUMBER, "plan": BOOL}, access=ADMIN_ONLY),
]
