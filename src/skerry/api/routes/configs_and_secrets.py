"""/configs and /secrets."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call
from skerry.api.callers import name_of
from skerry.api.filters import Filters, any_of
from skerry.api.query import NUMBER, Parameter
from skerry.api.responses import empty_response, json_response
from skerry.api.route import Route, Table
from skerry.api.wire import configs_and_secrets as wire
from skerry.control import configs, secrets, versions
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.model.errors import InvalidParameter
from skerry.model.files import Config, Secret
from skerry.model.objects import Raw

_FILTERS = Parameter("filters", keys=("id", "label", "name", "names"), malformed=500)


def _passes(entry: Config | Secret, filters: Filters) -> bool:
    """IDs and names add up, labels narrow down."""
    chosen = any_of(
        lambda: filters.prefix("id", entry.id) if "id" in filters else None,
        lambda: filters.prefix("name", entry.name) if "name" in filters else None,
        lambda: filters.exact("names", entry.name) if "names" in filters else None,
    )
    return chosen and filters.labels("label", entry.spec.get("Labels"))


async def list_configs(call: Call) -> web.Response:
    """Every config that passes the filters."""
    filters = call.filters()
    require_swarm(call.view)
    rows = sorted(call.view.configs.values(), key=lambda row: row.id)
    return json_response([wire.config(row) for row in rows if _passes(row, filters)])


async def list_secrets(call: Call) -> web.Response:
    """Every secret that passes the filters."""
    filters = call.filters()
    require_swarm(call.view)
    rows = sorted(call.view.secrets.values(), key=lambda row: row.id)
    return json_response([wire.secret(row) for row in rows if _passes(row, filters)])


async def inspect_config(call: Call) -> web.Response:
    """One config; by its whole ID also a former version."""
    require_swarm(call.view)
    return json_response(wire.config(configs.look_up(call.view, call.ref)))


async def inspect_secret(call: Call) -> web.Response:
    """The same of a secret, without its content."""
    require_swarm(call.view)
    return json_response(wire.secret(secrets.look_up(call.view, call.ref)))


def _check_templating(call: Call, body: Raw, kind: str) -> None:
    if body.get("Templating") is not None and not call.at_least("1.37"):
        version = ".".join(map(str, call.version))
        raise InvalidParameter(f"{kind} templating is not supported on the specified API version: {version}")


async def create_config(call: Call) -> web.Response:
    """Make a config."""
    body = await call.body()
    _check_templating(call, body, "config")
    return json_response({"ID": await configs.create(call.store, body, _asking(call))}, 201)


async def create_secret(call: Call) -> web.Response:
    """Make a secret."""
    body = await call.body()
    _check_templating(call, body, "secret")
    return json_response({"ID": await secrets.create(call.store, body, _asking(call))}, 201)


async def update_config(call: Call) -> web.Response:
    """Replace a config's spec."""
    return await _updated(call, "config")


async def update_secret(call: Call) -> web.Response:
    """Replace a secret's spec."""
    return await _updated(call, "secret")


async def _updated(call: Call, kind: str) -> web.Response:
    body, version = await call.body(), call.query.number("version")
    await versions.update(call.store, kind, call.ref, version, body, _asking(call))
    return empty_response()


def _asking(call: Call) -> str:
    return name_of(call.view, call.caller)


async def versions_of_config(call: Call) -> web.Response:
    """The versions of a config that are kept, the first one first."""
    return _versions(call, "config")


async def versions_of_secret(call: Call) -> web.Response:
    """The versions of a secret that are kept, without their contents."""
    return _versions(call, "secret")


def _versions(call: Call, kind: str) -> web.Response:
    require_swarm(call.view)
    rows = versions.find(call.view, kind, call.ref)
    return json_response([wire.version(call.view, row) for row in rows])


async def remove_config(call: Call) -> web.Response:
    """Remove a config that nothing uses."""
    await configs.remove(call.store, call.ref)
    return empty_response(204)


async def remove_secret(call: Call) -> web.Response:
    """Remove a secret that nothing uses."""
    await secrets.remove(call.store, call.ref)
    return empty_response(204)


ROUTES: Table = [
    Route("GET", "/configs", list_configs, query={"filters": _FILTERS}, access=of("config", Deploy.LIST)),
    Route(
        "POST",
        "/configs/create",
        create_config,
        body="swarm.ConfigSpec",
        access=of("config", Deploy.CREATE),
    ),
    Route("GET", "/configs/{ref}", inspect_config, access=of("config", Deploy.SEE)),
    Route(
        "POST",
        "/configs/{ref}/update",
        update_config,
        body="swarm.ConfigSpec",
        query={"version": NUMBER},
        access=of("config", Deploy.CHANGE),
    ),
    Route(
        "GET",
        "/skerry/configs/{ref}/versions",
        versions_of_config,
        access=of("config", Deploy.SEE),
    ),
    Route("DELETE", "/configs/{ref}", remove_config, access=of("config", Deploy.CHANGE)),
    Route("GET", "/secrets", list_secrets, query={"filters": _FILTERS}, access=of("secret", Deploy.LIST)),
    Route(
        "POST",
        "/secrets/create",
        create_secret,
        body="swarm.SecretSpec",
        access=of("secret", Deploy.CREATE),
    ),
    Route("GET", "/secrets/{ref}", inspect_secret, access=of("secret", Deploy.SEE)),
    Route(
        "POST",
        "/secrets/{ref}/update",
        update_secret,
        body="swarm.SecretSpec",
        query={"version": NUMBER},
        access=of("secret", Deploy.CHANGE),
    ),
    Route(
        "GET",
        "/skerry/secrets/{ref}/versions",
        versions_of_secret,
        access=of("secret", Deploy.SEE),
    ),
    Route("DELETE", "/secrets/{ref}", remove_secret, access=of("secret", Deploy.CHANGE)),
]
