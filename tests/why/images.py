"""An image with programs that can't run, each in a way of its own."""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

from harness.images import box_tar

ODD = "odd:1"
MACHINES = {"x86_64": 183, "aarch64": 62}
"""The ELF number of a machine that this one is not."""


def odd_tar(place: Path, machine: str) -> Path:
    """Busybox, and: `/foreign` of another CPU, `/script` without its interpreter, `/plain` that is not
    executable,
    `/lacking` whose libraries are missing though its loader is there."""
    tar = place / "odd.tar"
    shutil.copyfile(box_tar(), tar)
    with tarfile.open(tar, "a") as file:
        _add(file, "foreign", _foreign(machine))
        _add(file, "script", b"#!/usr/bin/none\n")
        _add(file, "plain", b"#!/bin/sh\n", 0o644)
        program = Path(shutil.which("ls") or "/bin/ls").resolve()
        _add(file, "lacking", program.read_bytes())
        loader = _loader(program)
        _add(file, str(loader).lstrip("/"), loader.read_bytes())
    return tar


def _foreign(machine: str) -> bytes:
    """The head of a program for another CPU."""
    head = struct.pack(
        "<4sBBBB8xHHIQQQIHHHHHH",
        b"\x7fELF",
        2,
        1,
        1,
        0,
        2,
        MACHINES.get(machine, 62),
        1,
        0x400078,
        64,
        0,
        0,
        64,
        56,
        1,
        64,
        0,
        0,
    )
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 0x1000, 0x1000, 0x1000) + bytes(4096)


def _loader(program: Path) -> Path:
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(/\S*ld-linux\S*)", said)
    assert found, said
    return Path(found[1])


def _add(file: tarfile.TarFile, name: str, content: bytes, mode: int = 0o755) -> None:
    for folder in list(Path(name).parents)[-2::-1]:
        if str(folder) not in file.getnames():
            entry = tarfile.TarInfo(str(folder))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            file.addfile(entry)
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    file.addfile(entry, io.BytesIO(content))
