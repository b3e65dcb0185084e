"""docs/labels.md, made of the table of labels: `python -m tests.model.labels_page` writes it."""

from __future__ import annotations

from pathlib import Path

from skerry.model.defaults import SECOND
from skerry.model.labels import LABELS, Label

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


def page() -> str:
    """The whole page."""
    return HEAD + "".join(map(_row, LABELS.values()))


def _row(label: Label) -> str:
    default = f"`{_default(label)}`" if label.default is not None else ""
    return f"| `{label.name}` | {label.values} | {default} | {label.help} | {label.on_swarm} |\n"


def _default(label: Label) -> str:
    if isinstance(label.default, str):
        return label.default
    seconds = int(label.default) // SECOND
    return f"{seconds // 60}m" if seconds >= 60 and seconds % 60 == 0 else f"{seconds}s"


if __name__ == "__main__":
    PAGE.write_text(page())
