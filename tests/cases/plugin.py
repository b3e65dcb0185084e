"""The marks `case` and `slow`: what `make cases` counts, and what only runs there."""

from __future__ import annotations

import pytest

from demo.ending import end_in_order
from demo.patience import PATIENCE

CASE = "case"


def pytest_addoption(parser: pytest.Parser) -> None:
    """--slow runs what takes long, too."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_configure() -> None:
    """A run that is ended by a signal takes its machines down, as one that is ended by Ctrl-C."""
    end_in_order()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Be patient with all; leave the slow ones out unless they are asked for.

    Their kinds go with the reports, which may come from another process.
    """
    for item in items:
        item.user_properties += [(CASE, mark.args[0]) for mark in item.iter_markers(CASE)]
        bound = item.get_closest_marker("timeout")
        if bound is not None and bound.args:
            item.add_marker(pytest.mark.timeout(PATIENCE * bound.args[0]), append=False)
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


class Tally:
    """Counts the inputs and kinds of a run, and which of them failed."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.inputs: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Every test is an input; the first argument of its mark is the kind.

        It fails in its setup, its call or its end; one that is skipped has shown nothing.
        """
        self.inputs.add(report.nodeid)
        self.kinds |= {str(kind) for name, kind in report.user_properties if name == CASE}
        if report.failed or report.skipped:
            self.failed.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that can't be read holds inputs that were not tried."""
        if report.failed:
            self.failed.add(report.nodeid)

    @property
    def line(self) -> str:
        """The sum."""
        return f"cases: inputs={len(self.inputs)} kinds={len(self.kinds)} failed={len(self.failed)}"
