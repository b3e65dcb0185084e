"""Credentials for registries: from the docker CLI's file and from helpers, to the services they are for."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from skerry.cli.deploy.credentials import CredentialFile, Unreadable, gathered, header, load
from skerry.control.registries import Credentials, checked
from skerry.model.errors import InvalidParameter
from skerry.model.image_name import key_of
from skerry.model.objects import Raw

HUB = "https://index.docker.io/v1/"
REGISTRY = "reg.example:5000"


def together(user: str, password: str) -> str:
    """Both as they stand in the file."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("app", HUB),
        ("team/app:1", HUB),
        ("docker.io/team/app", HUB),
        ("index.docker.io/team/app", HUB),
        ("reg.example:5000/app@sha256:0", REGISTRY),
        ("localhost/app", "localhost"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000"),
    ],
)
def test_by_which_key_credentials_for_an_image_are_kept(image: str, key: str) -> None:
    assert key_of(image) == key


@pytest.mark.parametrize(
    ("entries", "auth"),
    [
        ({REGISTRY: {"auth": together("joe", "a:b")}}, {"username": "joe", "password": "a:b"}),
        ({f"https://{REGISTRY}/v1/": {"auth": together("joe", "x")}}, {"username": "joe", "password": "x"}),
        ({REGISTRY: {"username": "joe", "password": "x"}}, {"username": "joe", "password": "x"}),
        (
            {REGISTRY: {"auth": together("00000000", ""), "identitytoken": "t"}},
            {"username": "00000000", "password": "", "identitytoken": "t"},
        ),
        ({REGISTRY: {}}, None),
        ({"another": {"auth": together("joe", "x")}}, None),
        ({}, None),
    ],
)
def test_what_stands_in_the_file(entries: Raw, auth: Raw | None) -> None:
    told = CredentialFile({"auths": entries}).of(REGISTRY)
    assert told == (None if auth is None else {**auth, "serveraddress": REGISTRY})


@pytest.mark.parametrize("auth", ["!", together("", "x"), base64.b64encode(b"joe").decode()])
def test_what_makes_no_sense_there_is_said(auth: str) -> None:
    with pytest.raises(Unreadable, match="what stands in the file is no"):
        CredentialFile({"auths": {REGISTRY: {"auth": auth}}}).of(REGISTRY)


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the PATH for helpers."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def helper(folder: Path, name: str, script: str) -> None:
    """A helper that is called `name`."""
    path = folder / f"docker-credential-{name}"
    path.write_text(f'#!/bin/sh\nread registry\n[ "$1" = get ] || exit 9\n{script}\n')
    path.chmod(0o755)


def answer(user: str, secret: str) -> str:
    """What a helper prints for a registry."""
    return f"""printf '{{"ServerURL":"%s","Username":"{user}","Secret":"{secret}"}}' "$registry" """


@pytest.mark.parametrize(
    ("script", "auth"),
    [
        (answer("joe", "word"), {"username": "joe", "password": "word"}),
        (answer("<token>", "t0"), {"identitytoken": "t0"}),
        (answer("", ""), None),
        ("echo credentials not found in native keychain; exit 1", None),
    ],
)
def test_what_a_helper_tells(helpers: Path, script: str, auth: Raw | None) -> None:
    helper(helpers, "safe", script)
    for content in ({"credsStore": "safe"}, {"credHelpers": {REGISTRY: "safe"}, "credsStore": "missing"}):
        told = CredentialFile(content).of(REGISTRY)
        assert told == (None if auth is None else {**auth, "serveraddress": REGISTRY})


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo the keyring is locked; exit 1", "docker-credential-safe: the keyring is locked"),
        ("exit 3", "docker-credential-safe: exit code 3"),
        ("echo joe", "docker-credential-safe: its answer is no JSON object"),
    ],
)
def test_a_helper_that_fails_costs_its_registry_alone(helpers: Path, script: str, why: str) -> None:
    helper(helpers, "safe", script)
    content = {
        "credHelpers": {REGISTRY: "safe", "gone.example": "gone"},
        "auths": {HUB: {"auth": together("ann", "y")}},
    }
    said: list[str] = []
    images = ["app:1", f"{REGISTRY}/app:1", "gone.example/app", f"{REGISTRY}/other"]
    known = gathered(CredentialFile(content), images, said.append)
    assert known == {HUB: {"username": "ann", "password": "y", "serveraddress": HUB}}
    assert said == [
        "no credentials for gone.example: docker-credential-gone is not in the PATH",
        f"no credentials for {REGISTRY}: {why}",
    ]


def test_the_file_is_that_of_the_docker_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert load().of(REGISTRY) is None
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {REGISTRY: {"auth": together("joe", "word")}}}))
    assert load().of(REGISTRY) == {"username": "joe", "password": "word", "serveraddress": REGISTRY}
    for text in ("{", "[]"):
        file.write_text(text)
        with pytest.raises(Unreadable, match=str(file)):
            load()


def test_each_image_is_pulled_with_those_of_its_registry() -> None:
    config = header({REGISTRY: {"username": "joe"}, HUB: {"username": "ann"}})
    credentials = checked("for-all", config)
    names = {image: credentials.of(image) for image in (f"{REGISTRY}/app:1", "app", "gone.example/app")}
    assert names.pop("gone.example/app") == "for-all"
    users = [json.loads(base64.urlsafe_b64decode(value))["username"] for value in names.values()]
    assert users == ["joe", "ann"]
    assert Credentials().of("app") == ""


@pytest.mark.parametrize("config", ["!", header({"a": 1})])
def test_a_header_that_is_none_is_refused(config: str) -> None:
    with pytest.raises(InvalidParameter, match="X-Registry-Config: "):
        checked("", config)
