"""Credentials for registries as the docker CLI keeps them: its file, and the helpers that this names."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from skerry.model.image_name import key_of
from skerry.model.objects import Raw

HELPER_S = 30.0
"""So long may a helper take: it may ask somebody, or a service far away."""
NOT_THERE = "credentials not found"
"""What a helper says, with an exit code, where it has none for a registry."""
BY_TOKEN = "<token>"
"""The user name with which a helper tells that the secret is an identity token."""
TOKENS = ("identitytoken", "registrytoken")


class Unreadable(Exception):
    """Credentials can't be had; the message is a sentence."""


class CredentialFile:
    """The docker CLI's `config.json`, as far as it is about registries."""

    def __init__(self, content: Raw) -> None:
        self._auths: Raw = content.get("auths") or {}
        self._helpers: Raw = content.get("credHelpers") or {}
        self._store = str(content.get("credsStore") or "")

    def of(self, registry: str) -> Raw | None:
        """What to send to a registry, by the key of its credentials; None where there are none. Raises
        Unreadable."""
        helper = str(self._helpers.get(registry) or self._store)
        auth = _of_helper(helper, registry) if helper else self._kept(registry)
        return {**auth, "serveraddress": registry} if auth else None

    def _kept(self, registry: str) -> Raw:
        """What stands in the file itself. An entry may be a URL, as older docker CLIs wrote it."""
        entry = self._auths.get(registry)
        if entry is None:
            same = (value for key, value in self._auths.items() if _host(key) == registry)
            entry = next(same, None)
        return _decoded(registry, entry or {})


def load() -> CredentialFile:
    """The file of whoever calls; an empty one where there is none. Raises Unreadable."""
    path = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return CredentialFile({})
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(content, dict):
        raise Unreadable(f"{path}: it is no JSON object")
    return CredentialFile(content)


def gathered(file: CredentialFile, images: Iterable[str], complain: Callable[[str], None]) -> dict[str, Raw]:
    """Credentials for the registries of images, by their keys. Where some can't be had it is said, and the
    image may be here, or for everybody, all the same."""
    known: dict[str, Raw] = {}
    for registry in sorted({key_of(image) for image in images}):
        try:
            auth = file.of(registry)
        except Unreadable as error:
            complain(f"no credentials for {registry}: {error}")
            continue
        if auth is not None:
            known[registry] = auth
    return known


def header(value: Raw) -> str:
    """A header's value."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _host(key: str) -> str:
    """`reg.example:5000` of `https://reg.example:5000/v1/`."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _decoded(registry: str, entry: Raw) -> Raw:
    """An entry of the file with user name and password in the place of both together."""
    auth: Raw = {name: entry[name] for name in ("username", "password", *TOKENS) if entry.get(name)}
    if together := entry.get("auth"):
        try:
            user, colon, password = base64.b64decode(together).decode().partition(":")
        except ValueError as error:
            raise Unreadable("what stands in the file is not encoded as it should be") from error
        if not colon or not user:
            raise Unreadable("what stands in the file is no user name with a password")
        auth |= {"username": user, "password": password.strip("\0")}
    return auth


def _of_helper(name: str, registry: str) -> Raw:
    """What a helper of the docker CLI's knows of a registry; empty where that is nothing."""
    program = f"docker-credential-{name}"
    try:
        done = subprocess.run(
            [program, "get"], input=registry, capture_output=True, text=True, timeout=HELPER_S, check=False
        )
    except FileNotFoundError as error:
        raise Unreadable(f"{program} is not in the PATH") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreadable(f"{program}: {error}") from error
    if done.returncode:
        message = done.stdout.strip() or done.stderr.strip()
        if message.startswith(NOT_THERE):
            return {}
        raise Unreadable(f"{program}: {message or f'exit code {done.returncode}'}")
    return _answer_of(program, done.stdout)


def _answer_of(program: str, text: str) -> Raw:
    try:
        answer: dict[str, Any] = json.loads(text)
        user, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    except (ValueError, AttributeError) as error:
        raise Unreadable(f"{program}: its answer is no JSON object") from error
    if not secret:
        return {}
    return {"identitytoken": secret} if user == BY_TOKEN else {"username": user, "password": secret}
