"""Which content an image names, over the front door."""

from __future__ import annotations

from typing import Any

from tests.api.door import Door, check, swarmed
from tests.control.swarm_of_one import spec


def test_for_clients_before_1_30_the_server_asks_for_the_digest() -> None:
    built = {"Id": "sha256:a", "RepoDigests": []}
    cafe, beef = f"sha256:{'cafe' * 16}", f"sha256:{'beef' * 16}"
    pulled = {"Id": "sha256:b", "RepoDigests": [f"nginx@{beef}"]}
    warning = (
        "image other:1 could not be accessed on a registry to record\nits digest. Each node will access "
        "other:1 independently,\npossibly leading to different nodes running different\nversions of the "
        "image.\n"
    )

    async def created(door: Door, version: str, image: str) -> Any:
        name = f"s{len(door.store.view.services)}"
        told = (
            await door.ask("POST", f"/v{version}/services/create", spec(name, container={"Image": image}))
        ).json
        service = door.store.view.services[told["ID"]]
        return service.spec.raw["TaskTemplate"]["ContainerSpec"]["Image"], told.get("Warnings"), service

    async def test(door: Door) -> None:
        await swarmed(door)
        digest = "sha256:" + "c" * 64
        for image, meant, warnings in (
            ("there:1", f"there:1@{cafe}", None),
            ("nginx:1", f"nginx:1@{beef}", None),
            ("built:1", "built:1", None),
            ("other:1", "other:1", [warning]),
            (f"other:1@{digest}", f"other:1@{digest}", None),
        ):
            assert (await created(door, "1.29", image))[:2] == (meant, warnings)
            assert (await created(door, "1.30", image))[:2] == (image, None)
        service = (await created(door, "1.41", "there:1"))[2]
        target = f"/v1.24/services/{service.id}/update?version={service.version}"
        body = spec(service.name, container={"Image": "other:1"})
        assert (await door.ask("POST", target, body)).json == {"Warnings": [warning]}

    failed = (500, {"message": "no registry"})
    check(
        test,
        {
            "GET /images/built:1/json": built,
            "GET /images/nginx:1/json": pulled,
            "GET /distribution/there:1/json": {"Descriptor": {"digest": cafe}},
            "GET /distribution/nginx:1/json": failed,
            "GET /distribution/other:1/json": failed,
        },
    )


def test_a_local_image_needs_no_registry() -> None:
    built = {"Id": "sha256:a", "RepoDigests": [], "Architecture": "amd64", "Os": "linux"}
    pulled = {**built, "RepoDigests": ["nginx@sha256:beef"]}

    async def test(door: Door) -> None:
        told = await door.ask("GET", "/v1.41/distribution/built:1/json")
        assert told.json["Descriptor"]["digest"] == "sha256:a"
        assert told.json["Platforms"] == []
        told = await door.ask("GET", "/distribution/nginx:1/json")
        assert told.json["Descriptor"]["digest"] == "sha256:beef"
        assert (await door.ask("GET", "/distribution/other:1/json")).status == 500

    failed = (500, {"message": "no registry"})
    check(
        test,
        {
            "GET /images/built:1/json": built,
            "GET /images/nginx:1/json": pulled,
            "GET /distribution/nginx:1/json": failed,
            "GET /distribution/other:1/json": failed,
        },
    )
