"""Commands that are run in a container after it has started, and before it is stopped: Compose's hooks."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from skerry.model.label import Label

POST_START = "skerry.hooks.post-start"
PRE_STOP = "skerry.hooks.pre-stop"

FAILED = "post_start hook failed"
"""What the Err of a task says that failed for one."""


class Hook(Struct, frozen=True, forbid_unknown_fields=True):
    """One command, and as whom and where it is run; empty: as the container itself."""

    command: list[str]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: dict[str, str] = {}

    @property
    def options(self) -> dict[str, Any]:
        """What the engine's API is told about it, beside the command and the user."""
        return {
            **({"Privileged": True} if self.privileged else {}),
            **({"WorkingDir": self.working_dir} if self.working_dir else {}),
            **(
                {"Env": [f"{name}={value}" for name, value in self.environment.items()]}
                if self.environment
                else {}
            ),
        }


def read_hooks(text: str) -> list[Hook]:
    """The hooks of a label, in their order. Raises ValueError with a sentence for the user."""
    try:
        hooks = msgspec.json.decode(text, type=list[Hook])
    except msgspec.MsgspecError as error:
        raise ValueError(f"{text[:60]!r} is no array of hooks in JSON: {error}") from error
    if any(not hook.command for hook in hooks):
        raise ValueError(f"{text[:60]!r}: a hook has no command")
    return hooks


_VALUES = (
    'a JSON array of commands such as `[{"command": ["sh", "-c", "…"]}]`, with `user`, `privileged`, '
    "`working_dir` and `environment`"
)
_ON_SWARM = "no such command is run there"

HOOKS = (
    Label(
        POST_START,
        "Run in the container once it has started, one after another; the task is ready after that, and "
        "fails where one of them does.",
        _VALUES,
        read_hooks,
        [],
        _ON_SWARM,
        on_container=True,
    ),
    Label(
        PRE_STOP,
        "Run in the container before it gets its stop signal, all of them within the stop grace period; one "
        "that fails is noted, and it is stopped all the same.",
        _VALUES,
        read_hooks,
        [],
        _ON_SWARM,
        on_container=True,
    ),
)
"""Labels of the container that say which."""
