"""What the way through skerry costs: `docker ps` and a `docker load` with it and without, in turns.

python -m bench.wire        prints medians; runs on a private engine in a namespace of its own
"""

from __future__ import annotations

import statistics
import subprocess
import tarfile
import time
from pathlib import Path

from demo.ending import end_in_order
from harness.images import box_tar
from harness.world import World

RUNS, LOADS, MEGABYTES = 40, 3, 500


def main() -> None:
    """Print both figures."""
    end_in_order()
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "10.99.0.2")
        world.docker("run", "--detach", "box:1", "sleep", "100000")
        sockets = {"engine": world.run_dir / "engine.sock", "skerry": world.socket}
        times: dict[str, list[float]] = {name: [] for name in sockets}
        for _ in range(RUNS):
            for name, socket in sockets.items():
                times[name].append(_timed(world, socket, "ps"))
        direct, through = (statistics.median(times[name]) * 1000 for name in ("engine", "skerry"))
        print(
            f"docker ps: engine {direct:.1f} ms, through skerry {through:.1f} ms, +{through - direct:.1f} ms"
        )
        tar = _image(world.root)
        speeds: dict[str, list[float]] = {name: [] for name in sockets}
        for _ in range(LOADS):
            for name, socket in sockets.items():
                speeds[name].append(MEGABYTES / _timed(world, socket, "load", "--input", str(tar)))
                world.docker("rmi", "big:1")
        direct, through = (statistics.median(speeds[name]) for name in ("engine", "skerry"))
        print(
            f"docker load of {MEGABYTES} MB: engine {direct:.0f} MB/s, through skerry {through:.0f} MB/s, "
            f"{through / direct:.0%}"
        )


def _timed(world: World, socket: Path, *words: str) -> float:
    line = world.net.within(["docker", "-H", f"unix://{socket}", *words])
    begun = time.perf_counter()
    subprocess.run(line, env=world.env, check=True, capture_output=True, timeout=120)
    return time.perf_counter() - begun


def _image(folder: Path) -> Path:
    """An image with one layer of zeros, as `docker save` writes it."""
    context = folder / "big"
    context.mkdir()
    with tarfile.open(box_tar()) as box:
        box.extractall(context / "root", filter="fully_trusted")
    (context / "root" / "zeros").write_bytes(bytes(MEGABYTES * 1_000_000))
    tar = folder / "big.tar"
    socket = f"unix://{folder}/r/engine.sock"
    pack = f"tar -C {context / 'root'} -c . | docker -H {socket} import - big:1 >/dev/null"
    save = f"docker -H {socket} save --output {tar} big:1 && docker -H {socket} rmi big:1 >/dev/null"
    subprocess.run(["bash", "-c", f"{pack} && {save}"], check=True, timeout=120)
    return tar


if __name__ == "__main__":
    main()
