"""The base of the story's images: Debian's, made of its archive, so that the story needs no registry."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from demo.settings import CACHE
from demo.shell import StepFailed, say

BASE = "debian:bookworm-slim"
SUITE = "bookworm"
INCLUDE = ("curl", "python3", "nginx-light")
"""What the story's Dockerfiles install: in the base, so that builds need no network."""
LEFT_OUT = ("doc", "man", "locale", "info", "zoneinfo")
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
