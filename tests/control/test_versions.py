"""New content under an old name: which version is shown, who is rolled to it, and what is kept."""

from __future__ import annotations

import base64
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from skerry.control import configs, secrets, services, undo, versions
from skerry.core import revisions
from skerry.core.turn import unsettled
from skerry.core.versions import uses_of, versions_of
from skerry.model.defaults import SETTLING
from skerry.model.files import File, KeptFile
from skerry.model.labels import STACK
from skerry.model.objects import Raw, Service, UpdateStatus
from tests.control.swarm_of_one import World, invalid, spec, update_service

OWN = {STACK: "shop"}
STALE = "rpc error: code = Unknown desc = update out of sequence"
LABELS_ONLY = invalid("only updates to Labels are allowed")

both = pytest.mark.parametrize(("module", "kind"), [(configs, "config"), (secrets, "secret")])


def of(text: str, **more: Any) -> Raw:
    """A spec with a content."""
    return {"Name": "shop_x", "Labels": OWN, "Data": base64.b64encode(text.encode()).decode(), **more}


class Shop:
    """A stack with a config or a secret, and a service that has it."""

    def __init__(self, module: ModuleType, kind: str, text: str = "one") -> None:
        self.world, self.module, self.kind = World(), module, kind
        self.first = self.world.run(module.create(self.world.store, of(text), "ann"))

    @property
    def shown(self) -> File:
        """What the name means."""
        found: File = self.module.find(self.world.view, "shop_x")
        return found

    @property
    def kept(self) -> list[KeptFile]:
        """The others."""
        rows = versions_of(self.world.view, self.kind, "shop_x")
        return [row for row in rows if isinstance(row, KeptFile)]

    def using(self, key: str) -> Raw:
        """Fields of a container that has a version."""
        prefix = self.kind.capitalize()
        file = {"Name": "/x", "UID": "0", "GID": "0", "Mode": 292}
        return {f"{prefix}s": [{f"{prefix}ID": key, f"{prefix}Name": "shop_x", "File": file}]}

    def service(self, name: str = "shop_web", **more: Any) -> Service:
        """A service that has what is shown."""
        return self.world.service(name, container=self.using(self.shown.id), Labels=OWN, **more)

    def has(self, service: Service) -> str:
        """The version that a service has by now."""
        container = self.world.view.services[service.id].spec.raw["TaskTemplate"]["ContainerSpec"]
        prefix = self.kind.capitalize()
        (reference,) = container[f"{prefix}s"]
        assert reference[f"{prefix}Name"] == "shop_x"
        return str(reference[f"{prefix}ID"])

    def settle(self) -> None:
        """Let so much time pass that what comes then is something else."""
        self.world.clock.now += SETTLING

    def renew(self, text: str, by: str = "bob", **more: Any) -> File:
        """Another content; what is shown then."""
        version = str(self.shown.version)
        self.world.run(versions.update(self.world.store, self.kind, "shop_x", version, of(text, **more), by))
        return self.shown


@both
def test_another_content_is_another_version_and_who_uses_it_is_rolled(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    web, other = shop.service(), shop.service("other_web")
    left_alone = shop.world.service("shop_cache")
    second = shop.renew("two")
    assert (second.number, second.by, second.data, second.name) == (2, "bob", b"two", "shop_x")
    assert second.id != shop.first
    assert [shop.has(web), shop.has(other)] == [second.id, second.id]
    assert shop.world.view.services[left_alone.id] == left_alone
    (first,) = shop.kept
    assert (first.id, first.number, first.by, first.data) == (shop.first, 1, "ann", b"one")
    assert uses_of(shop.world.view, shop.first).revisions == (("other_web", 1), ("shop_web", 1))
    assert uses_of(shop.world.view, second.id).services == ("other_web", "shop_web")
    changed = shop.world.view.services[web.id]
    revision = shop.world.view.revision(web.id, 2)
    assert revision is not None
    assert (changed.revision, revision.parent, revision.by) == (2, 1, "bob")
    assert changed.spec_version == shop.world.view.version, "one commit"


@both
def test_the_same_content_is_no_version(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    web = shop.service()
    for body in (of("one"), of("one", Labels={**OWN, "a": "b"}), {"Name": "shop_x", "Labels": OWN}):
        version = str(shop.shown.version)
        shop.world.run(versions.update(shop.world.store, kind, shop.first, version, body))
        assert (shop.shown.id, shop.shown.number, shop.kept) == (shop.first, 1, [])
    assert shop.world.view.services[web.id] == web
    template = shop.renew("one", Templating={"Name": "golang"})
    assert (template.number, template.templating) == (2, "golang")


@both
@pytest.mark.parametrize(
    ("before", "after"), [({}, OWN), ({}, {}), (OWN, {}), (OWN, {STACK: "other"}), ({STACK: ""}, {STACK: ""})]
)
def test_what_is_of_no_stack_is_as_in_swarm(module: ModuleType, kind: str, before: Raw, after: Raw) -> None:
    world = World()
    world.run(module.create(world.store, of("one", Labels=before)))
    version, body = str(world.view.version), of("two", Labels=after)
    world.refuses(lambda store: versions.update(store, kind, "shop_x", version, body), 400, LABELS_ONLY)


@both
def test_what_may_not_be(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    shop.service()
    size = f"{kind} data must be larger than 0 and less than {module.LIMIT} bytes"
    cases = [
        ({**of("two"), "Name": "shop_y"}, 400, LABELS_ONLY),
        ({**of("two"), "Data": base64.b64encode(bytes(module.LIMIT)).decode()}, 400, invalid(size)),
    ]
    for body, status, text in cases:
        version = str(shop.shown.version)
        shop.world.refuses(
            partial(versions.update, kind=kind, ref="shop_x", version=version, body=body), status, text
        )
    shop.world.refuses(lambda store: versions.update(store, kind, "shop_x", "1", of("two")), 500, STALE)
    stale = str(shop.shown.version)
    shop.renew("two")
    for ref in (shop.first, "shop_x"):  # somebody else was quicker
        late = partial(versions.update, kind=kind, ref=ref, version=stale, body=of("three"))
        shop.world.refuses(late, 500, STALE)


@both
def test_a_content_that_is_kept_is_that_version_again(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    web = shop.service()
    second = shop.renew("two")
    shop.settle()
    labels = {**OWN, "a": "b"}
    again = shop.renew("one", by="cid", Labels=labels)
    assert (again.id, again.number, again.by, again.spec["Labels"]) == (shop.first, 1, "ann", labels)
    assert shop.has(web) == shop.first
    assert shop.kept == [kept_row(shop, second)]
    shop.settle()
    assert shop.renew("three").number == 3


def kept_row(shop: Shop, file: File) -> KeptFile:
    """The row that holds a version which is shown no more."""
    (row,) = (row for row in shop.kept if row.id == file.id)
    assert (row.data, row.number, row.created_at) == (file.data, file.number, file.created_at)
    return row


@both
def test_what_nothing_needs_is_forgotten(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    assert shop.renew("two").number == 2
    assert shop.kept == []
    web = shop.service()
    shop.renew("three")
    assert [row.number for row in shop.kept] == [2], "a revision goes back to it"
    shop.world.run(services.remove(shop.world.store, web.id))
    assert shop.renew("four").number == 4
    assert shop.kept == []


@both
def test_one_deployment_is_one_revision(module: ModuleType, kind: str) -> None:
    """Two contents change, then the service itself: what `docker stack deploy` does."""
    shop = Shop(module, kind)
    beside = shop.world.run(module.create(shop.world.store, {**of("one"), "Name": "shop_y"}))
    references = next(iter(shop.using(shop.first).values()))
    prefix = kind.capitalize()
    more = {f"{prefix}ID": beside, f"{prefix}Name": "shop_y", "File": {**references[0]["File"], "Name": "/y"}}
    web = shop.world.service("shop_web", container={f"{prefix}s": [*references, more]}, Labels=OWN)
    shop.renew("two")
    version = str(shop.world.view.version)
    assert module.find(shop.world.view, beside).number == 1
    shop.world.run(
        versions.update(
            shop.world.store,
            kind,
            "shop_y",
            str(module.find(shop.world.view, beside).version),
            {**of("two"), "Name": "shop_y"},
            "bob",
        )
    )
    settling = shop.world.view.services[web.id]
    assert int(version) < settling.version
    assert (settling.revision, settling.settles_at) == (2, shop.world.clock.now + SETTLING)
    former = unsettled(shop.world.view, settling, shop.world.clock.now)
    assert former is not None
    assert (former.spec, former.revision) == (web.spec, 1)
    assert unsettled(shop.world.view, settling, settling.settles_at) is None
    final = shop.world.update(settling, {**settling.spec.raw, "TaskTemplate": _of_image(settling, "app:2")})
    assert (final.revision, final.settles_at) == (2, 0)
    assert [row.number for row in shop.world.view.revisions_of(web.id)] == [1, 2]
    revision = shop.world.view.revision(web.id, 2)
    assert revision is not None
    assert (revision.parent, revision.spec) == (1, final.spec)
    after = shop.world.update(final, {**final.spec.raw, "TaskTemplate": _of_image(final, "app:3")})
    assert after.revision == 3, "what comes later is something else"


def _of_image(service: Service, image: str) -> Raw:
    template: Raw = service.spec.raw["TaskTemplate"]
    return {**template, "ContainerSpec": {**template["ContainerSpec"], "Image": image}}


def test_a_service_that_is_sent_again_as_it_is_settles() -> None:
    shop = Shop(configs, "config")
    web = shop.service()
    shop.renew("two")
    settling = shop.world.view.services[web.id]
    again = shop.world.update(settling, settling.spec.raw)
    assert (again.revision, again.settles_at, again.spec) == (2, 0, settling.spec)


def test_how_far_it_is_with_the_new_content_makes_no_version_stale() -> None:
    """`docker stack deploy` reads all services, looks for their images, and then updates one by one."""
    shop = Shop(configs, "config")
    web = shop.service()
    shop.renew("two")
    shop.settle()
    settled, store = shop.world.view.services[web.id], shop.world.store
    read, wanted = str(settled.version), {**settled.spec.raw, "TaskTemplate": _of_image(settled, "app:2")}
    begun = UpdateStatus("updating", "update in progress", 1, total=1)
    shop.world.run(store.update(lambda tx: tx.put(replace(settled, update=begun))))
    for version, rollback in (
        (read, "previous"),
        (str(settled.version - 1), ""),
        (str(settled.version + 99), ""),
    ):
        late = partial(update_service, ref=web.id, version=version, body=wanted, rollback=rollback)
        shop.world.refuses(late, 500, STALE)
    shop.world.run(update_service(store, web.id, read, wanted))
    after = shop.world.view.services[web.id]
    assert (after.revision, after.settles_at) == (3, 0)
    again = str(after.version)
    shop.world.run(store.update(lambda tx: tx.put(replace(after, update=begun))))
    shop.world.refuses(lambda store: update_service(store, web.id, again, wanted), 500, STALE)


def test_who_went_back_by_itself_has_another_spec_than_was_read() -> None:
    shop = Shop(configs, "config")
    web = shop.service()
    shop.renew("two")
    settling, store = shop.world.view.services[web.id], shop.world.store
    first = shop.world.view.revision(web.id, 1)
    assert first is not None
    begun = UpdateStatus("rollback_started", "update rolled back", 1)
    shop.world.run(store.update(lambda tx: tx.put(revisions.restored(tx.view, settling, first, begun))))
    read = str(settling.version)
    shop.world.refuses(lambda store: update_service(store, web.id, read, settling.spec.raw), 500, STALE)


def test_a_job_gets_it_and_is_not_run_again() -> None:
    shop = Shop(configs, "config")
    job = shop.service("shop_job", Mode={"ReplicatedJob": {}})
    second = shop.renew("two")
    changed = shop.world.view.services[job.id]
    assert (shop.has(job), changed.job_iteration) == (second.id, job.job_iteration)
    assert unsettled(shop.world.view, changed, shop.world.clock.now) is None


@both
def test_a_rollback_of_the_service_has_the_old_content(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    web = shop.service()
    second = shop.renew("two")
    version = str(shop.world.view.services[web.id].version)
    shop.world.run(update_service(shop.world.store, web.id, version, spec("shop_web"), rollback="previous"))
    assert shop.has(web) == shop.first
    assert (shop.shown.id, shop.world.view.services[web.id].settles_at) == (second.id, 0)
    shop.world.run(module.remove(shop.world.store, "shop_x"))  # nobody has what is shown
    shop.world.refuses(lambda store: module.remove(store, shop.first), 404, f"{kind} {shop.first} not found")


@both
def test_going_back_to_a_revision_has_it_too(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    web = shop.service()
    second = shop.renew("two")
    shop.settle()
    restored = shop.world.run(shop.world.store.update(lambda tx: undo.roll_back(tx, "shop_web", 1, "bob")))
    prefix = kind.capitalize()
    assert restored.fields == [(f"ContainerSpec.{prefix}s[shop_x].Version", "2", "1")]
    assert (shop.has(web), shop.shown.id) == (shop.first, second.id)
    third = shop.renew("three")
    assert (shop.has(web), third.number) == (third.id, 3), "it is rolled to what comes then"
    assert uses_of(shop.world.view, second.id).revisions == (("shop_web", 2),)


@both
def test_one_that_is_used_is_not_removed(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    web = shop.service()
    shop.renew("two")
    text = f"{kind} 'shop_x' is in use by the following service: shop_web"
    shop.world.refuses(lambda store: module.remove(store, "shop_x"), 400, invalid(text))
    shop.settle()
    shop.world.update(web, spec("shop_web", Labels=OWN))
    shop.world.run(module.remove(shop.world.store, "shop_x"))
    assert [row.number for row in shop.kept] == [1, 2]
    shop.world.run(module.create(shop.world.store, of("anew")))
    assert shop.shown.number == 3


@both
def test_versions_are_found_by_name_and_by_id(module: ModuleType, kind: str) -> None:
    shop = Shop(module, kind)
    shop.service()
    second = shop.renew("two")
    for ref in ("shop_x", "SHOP_X", shop.first, second.id):
        assert [row.number for row in versions.find(shop.world.view, kind, ref)] == [1, 2]


def test_the_credentials_of_a_managed_account_go_with_their_config() -> None:
    shop = Shop(configs, "config")
    references = [{"ConfigID": shop.first, "ConfigName": "shop_x", "Runtime": {}}]
    privileges = {"CredentialSpec": {"Config": shop.first}}
    web = shop.world.service("shop_web", container={"Configs": references, "Privileges": privileges})
    second = shop.renew("two")
    container = shop.world.view.services[web.id].spec.raw["TaskTemplate"]["ContainerSpec"]
    assert container["Privileges"]["CredentialSpec"]["Config"] == second.id
    assert container["Configs"] == [{**references[0], "ConfigID": second.id}]
