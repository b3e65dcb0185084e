"""Rows of every kind, and databases with them."""

from __future__ import annotations

from pathlib import Path

from skerry.core.view import COLLECTION_OF, View
from skerry.model.files import Config, KeptConfig, KeptSecret, Secret
from skerry.model.objects import (
    Attachment,
    Cluster,
    Decision,
    Endpoint,
    Listener,
    Network,
    Node,
    Note,
    Object,
    Port,
    Revision,
    Service,
    Task,
    TaskStatus,
    UpdateStatus,
    User,
    VirtualIP,
)
from skerry.model.releases import Failure, Made, Outcome, Release, ReleasedService
from skerry.model.states import TaskState
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Change
from tests.support.specs import of_service, of_task

ALL: tuple[Object, ...] = (
    Cluster("c", "n", {"Name": "default"}, 1, ca_key=b"\x00private", worker_token="SWMTKN-w"),
    Node("n", "vm", {"Role": "manager"}, 2, reserved=("tcp/80",), ports_err={"tcp/81": "in use"}),
    Network("net", "web", {"Name": "web", "Labels": {"ü": "ß"}}, "10.0.1.0/24", "10.0.1.1", "10.0.1.254"),
    Service(
        "s",
        "app",
        of_service({"Name": "app", "Big": 2**63}),
        3,
        endpoint=Endpoint({"Mode": "vip"}, (Port(80, 8080),), (VirtualIP("net", "10.0.1.128"),)),
        update=UpdateStatus("updating", "update in progress", 5),
        registry_auth="hush-current",
    ),
    Task(
        "t",
        "s",
        "app",
        "n",
        of_task({"ForceUpdate": 0}),
        None,
        3,
        TaskState.RUNNING,
        TaskStatus(TaskState.STARTING, 7, "starting", container_id="abc"),
        slot=1,
        attachments=(Attachment("net", "10.0.1.2"),),
        registry_auth="hush-task",
    ),
    Revision("s.1", "s", 1, of_service({"Name": "app"}), 2, registry_auth="hush-previous"),
    Release(
        "shop.1",
        "shop",
        1,
        (ReleasedService("s", "app", {"Name": "app"}, "rolled", 3, 1),),
        made=(Made("network", "net", "web"),),
        outcome=Outcome("failed", "app: why", Failure("app", "t", "why", ("last words",)), 9),
        registry_auth="hush-release",
        registry_config="hush-registries",
    ),
    Decision("s", (Note("updating 1/3", 5, 9, 4),)),
    User("u", "ci", "deploy:shop", ("app",), ("public",), "0" * 64, 9),
    Listener("tcp://0.0.0.0:2376", "0.0.0.0", 2376, ("api.example.org",)),
    KeptConfig("g", "conf", {"Name": "conf"}, b"\xff\x00plainer", 4),
    KeptSecret("y", "word", {"Name": "word"}, b"hush-before", 5),
    Config("f", "conf", {"Name": "conf"}, b"\xff\x00plain", 4),
    Secret("x", "word", {"Name": "word"}, b"hush-secret", 5),
)


SECRETS = (b"hush", b"private", b"SWMTKN", b"SWMKEY")


def opened(directory: Path) -> SqlitePersistence:
    return SqlitePersistence(directory / "state.db", directory / "secret.key")


def view_of(index: int, *objects: Object) -> View:
    found: dict[str, dict[str, Object]] = {name: {} for name in COLLECTION_OF.values()}
    for obj in objects:
        found[COLLECTION_OF[type(obj)]][obj.id] = obj
    return View(version=index, **found)  # type: ignore[arg-type]


def created(*objects: Object) -> tuple[Change, ...]:
    return tuple(Change(None, one) for one in objects)
