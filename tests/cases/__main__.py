"""`make cases`: all parts side by side, since most of their time they wait; the output of each when it has
ended, and their last lines together. Exits 1 if one of them does."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from demo.ending import end_in_order

COUNT = re.compile(r"(\w+)=(\d+)")

PARTS = ("cases", "bad", "door", "faults")
"""Each ends with a line that begins so. Of a part that is played in shares the counts are added."""

LANES: Sequence[Sequence[Sequence[str]]] = (
    (("inputs", "--numprocesses", "4", "--dist", "loadfile"),),
    (("faults", "--share", "1/2"), ("bad",)),
    (("faults", "--share", "2/2"), ("door", "--spellings", "5000")),
)
"""What is done side by side, and one after another."""


@dataclass(frozen=True)
class Result:
    """How a part ended."""

    code: int
    output: str


class Lanes:
    """The parts that run at this moment; once it is stopped, none begins."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def follow(self, lane: Sequence[Sequence[str]]) -> list[Result]:
        """Run parts one after another."""
        return [self._run(part) for part in lane if not self._stopped]

    def _run(self, words: Sequence[str]) -> Result:
        """Run a part to its end; its output is shown then."""
        module, *options = words
        command = [sys.executable, "-m", f"tests.cases.{module}", *options]
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            self._running.append(process)
            code = process.wait()
            self._running.remove(process)
            output.seek(0)
            text = output.read().decode(errors="replace")
        print(f"{text}--- {' '.join(words)}: exit {code}, {time.monotonic() - began:.0f} s\n", flush=True)
        return Result(code, text)

    def stop(self) -> None:
        """End what runs; each part takes down what it made."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()


def total(part: str, outputs: Iterable[str]) -> str:
    """The last line of a part; where it was played in shares, with the sums of their counts."""
    sums: dict[str, int] = {}
    for output in outputs:
        lines = [line for line in output.splitlines() if line.startswith(f"{part}: ")]
        for name, count in COUNT.findall(lines[-1] if lines else ""):
            sums[name] = sums.get(name, 0) + int(count)
    return f"{part}: " + " ".join(f"{name}={count}" for name, count in sums.items())


def main() -> int:
    """Run them all; 0 where each is as it should be."""
    end_in_order()
    lanes = Lanes()
    with ThreadPoolExecutor(len(LANES)) as pool:
        try:
            results = [result for lane in pool.map(lanes.follow, LANES) for result in lane]
        except KeyboardInterrupt:
            lanes.stop()
            raise
    for part in PARTS:
        print(total(part, [one.output for one in results]), flush=True)
    return 1 if any(one.code for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
