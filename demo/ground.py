"""Where a story plays: an instance of its own, in a network namespace of its own.

Two engines in one namespace write each other's firewall chains, and two demos each other's bridges. So
whatever runs on the machine, a skerry in use or a Docker Engine, meets nothing of the demo.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from demo.ending import undisturbed
from demo.settings import Settings
from demo.shell import Shell, StepFailed
from harness.images import unmount_below
from harness.processes import kill_all
from skerry.linux.netns import RUN_NETNS, enter


def claim(settings: Settings, shell: Shell) -> None:
    """Make sure that nothing of this instance is there. Raises StepFailed with what is, and what to do."""
    there = [str(path) for path in (settings.run_dir, settings.data_dir, *_spaces(settings)) if path.exists()]
    contexts = shell.ask("docker context ls --format '{{.Name}}'", ok=None).splitlines()
    there += [f"docker context {settings.name}" for name in contexts if name == settings.name]
    if there:
        raise StepFailed(
            f"the demo's instance {settings.name} exists already: {', '.join(there)}. The demo only takes"
            " down what it made itself. Wait for the other demo to end or, if one was killed, remove"
            f" what it left: {settings.skerry('down --purge --yes --volumes')}; ip netns del {settings.name};"
            f" rm -r {settings.run_dir} {settings.data_dir}"
        )


def _spaces(settings: Settings) -> list[Path]:
    return [RUN_NETNS / settings.name, settings.gate_netns]


@contextlib.contextmanager
def own_network(name: str, shell: Shell) -> Iterator[None]:
    """Be in a network namespace of this name, with a loopback and nothing else; it is gone afterwards."""
    with Path("/proc/thread-self/ns/net").open() as former:
        try:
            shell.ask(f"ip netns add {name}")
            shell.ask(f"ip -n {name} link set lo up")
            enter(RUN_NETNS / name)
            yield
        finally:
            with undisturbed():
                enter(Path(f"/proc/self/fd/{former.fileno()}"))
                shell.ask(f"ip netns del {name}", ok=None)


def free_port(port: int) -> None:
    """Raise StepFailed where a port is taken: nothing is made then."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plug.bind(("::", port))
        except OSError as error:
            raise StepFailed(
                f"port {port} is taken here ({error.strerror}); choose another: PORT=8088 make demo"
            ) from None


def sweep(settings: Settings, shell: Shell) -> None:
    """What `skerry down --purge` can't reach: processes that were cut off while they started, their files."""
    kill_all(None, [space.name for space in _spaces(settings)])
    for place in (settings.run_dir, settings.data_dir):
        unmount_below(place)
        shutil.rmtree(place, ignore_errors=True)
    shell.ask(f"ip netns del {settings.gate_netns.name}", ok=None)
    shell.ask(f"docker context rm --force {settings.name}", ok=None)
