"""docs/labels.md, made of the table of labels: `python -m tests.model.labels_page` writes it."""

from __future__ import annotations

from pathlib import Path

from skerry.model.defaults import SECOND
from skerry.model.label import Label
from skerry.model.labels import LABELS

PAGE = Path(__file__).parents[2] / "docs" / "labels.md"
HEAD = """# Labels

These labels steer skerry. They are labels of the service (`docker service create --label`, `deploy.labels`
in a compose file), so a change replaces no task. [Updates](update.md) and [The network](network.md) say what
they are for.

skerry refuses a value that makes no sense, and a label that begins with `skerry.` and is not in this list,
with the name that is nearest to it; on the containers of a service as well. A label that a service had before
stays until it is changed.

This page is made from `src/skerry/model/labels.py` by `python -m tests.model.labels_page`.

| label | value | default | what it does | on a real Swarm |
| --- | --- | --- | --- | --- |
"""


CONTAINER = """
## Settings of containers

`docker run` and a compose file can say more of a container than Swarm's API has a place for. These labels
say it. They are labels of the container (`docker service create --container-label`, `labels` in a compose
file), so a change replaces tasks as any other change of the container does; on a service they are refused.
`skerry export` keeps them. On a real Swarm a container is made without them.

| label | values | what it does | field of the engine's API |
| --- | --- | --- | --- |
"""


HOOKS = """
## Hooks

Commands in the container, as a compose file's `post_start` and `pre_stop` have them: labels of the container.
`privileged` gives a command all rights of the machine. A command of the start is run again where skerryd was
away before it ended. None is run where the container ends by itself or its check fails.

| label | values | what it does |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    steering = [_row(label) for label in LABELS.values() if not label.is_of_container]
    settings = [_setting(label) for label in LABELS.values() if label.container]
    hooks = [_hook(label) for label in LABELS.values() if label.on_container]
    return HEAD + "".join([*steering, CONTAINER, *settings, HOOKS, *hooks])


def _hook(label: Label) -> str:
    return f"| `{label.name}` | {label.values} | {label.help} |\n"


def _setting(label: Label) -> str:
    return f"| `{label.name}` | {label.values} | {label.help} | `{label.container}` |\n"


def _row(label: Label) -> str:
    default = f"`{_default(label)}`" if label.default is not None else ""
    return f"| `{label.name}` | {label.values} | {default} | {label.help} | {label.on_swarm} |\n"


def _default(label: Label) -> str:
    if isinstance(label.default, str) or label.values.startswith("a number"):
        return str(label.default)
    seconds = int(label.default) // SECOND
    return f"{seconds // 60}m" if seconds >= 60 and seconds % 60 == 0 else f"{seconds}s"


if __name__ == "__main__":
    PAGE.write_text(page())
