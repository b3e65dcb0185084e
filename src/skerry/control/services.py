"""Services: create, update, roll back, remove. Each call is one transaction, allocation included."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.control import access, files, history, stopping, validate
from skerry.control.convert import networks_of_task
from skerry.control.images import Content, pinned, stays
from skerry.core import allocate, revisions, undo
from skerry.core.attach import lacks_ingress
from skerry.core.stopped import words_of
from skerry.core.view import View
from skerry.model import template
from skerry.model.defaults import SETTLING
from skerry.model.errors import RpcError, SkerryError, out_of_sequence
from skerry.model.objects import Raw, Revision, Service, UpdateStatus
from skerry.model.releases import ROLLING
from skerry.model.spec import Spec, endpoint_of
from skerry.model.specs import ServiceSpec
from skerry.model.states import TaskState
from skerry.store.store import Store, Tx


def find(view: View, ref: str) -> Service:
    """A service by ID, name or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return access.find(view, "service", view.services.values(), ref, lambda service: service.name == ref)


async def create(
    store: Store, converted: Raw, auth: str = "", content: Content | None = None, by: str = ""
) -> tuple[str, list[str]]:
    """Create a service from a converted spec; its ID and warnings.

    `auth` is the value of X-Registry-Auth; `content` is what its image means on this node, if no registry has
    it; `by` asks for it.
    """
    spec = Spec(ServiceSpec, pinned(converted, content))

    def write(tx: Tx) -> tuple[str, list[str]]:
        access.require_swarm(tx.view)
        service = add(tx, spec, auth, by)
        validate.check_order(tx.view, service, complete=False)
        return service.id, warnings_of(spec.typed)

    return await store.update(write)


def add(tx: Tx, spec: Spec[ServiceSpec], auth: str, by: str = "") -> Service:
    """Put a service and its first revision, once nothing of the swarm's is in its way."""
    _check(tx.view, spec)
    validate.check_ports(tx.view, spec.typed)
    validate.check_files(tx.view, spec.typed)
    name = spec.typed.name
    if any(other.name.lower() == name.lower() for other in tx.view.services.values()):
        raise RpcError(
            "AlreadyExists", f"name conflicts with an existing object: service {name} already exists"
        )
    service = Service(tx.new_id(), name, spec, spec_version=tx.version, registry_auth=auth)
    if service.is_job:
        service = replace(service, last_execution=tx.now)
    service = _put(tx, service)
    tx.put(revisions.revision_of(service, parent=0, by=by))
    return service


def keeps_image(view: View, ref: str, version: int, spec: Raw) -> bool:
    """Whether an update of a service to this spec leaves its image as it is, so that nobody has to ask the
    engine what it means. Holds for the version that the update is for: any other is refused anyway."""
    service = find(view, ref)
    return version == service.version and stays(spec, service.spec.raw)


async def update(
    store: Store,
    ref: str,
    version: int,
    spec: Raw,
    registry_auth_from: str = "",
    rollback: str = "",
    auth: str = "",
    content: Content | None = None,
    by: str = "",
) -> list[str]:
    """Give a service a new (converted) spec, or (`rollback="previous"`) its previous one; warnings.

    The checks come in Docker's order, the version last: a stale one is `out_of_sequence`. `content` is what
    the image means on this node, where it may have changed (`keeps_image`) and no registry has it.
    """

    def write(tx: Tx) -> list[str]:
        """Put the changed service, with a revision where its spec is another."""
        service = find(tx.view, ref)
        pinned_spec = Spec(ServiceSpec, pinned(spec, content, service.spec.raw))
        kept_auth = auth or _stored_auth(tx.view, service, registry_auth_from)
        if rollback not in ("", "none", "previous"):
            raise SkerryError(f"unrecognized rollback option {rollback}")
        check_change(tx.view, service, pinned_spec)
        back = rollback == "previous"
        fresh = version == service.version or (not back and _has_only_begun(tx.view, service, version))
        changed = (
            _rolled_back(tx, service)
            if back
            else _with_spec(tx, service, pinned_spec, kept_auth, by, joins=True)
        )
        if not fresh:
            raise out_of_sequence()
        if back:
            validate.check_ports(tx.view, changed.spec.typed, service.id)
        changed = _put(tx, _begun_anew(tx, changed))
        validate.check_order(tx.view, changed, complete=False)
        return [*left_stopped(changed), *warnings_of(changed.spec.typed)]

    return await store.update(write)


def left_stopped(service: Service) -> list[str]:
    """What a user should know who has changed a service that is stopped."""
    words = words_of(service)
    return [f"{service.name} is {words}; its new spec holds from then on"] if words else []


def _has_only_begun(view: View, service: Service, version: int) -> bool:
    """Whether all that has changed about a service since a version is how far it is with a config's or
    secret's new content: then who read it before, as `docker stack deploy` does, may still change it."""
    newest = max((row.number for row in view.revisions_of(service.id)), default=0)
    is_its = service.settles_at > 0 and service.revision == newest
    return is_its and service.spec_version <= version <= service.version


def refer(tx: Tx, service: Service, spec: Raw, by: str, *, settles: bool = False) -> Service:
    """Put a service whose spec refers to another version of a config or secret, and nothing else is changed.
    A job is not run again for that."""
    auth, joins = service.registry_auth, settles
    changed = _with_spec(tx, service, Spec(ServiceSpec, spec), auth, by, joins=joins)
    if not service.is_job:
        changed = _begun_anew(tx, changed)
    return _put(tx, replace(changed, settles_at=tx.now + SETTLING if settles else 0))


def change(tx: Tx, service: Service, spec: Spec[ServiceSpec], auth: str, by: str = "") -> Service:
    """Put a service with another spec, and the revision that it is."""
    check_change(tx.view, service, spec)
    return _put(tx, _begun_anew(tx, _with_spec(tx, service, spec, auth or service.registry_auth, by)))


def renew(tx: Tx, service: Service, auth: str) -> bool:
    """Have the images of a service that stays as it is pulled with these credentials; whether they are new.
    Its tasks stay: credentials are no part of what a service asks for."""
    if not auth or auth == service.registry_auth:
        return False
    current = tx.view.revision(service.id, service.revision)
    if current is not None:
        tx.put(replace(current, registry_auth=auth))
    tx.put(replace(tx.view.services[service.id], registry_auth=auth))
    return True


def restore(tx: Tx, service: Service, revision: Revision, by: str) -> Service:
    """The same with the spec of an earlier revision, whose image is exactly what it was."""
    check_change(tx.view, service, revision.spec)
    auth = revision.registry_auth
    back = _with_spec(tx, service, revision.spec, auth, by, restores=revision.number)
    changed = _put(tx, _begun_anew(tx, back))
    validate.check_ports(tx.view, changed.spec.typed, service.id)
    validate.check_order(tx.view, changed, complete=False)
    return changed


def _begun_anew(tx: Tx, service: Service) -> Service:
    """A job with a new spec is a run of its own; what is stopped stays so."""
    if not service.is_job:
        return service if service.stopped is None else stopping.changed_at_rest(service, tx.now)
    return replace(service, job_iteration=service.job_iteration + 1, last_execution=tx.now, update=None)


def check_change(view: View, service: Service, spec: Spec[ServiceSpec]) -> None:
    """Whether a service may become this."""
    _check(view, spec, service.spec)
    endpoint = endpoint_of(spec)
    if endpoint is not None and endpoint != endpoint_of(service.spec):
        validate.check_ports(view, spec.typed, service.id)
    _check_moved_networks(service.spec.raw, spec.raw)
    validate.check_files(view, spec.typed)
    if spec.typed.mode.kind != service.spec.typed.mode.kind:
        raise RpcError("Unimplemented", "service mode change is not allowed")
    if spec.typed.name != service.name:
        raise RpcError("Unimplemented", "renaming services is not supported")


def _check_moved_networks(before: Raw, spec: Raw) -> None:
    """Networks in the place of API 1.24 don't change by themselves."""
    moved = networks_of_task(before) != networks_of_task(spec)
    if spec.get("Networks", []) != before.get("Networks", []) and not moved:
        raise RpcError("Unimplemented", "networks must be migrated to TaskSpec before being changed")


def _check(view: View, spec: Spec[ServiceSpec], before: Spec[ServiceSpec] | None = None) -> None:
    validate.check_spec(spec, before)
    validate.check_networks(view, spec.typed)


def _put(tx: Tx, service: Service) -> Service:
    """Write a service with the addresses and ports that its spec asks for."""
    if lacks_ingress(tx.view, service):
        raise RpcError(
            "FailedPrecondition", "service needs ingress network, but no ingress network is present"
        )
    files.show_again(tx, service.spec.raw)
    return tx.put(replace(service, endpoint=allocate.endpoint(tx.view, service)))


def _stored_auth(view: View, service: Service, source: str) -> str:
    """The credentials to go on with where the client sends none."""
    if source in ("", "spec"):
        return service.registry_auth
    if source != "previous-spec":
        raise SkerryError("unsupported registryAuthFrom value")
    previous = revisions.previous(view, service)
    if previous is None:
        raise SkerryError("service does not have a previous spec")
    return previous.registry_auth


def _with_spec(
    tx: Tx,
    service: Service,
    spec: Spec[ServiceSpec],
    auth: str,
    by: str = "",
    *,
    restores: int = 0,
    joins: bool = False,
) -> Service:
    """The service with a new revision; the same one where the spec is what it was, or, with `joins`, where
    the present one is of the same deployment by several calls."""
    current = tx.view.revision(service.id, service.revision)
    changed = replace(
        service, spec=spec, spec_version=tx.version, registry_auth=auth, update=None, settles_at=0
    )
    if spec == service.spec and current is not None:
        tx.put(replace(current, spec_version=tx.version, registry_auth=auth))
        return changed
    if joins and current is not None and service.settles_at > tx.now:
        tx.put(revisions.revision_of(changed, current.parent, by or current.by))
        return changed
    kept = history.make_room(tx, service, spec.typed.labels)
    changed = replace(changed, revision=max([service.revision, *(row.number for row in kept)]) + 1)
    if current is not None and current.outcome.state == ROLLING:
        tx.put(undo.superseded(current, changed.revision, tx.now))
    tx.put(revisions.revision_of(changed, service.revision, by, restores))
    return changed


def _rolled_back(tx: Tx, service: Service) -> Service:
    """The service as it was one revision before; a second rollback goes further back."""
    previous = revisions.previous(tx.view, service)
    if previous is None:
        raise RpcError("FailedPrecondition", f"service {service.id} does not have a previous spec")
    begun = UpdateStatus("rollback_started", "manually requested rollback", started_at=tx.now)
    return revisions.restored(tx.view, service, previous, begun)


def warnings_of(spec: ServiceSpec) -> list[str]:
    """What a user should know of a spec that is accepted all the same."""
    if spec.update_config is None or spec.update_config.order != "start-first":
        return []
    written = [
        mount.source
        for mount in spec.task_template.container_spec.mounts
        if mount.type == "volume" and mount.source and not mount.read_only
    ]
    shared = [name for source in written if (name := _shared(source, spec.name))]
    return [
        f"volume {name} is written by the old task and the new one at the same time while an update is under "
        "way, as the update order is start-first"
        for name in shared
    ]


def _shared(source: str, service: str) -> str:
    """How the volume is called that both the old task and the new one of a slot have; "" where each has one
    of its own."""
    name, successors, neighbours = (
        template.expand(source, template.trial_of(service, task, slot, f"{service}.{slot}.{task}"))
        for task, slot in (("old", 1), ("new", 1), ("old", 2))
    )
    if name != successors:
        return ""
    return name if name == neighbours else f"{name}, and so on for each slot,"


async def remove(store: Store, ref: str) -> None:
    """Delete a service; its tasks are told to go in the same transaction and vanish when they have."""

    def write(tx: Tx) -> None:
        forget_all(tx, find(tx.view, ref))

    await store.update(write)


def forget_all(tx: Tx, service: Service) -> None:
    """Delete a service and what is remembered of it, and have its tasks go."""
    tx.delete(service)
    forget(tx, service.id)
    dismiss(tx, service.id)


def forget(tx: Tx, service_id: str) -> None:
    """Delete what is remembered of a service."""
    for revision in tx.view.revisions_of(service_id):
        tx.delete(revision)
    for former in tx.view.formers_of(service_id):
        tx.delete(former)
    decision = tx.view.decisions.get(service_id)
    if decision is not None:
        tx.delete(decision)


def dismiss(tx: Tx, service_id: str) -> None:
    """Tell all tasks of a service to stop and be removed."""
    for task in tx.view.tasks_of(service_id):
        if task.desired < TaskState.REMOVE:
            tx.put(replace(task, desired=TaskState.REMOVE))
