"""Images for the story: Debian's base where no registry gives it, and what is built on it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from demo.settings import CACHE
from demo.shell import Shell, StepFailed, say

BASE = "debian:bookworm-slim"
SUITE = "bookworm"
INCLUDE = ("curl", "python3", "nginx-light")
"""What the story's Dockerfiles install: in the base, so that builds need no network."""
LEFT_OUT = ("doc", "man", "locale", "info", "zoneinfo")
PULL_TIMEOUT = 20.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base_tar() -> Path:
    """The base's file system as a tar, made by mmdebstrap once and kept. Raises StepFailed."""
    tar = CACHE / f"{SUITE}-slim.tar"
    if tar.exists():
        return tar
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = CACHE / f".{os.getpid()}-{tar.name}"
    words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(INCLUDE)}"]
    words += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    words += ['--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/*', SUITE, str(unfinished)]
    say(f"making {BASE} from Debian's archive (once; about half a minute)")
    try:
        made = subprocess.run(words, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if made.returncode != 0:
            raise StepFailed(f"mmdebstrap: {made.stderr.strip()[-2000:]}")
        unfinished.rename(tar)
    finally:
        unfinished.unlink(missing_ok=True)
    return tar


def import_line(tar: Path) -> str:
    """The command that makes the base image of the tar."""
    return f"""docker import -c 'CMD ["bash"]' -c 'ENV PATH={PATH}' {tar} {BASE}"""


def ensure_base(shell: Shell) -> bool:
    """Give the engine the base, by a registry or from Debian's archive. True where it had none."""
    if shell.ask(f"docker image inspect {BASE}", ok=None).startswith("[\n"):
        return False
    if not (CACHE / f"{SUITE}-slim.tar").exists():
        try:
            shell.run(f"docker pull --quiet {BASE}", timeout=PULL_TIMEOUT)
        except StepFailed:
            say(f"no registry gives {BASE}")
        else:
            return True
    shell.run(import_line(base_tar()))
    return True
