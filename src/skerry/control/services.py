"""Services: create, update, roll back, remove. Each call is one transaction, allocation included."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from skerry.control import access, validate
from skerry.control.convert import service_spec
from skerry.core import allocate
from skerry.core.attach import networks_of
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, RpcError, SkerryError, out_of_sequence
from skerry.model.objects import Raw, Service, UpdateStatus
from skerry.model.specs import read_endpoint
from skerry.model.states import TaskState
from skerry.store.store import Store, Tx


class UnknownAuthSource(InvalidParameter):
    """A `registryAuthFrom` that is no word of it: engines up to 20.10 had other words for that."""


def find(view: View, ref: str) -> Service:
    """A service by ID, name or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return access.find(view, "service", view.services.values(), ref, lambda one: one.name == ref)


async def create(
    store: Store, body: Raw, auth: str = "", local: Collection[str] = ()
) -> tuple[str, list[str]]:
    """Create a service; its ID and warnings.

    `auth` is the value of X-Registry-Auth; `local` are names and IDs of networks that only the engine has.
    """

    def write(tx: Tx) -> str:
        spec = service_spec(tx, body, local)
        _check(tx.view, spec)
        validate.check_ports(tx.view, spec)
        validate.check_files(tx.view, spec)
        name = spec["Name"]
        if any(one.name.lower() == name.lower() for one in tx.view.services.values()):
            raise RpcError(
                "AlreadyExists", f"name conflicts with an existing object: service {name} already exists"
            )
        return _put(tx, Service(tx.new_id(), name, spec, spec_version=tx.index, registry_auth=auth)).id

    return await store.update(write), []


async def update(
    store: Store,
    ref: str,
    version: str | None,
    body: Raw,
    registry_auth_from: str = "",
    rollback: str = "",
    auth: str = "",
    local: Collection[str] = (),
) -> list[str]:
    """Give a service a new spec, or (`rollback="previous"`) its previous one; warnings.

    The checks come in Docker's order, the version last: a stale one is `out_of_sequence`.
    """
    number = access.version_number(version, "service")

    def write(tx: Tx) -> None:
        spec = service_spec(tx, body, local)
        service = find(tx.view, ref)
        kept_auth = auth or _stored_auth(service, registry_auth_from)
        if rollback not in ("", "none", "previous"):
            raise SkerryError(f"unrecognized rollback option {rollback}")
        _check(tx.view, spec)
        if "EndpointSpec" in spec and spec["EndpointSpec"] != service.spec.get("EndpointSpec"):
            validate.check_ports(tx.view, spec, service.id)
        validate.check_files(tx.view, spec)
        if spec["Mode"].keys() != service.spec["Mode"].keys():
            raise RpcError("Unimplemented", "service mode change is not allowed")
        if spec["Name"] != service.name:
            raise RpcError("Unimplemented", "renaming services is not supported")
        changed = (
            _rolled_back(service, tx.now)
            if rollback == "previous"
            else _with_spec(service, spec, kept_auth, tx.index)
        )
        if number != service.version:
            raise out_of_sequence()
        if rollback == "previous":
            validate.check_ports(tx.view, changed.spec, service.id)
        _put(tx, changed)

    await store.update(write)
    return []


def _check(view: View, spec: Raw) -> None:
    validate.check_spec(spec)
    validate.check_networks(view, spec)
    if "ReplicatedJob" in spec["Mode"] or "GlobalJob" in spec["Mode"]:
        raise RpcError("Unimplemented", "jobs are not supported yet")


def _put(tx: Tx, service: Service) -> Service:
    """Write a service with the addresses and ports that its spec asks for."""
    ports = read_endpoint(service.spec.get("EndpointSpec")).ports
    if ports and all(network.internal for network in networks_of(tx.view, service)):
        raise RpcError(
            "FailedPrecondition", "service needs ingress network, but no ingress network is present"
        )
    return tx.put(replace(service, endpoint=allocate.endpoint(tx.view, service)))


def _stored_auth(service: Service, source: str) -> str:
    """The credentials to go on with where the client sends none."""
    if source in ("", "spec"):
        return service.registry_auth
    if source != "previous-spec":
        raise UnknownAuthSource(f"invalid registryAuthFrom '{source}'")
    if service.previous_spec is None:
        raise SkerryError("service does not have a previous spec")
    return service.previous_registry_auth


def _with_spec(service: Service, spec: Raw, auth: str, index: int) -> Service:
    return replace(
        service,
        spec=spec,
        spec_version=index,
        registry_auth=auth,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        previous_registry_auth=service.registry_auth,
        update=None,
    )


def _rolled_back(service: Service, now: int) -> Service:
    """Spec and previous spec swapped, their versions too: tasks of the restored one are clean again."""
    if service.previous_spec is None:
        raise RpcError("FailedPrecondition", f"service {service.id} does not have a previous spec")
    return replace(
        service,
        spec=service.previous_spec,
        spec_version=service.previous_spec_version,
        registry_auth=service.previous_registry_auth,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        previous_registry_auth=service.registry_auth,
        update=UpdateStatus("rollback_started", "manually requested rollback", started_at=now),
    )


async def remove(store: Store, ref: str) -> None:
    """Delete a service; its tasks are told to go in the same transaction and vanish when they have."""

    def write(tx: Tx) -> None:
        service = find(tx.view, ref)
        tx.delete(service)
        dismiss(tx, service.id)

    await store.update(write)


def dismiss(tx: Tx, service_id: str) -> None:
    """Tell all tasks of a service to stop and be removed."""
    for task in tx.view.tasks_of(service_id):
        if task.desired < TaskState.REMOVE:
            tx.put(replace(task, desired=TaskState.REMOVE))
