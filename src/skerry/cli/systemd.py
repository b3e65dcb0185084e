"""The systemd unit of an instance."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from skerry.cli.daemon_process import command
from skerry.model.settings import Settings

UNIT_DIR = Path("/etc/systemd/system")

UNIT = """\
[Unit]
Description=skerry: Docker Swarm mode for one server
After=network-online.target docker.service
Wants=network-online.target

[Service]
ExecStart={command}
Restart=always
RestartSec=1
# The gate, a private engine and the tasks go on while the daemon is restarted or upgraded.
KillMode=process

[Install]
WantedBy=multi-user.target
"""


def unit_path(settings: Settings) -> Path:
    """Where the instance's unit is written."""
    return UNIT_DIR / f"{settings.name}.service"


def install(settings: Settings) -> str:
    """Write the unit; enable and start it where systemd runs. Returns what was done, in words."""
    path = unit_path(settings)
    path.write_text(UNIT.format(command=shlex.join(command(settings, "up"))))
    if not running():
        return f"wrote {path}; systemd does not run here, so it is neither enabled nor started"
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", path.name)
    return f"wrote {path}, enabled and started it"


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
    subprocess.run(["systemctl", *words], check=True)
