"""The list of faults fits the core as it is, and a few of them, others at each change of it, are noticed."""

from __future__ import annotations

import hashlib
import random
from collections import Counter

import pytest

from tests.mutants.run import CHECKOUT, all_faults, broken, caught_by

CORE = sorted((CHECKOUT / "src" / "skerry" / "core").glob("[!_]*.py"))
FAULTS = all_faults()
DRAW = hashlib.sha256(b"".join(path.read_bytes() for path in CORE)).hexdigest()


def test_each_fault_applies_and_is_python() -> None:
    for fault in FAULTS:
        compile(broken(fault), fault.module, "exec")


def test_each_module_of_the_core_has_at_least_three() -> None:
    counted = Counter(fault.module for fault in FAULTS if "/" not in fault.module)
    assert counted.keys() == {path.stem for path in CORE}
    assert min(counted.values()) >= 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", random.Random(DRAW).sample(FAULTS, 6), ids=lambda fault: fault.what)
def test_a_fault_is_noticed(fault: object) -> None:
    assert caught_by(fault, seeds=20)  # type: ignore[arg-type]
