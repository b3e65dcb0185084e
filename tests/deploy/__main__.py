"""Every file of tests/deploy/files under `docker compose up`, then under `skerry deploy`, on one engine.

`python -m tests.deploy [--short]` says what is otherwise, and ends with the count.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

from harness.world import World
from skerry.cli.compose import program
from skerry.cli.compose.project import Project
from skerry.model.objects import Raw
from tests.deploy import reference

FILES = sorted(path.name for path in reference.FILES.iterdir() if path.is_dir())
SERVICE = "com.docker.compose.service"
SWARM_SERVICE = "com.docker.swarm.service.name"


@dataclass
class Tally:
    """What has been compared so far."""

    keys: set[str] = field(default_factory=set)
    checks: int = 0
    failed: list[str] = field(default_factory=list)

    def expect(self, name: str, holds: object, what: str) -> None:
        """Count a check; one that fails is said at once."""
        self.checks += 1
        if not holds:
            self.failed.append(f"{name}: {what}")
            print(f"  {name}: {what}")


def containers(world: World, label: str, prefix: str) -> dict[str, Raw]:
    """A container of each service whose name begins so, by the rest of the name; the label names the service.
    Others may be of a stack that is about to go."""
    found: dict[str, Raw] = {}
    for key in world.docker("ps", "--all", "--quiet", "--filter", f"label={label}").split():
        container = world.inspect("container", key)
        service = container["Config"]["Labels"][label]
        if service.startswith(prefix):
            found[service.removeprefix(prefix)] = container
    return found


def under_compose(world: World, name: str) -> dict[str, Raw]:
    """The containers of a file under Compose."""
    compose = [program.find({}).path, "--project-name", name, *reference.words(name)]
    world.run(*compose, "up", "--detach", timeout=120)
    try:
        return containers(world, SERVICE, "")
    finally:
        world.run(*compose, "down", "--volumes", "--timeout", "1", timeout=120)


def under_skerry(world: World, name: str, tally: Tally) -> dict[str, Raw]:
    """The same under skerry: deployed, and deployed again."""
    words = ["deploy", name, *reference.words(name), *(["--build"] if name == "build" else [])]
    code, said = world.attempt(*words, timeout=150)
    tally.expect(name, code == 0, f"skerry deploy exited {code}: {said}")
    try:
        made = containers(world, SWARM_SERVICE, f"{name}_")
        code, said = world.attempt(*words, "--plan")
        tally.expect(name, code == 0, f"deployed again, it changes something: {said}")
        return made
    finally:
        code, said = world.attempt("rm", name)
        tally.expect(name, code == 0, f"skerry rm exited {code}: {said}")


def files_of(project: Project, service: str) -> set[str]:
    """Where the configs and secrets of a service lie."""
    raw = project.model["services"][service]
    secrets = {entry.get("target") or entry["source"] for entry in raw.get("secrets") or []}
    configs = {entry.get("target") or entry["source"] for entry in raw.get("configs") or []}
    return {path if path.startswith("/") else f"/run/secrets/{path}" for path in secrets} | {
        path if path.startswith("/") else f"/{path}" for path in configs
    }


def compare(world: World, name: str, tally: Tally) -> None:
    """One file."""
    project = reference.project(name)
    tally.keys |= reference.keys(project.model)
    theirs = under_compose(world, name)
    ours = under_skerry(world, name, tally)
    tally.expect(
        name, set(theirs) == set(ours), f"services {sorted(theirs)} under Compose, {sorted(ours)} here"
    )
    for service in sorted({*theirs} & {*ours}):
        files = files_of(project, service)
        tally.checks += len(reference.settings(theirs[service]))
        for difference in reference.differences(service, theirs[service], ours[service], files):
            tally.failed.append(f"{name}: {difference}")
            print(f"  {name}: {difference}")


def main() -> int:
    """Compare them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few of the files")
    parser.add_argument("files", nargs="*", choices=[[], *FILES], default=[])
    wish = parser.parse_args()
    tally = Tally()
    names = wish.files or (reference.SHORT if wish.short else FILES)
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        for name in names:
            print(f"{name}", flush=True)
            compare(world, name, tally)
    failed = len(tally.failed)
    print(f"deploy: files={len(names)} keys={len(tally.keys)} checks={tally.checks} failed={failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
