"""A stack whose image, config, secret and environment change with each release, and the way back to each.

What a container has is read inside of it, so it does not matter how skerry came to give it that.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from harness.world import World
from tests.deploy.stage import Deploying

TAG = "undo-app:1"
FILE = """
    name: {stack}
    services:
      web:
        image: {tag}
        init: true
        command: sleep 1000000
        environment: {{VERSION: "{version}"}}
        configs: [site]
        secrets: [word]
        deploy:
          labels: {labels}
          update_config: {{order: start-first, monitor: 100ms}}
    configs:
      site: {{file: ./site}}
    secrets:
      word: {{file: ./word}}
"""
LOOK = ("sh", "-c", "cat /payload /site /run/secrets/word; echo $VERSION")
"""Everything that differs between two releases."""


def hold_base(world: World) -> None:
    """Have the image that all others are built on in use, so that no prune takes it."""
    world.docker("run", "--detach", "--init", "--name", "base", "box:1", "sleep", "1000000")


@dataclass
class Content:
    """What a release has."""

    payload: str
    site: str
    word: str
    version: str

    def __str__(self) -> str:
        return "\n".join((self.payload, self.site, self.word, self.version))


@dataclass
class Replay:
    """One stack's releases. `keep` is the label's value, empty for what skerry does without it."""

    world: World
    stack: str
    chance: random.Random
    keep: str = ""
    seen: dict[int, str] = field(default_factory=dict)
    """What the containers of each release had."""

    def __post_init__(self) -> None:
        self._stage = Deploying(self.world)
        self._content = Content("", "", "", "")

    def release(self, number: int) -> None:
        """Build, deploy, and prune what nobody seems to need. The tag is the same each time, so what it meant
        before has no name any more."""
        self._change(number)
        labels = f'{{skerry.history.keep: "{self.keep}"}}' if self.keep else "{}"
        text = FILE.format(stack=self.stack, tag=TAG, version=self._content.version, labels=labels)
        self._stage.write(text)
        self._stage.write(f"{self._content.site}\n", "site")
        self._stage.write(f"{self._content.word}\n", "word")
        self._stage.deployed()
        self.seen[number] = self.look()
        assert self.seen[number] == str(self._content), f"release {number} is not what was deployed"
        self._prune()

    def _change(self, number: int) -> None:
        """The version always, everything else most times."""
        old = self._content
        fresh = {
            name: f"{name} of {number}" if not getattr(old, name) or self.chance.random() < 0.8 else ""
            for name in ("payload", "site", "word")
        }
        self._content = Content(
            **{name: text or getattr(old, name) for name, text in fresh.items()}, version=str(number)
        )
        if fresh["payload"]:
            self._stage.write("FROM box:1\nCOPY payload /payload\n", "Dockerfile")
            self._stage.write(f"{fresh['payload']}\n", "payload")
            self.world.docker("build", "--quiet", "--tag", TAG, str(self._stage.folder))

    def _prune(self) -> None:
        """At skerry's socket, or past it, in one of the ways in which people do."""
        past = ("--host", f"unix://{self.world.run_dir}/engine.sock")
        match self.chance.randrange(4):
            case 0:
                self.world.docker("system", "prune", "--all", "--force")
            case 1:
                self.world.docker("container", "prune", "--force")
                self.world.docker(*past, "image", "prune", "--all", "--force")
            case 2:
                self.world.docker(*past, "image", "prune", "--all", "--force")
            case _:
                self.world.docker("image", "prune", "--all", "--force")

    def look(self) -> str:
        """What the running container has."""
        key = self._stage.container(f"{self.stack}_web")["Id"]
        return self.world.docker("exec", key, *LOOK)

    def kept(self) -> list[int]:
        """The releases that can be restored."""
        rows = self.world.skerry("history", self.stack).splitlines()[1:]
        return [int(row.split()[0].rstrip("*")) for row in rows]

    def restore(self, number: int) -> str:
        """Go back to a release; what is otherwise than it was, in words, or ""."""
        code, said = self._stage.skerry("rollback", self.stack, "--to", str(number))
        if code:
            return f"release {number}: skerry rollback exited with {code}: {said}"
        now = self.look()
        return "" if now == self.seen[number] else f"release {number}: {self.seen[number]!r} became {now!r}"
