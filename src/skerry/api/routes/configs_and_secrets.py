"""/configs and /secrets."""

from __future__ import annotations

from aiohttp import web

from skerry.api import filters
from skerry.api.call import Call, Table, empty
from skerry.api.errors import answer
from skerry.api.filters import Filters
from skerry.api.wire import configs_and_secrets as wire
from skerry.control import configs, secrets, swarm
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Config, Raw, Secret

_FILTERS = ("id", "label", "name", "names")


def _wanted(entry: Config | Secret, asked: Filters) -> bool:
    """IDs and names add up, labels narrow down."""
    chosen = filters.any_of(
        lambda: filters.prefix(asked, "id", entry.id) if "id" in asked else None,
        lambda: filters.prefix(asked, "name", entry.name) if "name" in asked else None,
        lambda: filters.exact(asked, "names", entry.name) if "names" in asked else None,
    )
    return chosen and filters.labels(asked, "label", entry.spec.get("Labels"))


async def list_configs(call: Call) -> web.Response:
    """Every config that passes the filters."""
    asked = call.filters(_FILTERS)
    swarm.manager(call.view)
    found = sorted(call.view.configs.values(), key=lambda entry: entry.id)
    return answer([wire.config(entry) for entry in found if _wanted(entry, asked)])


async def list_secrets(call: Call) -> web.Response:
    """Every secret that passes the filters."""
    asked = call.filters(_FILTERS)
    swarm.manager(call.view)
    found = sorted(call.view.secrets.values(), key=lambda entry: entry.id)
    return answer([wire.secret(entry) for entry in found if _wanted(entry, asked)])


async def inspect_config(call: Call) -> web.Response:
    """One config."""
    swarm.manager(call.view)
    return answer(wire.config(configs.find(call.view, call.ref)))


async def inspect_secret(call: Call) -> web.Response:
    """One secret, without its content."""
    swarm.manager(call.view)
    return answer(wire.secret(secrets.find(call.view, call.ref)))


def _check_templating(call: Call, body: Raw, kind: str) -> None:
    if body.get("Templating") is not None and not call.at_least("1.37"):
        version = ".".join(map(str, call.version))
        raise InvalidParameter(f"{kind} templating is not supported on the specified API version: {version}")


async def create_config(call: Call) -> web.Response:
    """Make a config."""
    body = await call.body("swarm.ConfigSpec")
    _check_templating(call, body, "config")
    return answer({"ID": await configs.create(call.store, body)}, 201)


async def create_secret(call: Call) -> web.Response:
    """Make a secret."""
    body = await call.body("swarm.SecretSpec")
    _check_templating(call, body, "secret")
    return answer({"ID": await secrets.create(call.store, body)}, 201)


async def update_config(call: Call) -> web.Response:
    """Replace a config's spec."""
    body = await call.body("swarm.ConfigSpec")
    await configs.update(call.store, call.ref, call.request.query.get("version"), body)
    return empty()


async def update_secret(call: Call) -> web.Response:
    """Replace a secret's spec."""
    body = await call.body("swarm.SecretSpec")
    await secrets.update(call.store, call.ref, call.request.query.get("version"), body)
    return empty()


async def remove_config(call: Call) -> web.Response:
    """Remove a config that nothing uses."""
    await configs.remove(call.store, call.ref)
    return empty(204)


async def remove_secret(call: Call) -> web.Response:
    """Remove a secret that nothing uses."""
    await secrets.remove(call.store, call.ref)
    return empty(204)


ROUTES: Table = [
    ("GET", "/configs", list_configs),
    ("POST", "/configs/create", create_config),
    ("GET", "/configs/{ref}", inspect_config),
    ("POST", "/configs/{ref}/update", update_config),
    ("DELETE", "/configs/{ref}", remove_config),
    ("GET", "/secrets", list_secrets),
    ("POST", "/secrets/create", create_secret),
    ("GET", "/secrets/{ref}", inspect_secret),
    ("POST", "/secrets/{ref}/update", update_secret),
    ("DELETE", "/secrets/{ref}", remove_secret),
]
