"""What is held of the code's shape, and the measure itself; other figures are there to be looked at."""

from __future__ import annotations

from pathlib import Path

from bench.shape.figures import Shape
from bench.shape.imports import circles, import_graph
from bench.shape.repeats import RUN
from bench.shape.source import read_package
from bench.shape.tables import spec_tables

OURS = Path(__file__).parents[2] / "src" / "skerry"


def test_ours_has_no_circle_of_imports_and_nothing_written_twice() -> None:
    ours = Shape(OURS)
    assert ours.circles == []
    assert ours.repeats == []
    assert spec_tables(ours.modules) == ["skerry.model.specs"]


def package(folder: Path, **modules: str) -> Path:
    root = folder / "pkg"
    for name, text in modules.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_circle_is_seen_through_relative_and_typing_imports(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        __init__="",
        a="from .b import x\n",
        b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.c import y\n",
        c="import pkg.a\n",
        d="from . import a\n",
    )
    assert circles(import_graph(read_package(root))) == [["pkg.a", "pkg.b", "pkg.c"]]


def test_a_run_that_stands_twice_is_named_once_and_docstrings_do_not_count(tmp_path: Path) -> None:
    run = "".join(f"    value_{n} = {n}\n" for n in range(RUN + 2))
    root = package(
        tmp_path, a=f"def f() -> None:\n{run}", b=f"class C:\n  def g(self) -> None:\n    '''x'''\n{run}"
    )
    assert Shape(root).repeats == [(("pkg.a", 2), ("pkg.b", 4))]


def test_names_are_counted_where_they_are_bound(tmp_path: Path) -> None:
    root = package(tmp_path, a="def f(one: int) -> int:\n    found = one\n    return found + one\n")
    assert dict(Shape(root).dialect) == {"one": 1, "found": 1}


def test_a_private_function_that_is_named_once(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        a="def _f() -> None: ...\ndef _g() -> None: ...\ndef h() -> None:\n    _f()\n    _g()\n    _g()\n",
    )
    assert Shape(root).used_once == ["pkg.a._f"]
