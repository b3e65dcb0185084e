"""The same attempts as on a real engine, and a stack's life by the docker CLI, over TLS to a fake one."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from skerry.control import decode, networks, secrets, stacks
from skerry.model.labels import STACK
from skerry.model.objects import Raw
from tests.access.attempts import ATTEMPTS, OWN, SHOP, file, filled, mounted, stack
from tests.access.attempts import spec as of_shop
from tests.api.door import running
from tests.api.harbour import Harbour, check
from tests.control.swarm_of_one import create_service, spec, update_service

pytestmark = pytest.mark.timeout(120)

HIDDEN = "sha256:" + "a" * 64
ANSWERS: dict[str, object] = {
    "GET /info": {"Swarm": {}, "Plugins": {"Network": []}, "OSType": "linux", "Architecture": "x86_64"},
    "GET /networks": [],
    "GET /_ping": b"OK",
    "HEAD /_ping": b"OK",
    "GET /volumes/shop_held": {"Name": "shop_held", "Labels": {STACK: "shop_eu"}},
    f"GET /images/{HIDDEN}/json": {"Id": HIDDEN, "RepoTags": ["hidden:1"], "RepoDigests": []},
}
LOOKS = ("/version", "/networks", "/volumes/", "/images/", "/info")
"""What skerry asks the engine to decide."""


async def furnished(harbour: Harbour) -> dict[str, str]:
    """What there is to get at; its IDs."""
    store, labels = harbour.store, {STACK: "other"}
    service, task = await running(harbour, "other_web", Labels=labels)  # type: ignore[arg-type]
    secret = await secrets.create(store, {"Name": "other_word", "Labels": labels, "Data": "aHVzaA=="})
    network = {"Driver": "overlay", "Labels": labels}
    key = await networks.create(store, {"Name": "other_default", **network})
    await networks.create(store, {"Name": "private_net", "Driver": "overlay"})
    bound = {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/m"}]}
    await secrets.create(store, {"Name": "shop_loose", "Data": "aHVzaA=="})
    await create_service(store, spec("shop_loose"))
    for service_of_release in (mounted(Type="bind", Source="/"), of_shop()):
        await released(harbour, stack(service_of_release))
    own = {STACK: "shop"}
    mine, _ = await create_service(store, spec("shop_mine", Labels=own, container=bound))
    version = store.view.services[mine].version
    await update_service(store, mine, str(version), spec("shop_mine", Labels=own))
    return {
        "service": service.id,
        "task": task.id,
        "secret": secret,
        "network": key,
        "container": "c1",
        "version": str(store.view.services[mine].version),
        "image": "sha256:" + "b" * 64,
        "hidden": HIDDEN,
    }


async def released(harbour: Harbour, body: Raw) -> None:
    """A release of shop that an administrator has made."""
    wanted = stacks.Wanted("shop", decode.read(body, "skerry.Stack"))
    await harbour.store.update(lambda tx: stacks.deploy(tx, wanted, stacks.Circumstances()))


def test_each_is_refused_and_written_down(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        ids = await furnished(harbour)
        ci = await harbour.user("ci", "deploy:shop", Images=["box"], Networks=["public_*"])
        before, asked = harbour.store.view, len(harbour.engine.heads)
        for method, path, body in ATTEMPTS:
            target = path.format(**ids)
            status, answer = await harbour.ask(ci, method, target, filled(body, ids))
            if status == 301:  # a path that is not clean is sent where it leads
                continue
            what = f"{method} {target} {body}: {answer}"
            assert status == 403, what
            assert answer["message"].startswith("user ci (deploy:shop) may not "), what
            entry = harbour.audit.entries(1)[0]
            assert (entry["who"], entry["status"]) == ("ci", 403), what
            assert entry["refused"] == answer["message"]
        assert harbour.store.view is before
        lines = [head.split("\r\n")[0] for head in harbour.engine.heads[asked:]]
        assert [line for line in lines if not _is_a_look(line)] == []
        assert len(harbour.audit.entries(1000)) >= 80

    check(tmp_path, test, ANSWERS)


def _is_a_look(line: str) -> bool:
    method, path, _ = line.split(" ")
    path = "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path
    return method == "GET" and path.startswith(LOOKS)


COMPOSE = """
version: "3.8"
services:
  web:
    image: box:1
    environment: [PASSWORD=x]
    networks: [default, public_net]
    secrets: [word]
    configs: [conf]
    volumes: ["data:/data"]
    ports: ["8080:80"]
    deploy: {replicas: 0}
networks:
  default: {}
  public_net: {external: true, name: public_net}
volumes: {data: {}}
secrets: {word: {file: ./word}}
configs: {conf: {file: ./word}}
"""


async def docker(harbour: Harbour, name: str, *words: str) -> tuple[int, str]:
    """The docker CLI of a user; its exit code and what it said."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("DOCKER")},
        "DOCKER_CONFIG": str(harbour.folder / "config"),
        "DOCKER_HOST": f"tcp://127.0.0.1:{harbour.port}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(harbour.folder / name),
    }
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec("docker", *words, env=environment, **pipe)  # type: ignore[arg-type]
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def test_a_stack_is_deployed_and_removed_by_the_docker_cli(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        await furnished(harbour)
        await networks.create(harbour.store, {"Name": "public_net", "Driver": "overlay"})
        await harbour.user("ci", "deploy:shop", Images=["box"], Networks=["public_*"])
        (tmp_path / "word").write_text("hush")
        (tmp_path / "shop.yml").write_text(COMPOSE)
        deploy = ("stack", "deploy", "--compose-file", str(tmp_path / "shop.yml"), "shop")
        for words, seen in [
            (deploy, "Creating service shop_web"),
            (deploy, "Updating service shop_web"),
            (("service", "ls"), "shop_web"),
            (("secret", "ls"), "shop_word"),
            (("network", "ls"), "public_net"),
            (("stack", "services", "shop"), "shop_web"),
            (("service", "update", "--detach", "--force", "shop_web"), "shop_web"),
            (("service", "rollback", "--detach", "shop_web"), "shop_web"),
            (("service", "scale", "--detach", "shop_web=0"), "shop_web"),
            (("service", "ps", "shop_web"), ""),
            (("service", "logs", "shop_web"), ""),
            (("stack", "rm", "shop"), "Removing network shop_default"),
        ]:
            code, said = await docker(harbour, "ci", *words)
            assert (code, seen in said) == (0, True), f"{words}: {said}"
            assert "other" not in said
        assert not [entry for entry in harbour.audit.entries(1000) if "refused" in entry]
        code, said = await docker(harbour, "ci", "stack", "deploy", "-c", str(tmp_path / "shop.yml"), "other")
        assert code == 1
        assert "Error response from daemon: user ci (deploy:shop) may not" in said

    check(tmp_path, test, ANSWERS)


@pytest.mark.parametrize("role", ["read", "admin"])
def test_other_roles_by_the_docker_cli(tmp_path: Path, role: str) -> None:
    async def test(harbour: Harbour) -> None:
        await furnished(harbour)
        service = harbour.store.view.services
        key = next(key for key, row in service.items() if row.name == "other_web")
        hidden = {"Env": ["DB_PASSWORD=hunter2", "PLAIN=seen"]}
        version = str(service[key].version)
        await update_service(
            harbour.store, key, version, spec("other_web", Labels={STACK: "other"}, container=hidden)
        )
        await harbour.user("somebody", role)
        code, said = await docker(harbour, "somebody", "service", "inspect", "other_web")
        assert code == 0
        assert "PLAIN=seen" in said
        assert ("hunter2" in said) is (role == "admin")
        code, said = await docker(harbour, "somebody", "service", "rm", "other_web")
        assert code == (0 if role == "admin" else 1), said
        assert ("may not DELETE /services/other_web" in said) is (role == "read")

    check(tmp_path, test, ANSWERS)


WORD: Raw = {"SecretName": "shop_word", "File": {"Name": "word", "UID": "0", "GID": "0", "Mode": 292}}


def release_of(secret: str, image: str = "box:1") -> Raw:
    """A body for the stack `shop`, as `skerry deploy` sends it."""
    web = of_shop("shop_web", Image=image, Env=[f"PASSWORD={secret}", "PLAIN=seen"], Secrets=[WORD])
    web["TaskTemplate"]["Networks"] = [{"Target": "shop_default"}]
    return stack(
        web,
        Networks=[{"Name": "shop_default", "Driver": "overlay", "Labels": OWN}],
        Secrets=[file("shop_word")],
        Volumes=[{"Name": "shop_data"}],
        Source={"Text": f"environment: [PASSWORD={secret}]", "Origin": "ci:/compose.yaml"},
    )


def test_a_stack_is_deployed_by_calls_of_its_own(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        await running(harbour, "other_web", Labels={STACK: "other"})  # type: ignore[arg-type]
        ci = await harbour.user("ci", "deploy:shop", Images=["box"])

        async def asked(method: str, path: str, body: Raw | None = None) -> Any:
            status, answer = await harbour.ask(ci, method, path, body)
            assert status in (200, 204), answer
            return answer

        assert (await asked("POST", f"{SHOP}?plan=true", release_of("one")))["Release"] == 1
        assert await asked("GET", "/skerry/stacks") == []
        for number, secret in ((1, "one"), (2, "two")):
            assert (await asked("POST", SHOP, release_of(secret)))["Release"] == number
        assert [row["Name"] for row in await asked("GET", "/skerry/stacks")] == ["shop"]
        assert (await asked("GET", SHOP))["Services"][0]["Name"] == "shop_web"
        assert [row["By"] for row in await asked("GET", f"{SHOP}/releases")] == ["ci", "ci"]
        assert "PASSWORD=one" in (await asked("GET", f"{SHOP}/releases/1"))["Source"]["Text"]
        assert (await asked("GET", "/skerry/why/shop"))["name"] == "shop"
        assert await asked("GET", "/skerry/logs?of=shop") == ""
        assert await asked("GET", "/skerry/events?of=shop") == ""
        status = await asked("GET", "/skerry/status")
        assert [row["name"] for row in status["services"]] == ["shop_web"]
        assert (await asked("POST", f"{SHOP}/rollback?to=1"))["Release"] == 3
        (web,) = [row for row in harbour.store.view.services.values() if row.name == "shop_web"]
        assert "PASSWORD=one" in web.spec.raw["TaskTemplate"]["ContainerSpec"]["Env"]
        await asked("DELETE", SHOP)
        assert [row.name for row in harbour.store.view.services.values()] == ["other_web"]
        assert not [entry for entry in harbour.audit.entries(1000) if "refused" in entry]
        assert harbour.audit.entries(1000)[-2]["details"] == {"to": "1"}

    check(tmp_path, test, ANSWERS)


def test_a_release_with_an_image_that_may_not_run_any_more_is_gone(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        wide = await harbour.user("wide", "deploy:shop", Images=["box", "old"])
        narrow = await harbour.user("narrow", "deploy:shop", Images=["box"])
        for image in ("old:1", "box:1"):
            assert (await harbour.ask(wide, "POST", SHOP, release_of("x", image)))[0] == 200
        before = harbour.store.view
        status, answer = await harbour.ask(narrow, "POST", f"{SHOP}/rollback?to=1")
        assert status == 403
        assert "of its release 1, of the service shop_web, the image" in answer["message"]
        assert harbour.store.view is before
        assert (await harbour.ask(narrow, "POST", f"{SHOP}/rollback?to=7"))[0] == 404
        assert (await harbour.ask(wide, "POST", f"{SHOP}/rollback?to=1"))[0] == 200

    check(tmp_path, test, ANSWERS)


def test_who_may_see_everything_sees_no_secret_of_a_stack(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        for secret in ("hunter1", "hunter2"):
            await released(harbour, release_of(secret))
        reader = await harbour.user("reader", "read")
        for path in ("/skerry/stacks", SHOP, f"{SHOP}/releases", "/skerry/why/shop", "/skerry/status"):
            status, answer = await harbour.ask(reader, "GET", path)
            assert status == 200, answer
            assert "shop" in str(answer)
        status, release = await harbour.ask(reader, "GET", f"{SHOP}/releases/2")
        assert "PLAIN=seen" in str(release["Services"])
        assert release["Plan"]["Services"][0]["Fields"][0]["New"] == "********"
        assert "hunter" not in str(release)
        for method, path in (("POST", SHOP), ("DELETE", SHOP), ("POST", f"{SHOP}/rollback?to=1")):
            assert (await harbour.ask(reader, method, path, {}))[0] == 403
        assert harbour.store.view.release_of("shop") is not None

    check(tmp_path, test, ANSWERS)
