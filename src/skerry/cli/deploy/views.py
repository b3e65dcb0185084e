"""How a release is watched: live on a terminal, a line per change elsewhere, or as JSON."""

from __future__ import annotations

import json

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skerry.cli.deploy.follow import ProgressView
from skerry.cli.deploy.progress import OVER, DeployProgress, ServiceProgress, told
from skerry.model.objects import Raw

STYLES = {
    "done": "green",
    "ready": "green",
    "failed": "red",
    "rolled back": "red",
    "waits": "dim",
    "stopped": "dim",
}


class JsonView:
    """Each line as it is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, line: Raw, progress: DeployProgress, now: float) -> None:
        self._console.out(json.dumps(line), highlight=False)

    def tick(self, progress: DeployProgress, now: float) -> None:
        pass

    def close(self) -> None:
        pass


class LineView(JsonView):
    """A line per change."""

    def show(self, line: Raw, progress: DeployProgress, now: float) -> None:
        if "Service" in line:
            self._console.out(told(line), highlight=False)


class LiveView:
    """A table that is drawn anew."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def show(self, line: Raw, progress: DeployProgress, now: float) -> None:
        self.tick(progress, now)

    def tick(self, progress: DeployProgress, now: float) -> None:
        self._live.update(Group(_table(progress, now)), refresh=True)

    def close(self) -> None:
        self._live.stop()


def _table(progress: DeployProgress, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    for service in progress.services.values():
        table.add_row(*_row(service, now))
    return table


def _row(service: ServiceProgress, now: float) -> tuple[str, ProgressBar, Text, str, str, Text]:
    whole = max(service.wanted, 1)
    finished = service.phase in OVER
    bar = ProgressBar(total=whole, completed=whole if service.phase == "done" else service.ready, width=20)
    seconds = "" if service.phase == "waits" else f"{service.seconds(now):.1f} s"
    phase = Text(service.phase, style=STYLES.get(service.phase, "yellow"))
    reason = Text("" if finished and service.phase == "done" else service.reason, style="dim")
    return service.name, bar, phase, seconds, f"{service.ready}/{service.wanted}", reason


def view_of(console: Console, *, as_json: bool) -> ProgressView:
    """The one that suits what standard output is."""
    if as_json:
        return JsonView(console)
    return LiveView(console) if console.is_terminal else LineView(console)
