"""/skerry/prune over a fake engine, and what clients see of the containers that keep images."""

from __future__ import annotations

import json
from urllib.parse import quote

from skerry.control import configs
from skerry.model.objects import Raw
from tests.api.door import Door, check
from tests.api.test_routes_revisions import app, with_history

HOLDER: Raw = {"Id": "b" * 64, "Names": ["/skerry.keeps.b"], "Labels": {"skerry.keeps": "skerry"}}
PLAIN: Raw = {"Id": "a" * 64, "Names": ["/mine"], "Labels": {}}


def test_what_is_forgotten_is_said_before_and_done_after() -> None:
    async def test(door: Door) -> None:
        await with_history(door)
        key = await configs.create(door.store, {"Name": "conf", "Data": "YWJj"})
        reference = {"ConfigID": key, "ConfigName": "conf", "File": {"Name": "/c"}}
        used = {"Image": "app:4", "Configs": [reference]}
        for container in (used, {"Image": "app:5"}, {"Image": "app:6"}):
            sent = {"Name": "app", "TaskTemplate": {"ContainerSpec": container}}
            told = await door.ask("POST", f"/services/app/update?version={app(door).version}", sent)
            assert told.status == 200, told.body
        await configs.remove(door.store, "conf")
        version = door.store.view.version
        planned = (await door.ask("POST", "/skerry/prune?keep=2&plan=true")).json
        assert door.store.view.version == version, "a plan writes nothing"
        assert planned == {
            "Revisions": ["app 1", "app 2", "app 3", "app 4"],
            "Releases": [],
            "Configs": ["conf"],
            "Secrets": [],
            "Images": [],
            "Files": [],
            "SpaceReclaimed": 3,
        }
        assert (await door.ask("POST", "/skerry/prune?keep=2")).json == planned
        assert [row.number for row in door.store.view.revisions_of(app(door).id)] == [5, 6]
        assert not any((await door.ask("POST", "/skerry/prune?keep=2")).json.values())
        assert (await door.ask("POST", "/skerry/prune?keep=0")).status == 400

    check(test)


def test_what_keeps_an_image_is_seen_by_who_asks_for_it() -> None:
    async def test(door: Door) -> None:
        for query, shown in (
            ("all=1", [PLAIN["Id"]]),
            ("limit=1", [PLAIN["Id"]]),
            (f"all=1&filters={quote(json.dumps({'label': ['skerry.keeps']}))}", [HOLDER["Id"], PLAIN["Id"]]),
        ):
            rows = (await door.ask("GET", f"/containers/json?{query}")).json
            assert [row["Id"] for row in rows] == shown, query
        usage = (await door.ask("GET", "/system/df")).json
        assert [row["Id"] for row in usage["Containers"]] == [PLAIN["Id"]]

    both = [HOLDER, PLAIN]
    check(test, {"GET /containers/json": both, "GET /system/df": {"Containers": both, "Images": []}})
