"""The systemd unit of an instance."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import click

from skerry.cli import daemon_process
from skerry.model.settings import Settings

UNIT_DIR = Path("/etc/systemd/system")

UNIT = """\
[Unit]
Description=skerry: Docker Swarm mode for one server
After=network-online.target docker.service
Wants=network-online.target
RequiresMountsFor={data_dir}
# It is started again for as long as it takes: an engine may leave its swarm mode, a disk may be mended.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
# It answers within a minute or says why it does not; a large state may take longer to read.
TimeoutStartSec=infinity
Restart=always
RestartSec=2
# A daemon whose event loop hangs is killed, says in the journal where it hung, and is started again.
WatchdogSec=60
TimeoutAbortSec=10
# The gate, a private engine and the tasks go on while the daemon is restarted or upgraded.
KillMode=process
# A private engine and its containers have these limits, too.
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
"""


def unit_path(settings: Settings) -> Path:
    """Where the instance's unit is written."""
    return UNIT_DIR / f"{settings.name}.service"


def install(settings: Settings) -> str:
    """Write the unit; enable and start it where systemd runs, and wait until the API answers.

    Returns what was done, in words. Raises ClickException where it does not come up, with the reason.
    """
    path = unit_path(settings)
    unit = UNIT.format(
        command=shlex.join(daemon_process.command(settings, "up")), data_dir=_quoted(settings.data_dir)
    )
    path.write_text(unit.replace("%", "%%"))
    if not running():
        return f"wrote {path}; systemd does not run here, so it is neither enabled nor started"
    _systemctl("daemon-reload")
    _systemctl("enable", path.name)
    Path(settings.failure_file).unlink(missing_ok=True)
    # without waiting for systemd: it would only say that the unit failed, and this says why
    _systemctl("restart", "--no-block", path.name)
    daemon_process.await_answer(settings, lambda: _why_not(settings), f"see journalctl --unit {path.name}")
    return f"wrote {path}, enabled and started it"


def _quoted(path: str) -> str:
    """A path as RequiresMountsFor= takes it."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _why_not(settings: Settings) -> str | None:
    """Why the unit does not come up: what the daemon has left in words, or else what the journal has."""
    name = unit_path(settings).name
    if (why := daemon_process.failure(settings)) is not None:
        return f"{why}\n{name} stays enabled, and tries again every 2 s; to end that: skerry down"
    shown = _output("systemctl", "show", "--property=NRestarts", "--value", name)
    if shown in ("", "0"):
        return None
    words = _output("journalctl", "--unit", name, "--output=cat", "--lines=5", "--no-pager")
    return f"{name} ends while it starts, and is started again; the journal's last words are:\n{words}"


def stop(settings: Settings) -> None:
    """Stop the unit, so that systemd does not start the daemon again."""
    if unit_path(settings).exists() and running():
        _systemctl("stop", unit_path(settings).name)


def remove(settings: Settings) -> None:
    """Disable and delete the unit."""
    path = unit_path(settings)
    if path.exists():
        if running():
            _systemctl("disable", path.name)
        path.unlink()


def running() -> bool:
    """Whether this machine was booted by systemd."""
    return Path("/run/systemd/system").is_dir()


def _systemctl(*words: str) -> None:
    if subprocess.run(["systemctl", *words], check=False).returncode:
        raise click.ClickException(f"systemctl {' '.join(words)} failed; what it said is above")


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
