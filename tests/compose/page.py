"""docs/compose.md, made of the table of keys: `python -m tests.compose.page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from skerry.cli.compose import program
from skerry.cli.compose.keys import KEYS, How, Key

PAGE = Path(__file__).parents[2] / "docs" / "compose.md"
HEAD = """# Compose files

`skerry deploy` takes the file that `docker compose` takes. Compose itself reads it, of version {version} or a
newer plugin of the docker CLI: variables, `.env`, profiles, `include`, `extends` and anchors mean what they
mean there, and errors are Compose's own. What it has read becomes a stack of Swarm's. This page says what
becomes of each key.

| | |
| --- | --- |
| works | it does what it does under Compose, or in a swarm if it is one of a swarm's |
| by label | Swarm's API has no place for it: a [label](labels.md#settings-of-containers) says it |
| read by Compose | it is gone once Compose has read the file |
| nothing to do | it steers Compose's own commands alone |
| refused | the deploy ends with the sentence, file and line, and exit code 4; nothing is changed |

Keys that begin with `x-` are yours. A key that this skerry does not know, as a newer Compose may have it, is
refused; none is dropped in silence. Where containers end up otherwise than under `docker compose up` stands
[below](#differences).

This page is made from `src/skerry/cli/compose/keys.py` by `python -m tests.compose.page`.
"""
DIFFERENCES = """
## Differences

`make deploy-test` runs every file of `tests/deploy/files` under `docker compose up` and `skerry deploy`, and
compares the containers field by field. What is otherwise, on purpose:

* Tasks are replaced when they end, unless `restart` or `deploy.restart_policy` says otherwise. A service that
  another one waits for with `service_completed_successfully` is a job: it is tried once, and not again until
  it changes.
* Networks are overlay networks, on which services have virtual IPs. `ports` are published by the swarm, so a
  task has no ports in its own inspection, and two services can't publish one port.
* Containers have the names of tasks; `container_name` is a name on the networks.
* Configs and secrets are objects of the swarm, with their owner and mode; Compose mounts files.
* `deploy.resources.reservations` place tasks; `mem_reservation` reaches the container.
* Health checks are made by skerry, so the container has none in its own inspection.
* Bind mounts and volumes are Docker's mounts, not its binds.
"""
SECTIONS = {
    "services": "Services",
    "networks": "Networks",
    "volumes": "Volumes",
    "secrets": "Secrets",
    "configs": "Configs",
}


def page() -> str:
    """The whole page."""
    version = ".".join(map(str, program.find({}).version()))
    return HEAD.format(version=version) + "".join(_sections()) + DIFFERENCES


def _sections() -> Iterator[str]:
    def section(key: Key) -> str:
        return key.path.partition(".")[0] if "." in key.path else ""

    keys = sorted(KEYS.values(), key=lambda key: (["", *SECTIONS].index(section(key)), key.path))
    for name, rows in groupby(keys, section):
        yield f"\n## {SECTIONS.get(name, 'The file')}\n\n| key | | |\n| --- | --- | --- |\n"
        yield from map(_row, rows)


def _row(key: Key) -> str:
    name = key.path.partition(".*.")[2] or key.path
    name = name.replace(".*.", ".NAME.").removeprefix("*.").replace(".*", ".NAME")
    how = f"{key.how.value} `{key.label}`" if key.label else key.how.value
    if key.how is How.REFUSED:
        return f"| `{name}` | {how} | {key.refused} |\n"
    note = "; ".join(
        filter(None, (key.note, f"other values are refused: {key.refused}" if key.refused else ""))
    )
    return f"| `{name}` | {how} | {note} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
