"""`make shape`: the figures of skerry's code beside those of kopf and starlette, all by one script.

The last line has what is looked at from commit to commit. Figures are there to be looked at; what a test
holds is in tests/bench/test_shape.py.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.shape.figures import LONG, Shape, quantile
from bench.shape.source import length
from bench.shape.tables import spec_tables

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "src" / "skerry"
PEERS = {"kopf": "1.45.2", "starlette": "1.10.0"}
"""The packages beside which ours is held, at fixed versions, so that only ours moves."""


def main() -> None:
    """Print the table and the last line; with --names also what the figures count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", action="store_true", help="print the places behind the figures, too")
    options = parser.parse_args()
    ours = Shape(OURS)
    shapes = {"skerry": ours} | {name: Shape(path) for name, path in peers(ROOT / ".cache" / "shape").items()}
    print_table(list(shapes), [[label, *map(read, shapes.values())] for label, read in ROWS])
    if options.names:
        print_places(ours)
    print(last_line(ours))


def peers(folder: Path) -> dict[str, Path]:
    """Where the peers' sources are, brought by pip where they are not there yet."""
    for name, version in PEERS.items():
        if not (folder / f"{name}-{version}.dist-info").is_dir():
            words = [
                "-qq",
                "--disable-pip-version-check",
                "--no-deps",
                "--upgrade",
                "--target",
                str(folder),
            ]
            subprocess.run([sys.executable, "-m", "pip", "install", *words, f"{name}=={version}"], check=True)
    return {name: folder / name for name in PEERS}


def spread(values: Sequence[int], *shares: float) -> str:
    """Some quantiles and the largest, as `6 / 16 / 46`."""
    return " / ".join(str(quantile(values, share)) for share in (*shares, 1))


def per_cent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


def per_thousand_lines(shape: Shape) -> str:
    count = 1000 * shape.dialect.total() / shape.line_count
    return f"{count:.1f} (" + ", ".join(f"{word} {n}" for word, n in shape.dialect.most_common(4)) + ")"


def documented(words: Sequence[int]) -> str:
    """The share that has a docstring, and the median of its words."""
    having = [count for count in words if count]
    return f"{per_cent(len(having), len(words))}, {statistics.median(having or [0]):.0f} words"


def circles(shape: Shape) -> str:
    return f"{len(shape.circles)} ({max(map(len, shape.circles), default=0)} files)"


ROWS: list[tuple[str, Callable[[Shape], str]]] = [
    ("files / lines", lambda s: f"{len(s.modules)} / {s.line_count}"),
    ("file median / p90 / max", lambda s: spread(s.file_lengths, 0.5, 0.9)),
    ("function median / p90 / p99 / max", lambda s: spread(s.function_lengths, 0.5, 0.9, 0.99)),
    ("largest class", lambda s: spread([length(item) for item in s.classes])),
    ("parameters median / p90 / max", lambda s: spread(s.parameter_counts, 0.5, 0.9)),
    ("functions with more than 6", lambda s: str(sum(count > 6 for count in s.parameter_counts))),
    ("nesting p90 / max", lambda s: spread(s.nestings, 0.9)),
    ("functions 4 deep or more", lambda s: per_cent(sum(d >= 4 for d in s.nestings), len(s.functions))),
    ("import circles (largest)", circles),
    ("annotated returns", lambda s: per_cent(s.annotated, len(s.functions))),
    ("broad excepts (that raise again)", lambda s: "{} ({})".format(*s.broad_excepts)),
    ("public functions with docstring", lambda s: documented(s.public_docstrings)),
    ("modules with docstring", lambda s: documented(s.module_docstrings)),
    ("comment lines", lambda s: per_cent(s.comment_lines, s.line_count)),
    (f"functions of {LONG} lines without docstring", lambda s: str(len(s.undocumented_long))),
    ("private functions used once", lambda s: per_cent(len(s.used_once), len(s.functions))),
    ("functions that only hand on", lambda s: per_cent(s.thin, len(s.functions))),
    ("class names of two classes", lambda s: f"{len(s.classes_twice)} of {len(s.classes)}"),
    ("module names that stand twice", lambda s: str(len(s.modules_twice))),
    ("dialect in 1,000 lines", per_thousand_lines),
    ("runs of six lines that stand twice", lambda s: str(len(s.repeats))),
]


def print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    cells = [["", *names], *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names) + 1)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_places(shape: Shape) -> None:
    for title, places in [
        ("circles", [" ".join(group) for group in shape.circles]),
        ("class names of two classes", shape.classes_twice),
        ("module names that stand twice", shape.modules_twice),
        ("long functions without docstring", shape.undocumented_long),
        ("private functions used once", shape.used_once),
        ("tables of spec fields", spec_tables(shape.modules)),
        ("runs that stand twice", [f"{a[0]}:{a[1]} {b[0]}:{b[1]}" for a, b in shape.repeats]),
    ]:
        print(f"\n{title}:", *places, sep="\n  ")
    print()


def last_line(shape: Shape) -> str:
    figures = {
        "cycles": len(shape.circles),
        "classes_twice": len(shape.classes_twice),
        "modules_twice": len(shape.modules_twice),
        "dialect_per_1000": f"{1000 * shape.dialect.total() / shape.line_count:.1f}",
        "function_p90": quantile(shape.function_lengths, 0.9),
        "file_max": max(shape.file_lengths),
        "undocumented_long": len(shape.undocumented_long),
        "used_once_pct": f"{100 * len(shape.used_once) / len(shape.functions):.0f}",
        "spec_tables": len(spec_tables(shape.modules)),
        "same_six_lines": len(shape.repeats),
    }
    return "shape: " + " ".join(f"{key}={value}" for key, value in figures.items())


if __name__ == "__main__":
    main()
