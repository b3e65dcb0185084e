"""What a release is made of is locked: every dependency by its version and by the hashes of its files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.M)


def locked(name: str) -> dict[str, str]:
    """Version by package of a lock file."""
    packages = PACKAGE.findall((CHECKOUT / name).read_text())
    return {package.lower(): version for package, version in packages}


def wanted(requirements: list[str]) -> dict[str, str]:
    pairs = (requirement.split("==") for requirement in requirements)
    return {package.lower(): version for package, version in pairs}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_dependency_is_locked_as_pyproject_has_it(name: str) -> None:
    declared = wanted(PROJECT["dependencies"])
    if "dev" in name:
        declared |= wanted(PROJECT["optional-dependencies"]["dev"])
    assert declared.items() <= locked(name).items(), "make lock"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_has_the_hashes_of_its_files(name: str) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", (CHECKOUT / name).read_text(), flags=re.M)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_tests_run_with_what_users_get() -> None:
    assert locked("requirements.txt").items() <= locked("requirements-dev.txt").items()


def test_the_builder_is_the_one_that_is_locked() -> None:
    build = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert wanted(build).items() <= locked("requirements-dev.txt").items()
