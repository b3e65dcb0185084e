"""What speaks other protocols than HTTP/1: libraries of PyPI, and Debian's databases with their clients."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path

from demo.images import SUITE
from demo.settings import CACHE, CHECKOUT
from harness.images import alone
from harness.net import run
from harness.programs import unpacked

PLACE = CHECKOUT / ".cache" / "protocols"
DATABASES = ("postgresql", "redis-server")
PACKAGES = "/opt/servers"
"""Where the servers' libraries are in the file system."""
POSTGRESQL = "/usr/lib/postgresql/15/bin"
_NO_CLUSTER = 'mkdir -p "$1/etc/postgresql-common" && echo create_main_cluster=false '
_NO_CLUSTER += '> "$1/etc/postgresql-common/createcluster.conf"'


def installed() -> None:
    """The libraries, brought where they are missing."""
    with alone():
        run("bash", str(CHECKOUT / "scripts" / "protocols"), timeout=375)


def python() -> list[str]:
    """The words that start a Python with the clients' libraries, and this checkout's modules."""
    return ["env", f"PYTHONPATH={CHECKOUT / 'src'}", str(PLACE / "clients" / "bin" / "python")]


def servers_tar() -> Path:
    """A file system with Debian's Python and databases, and the servers' libraries, for `docker import`."""
    made_for = hashlib.sha256((PLACE / ".made-for").read_bytes()).hexdigest()[:12]
    kept = CACHE / f"protocols-{made_for}.tar"
    debian = _debian_tar()
    with alone():
        if not kept.exists():
            unfinished = CACHE / f".{os.getpid()}-{kept.name}"
            shutil.copyfile(debian, unfinished)
            with tarfile.open(unfinished, "a") as file:
                file.add(PLACE / "servers", f".{PACKAGES}")
            unfinished.rename(kept)
    return kept


def psql() -> list[str]:
    """The words that start Debian's psql, which is not installed."""
    return unpacked(_debian_tar(), f"{POSTGRESQL}/psql")


def redis_cli() -> list[str]:
    """The same of redis-cli."""
    return unpacked(_debian_tar(), "/usr/bin/redis-cli")


def _debian_tar() -> Path:
    kept = CACHE / f"{'-'.join((SUITE, *DATABASES))}.tar"
    with alone():
        if not kept.exists():
            unfinished = CACHE / f".{os.getpid()}-{kept.name}"
            words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--essential-hook={_NO_CLUSTER}"]
            words += ["--dpkgopt=force-confold", f"--include={','.join(('python3', *DATABASES))}"]
            run(*words, SUITE, str(unfinished), timeout=150)
            unfinished.rename(kept)
    return kept
