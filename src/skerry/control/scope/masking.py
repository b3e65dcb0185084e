"""What looks secret in JSON is hidden from who may see everything else."""

from __future__ import annotations

import re
from typing import Any

from skerry.model.objects import Raw

HIDDEN = "********"
_SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|key|cred|auth|private|salt|cookie|session|signature|dsn|webhook|license",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN|^eyJ[\w-]+\.|^(gh[opsu]_|glpat-|xox[a-z]-|sk-|AKIA)|password=",
    re.IGNORECASE,
)
_VARIABLES = ("Env", "EnvVars", "env")


def masked(value: Any) -> Any:
    """JSON without the values of variables that look secret, wherever they stand, and without the text of a
    compose file, into which they are filled."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if {"Path", "Old", "New"} <= value.keys():
        return _masked_field(value)
    return {key: _masked_item(key, item) for key, item in value.items()}


def _masked_item(key: str, item: Any) -> Any:
    if key in _VARIABLES and isinstance(item, list):
        return [masked_variable(str(line)) for line in item]
    if key == "Source" and isinstance(item, dict) and item.get("Text"):
        return {**item, "Text": HIDDEN}
    return masked(item)


def _masked_field(field: Raw) -> Raw:
    """A row of a plan: `ContainerSpec.Env[NAME]`, or all of them where a name stands there twice."""
    path = field["Path"]
    name = path.partition("Env[")[2].removesuffix("]")

    def told(value: Any) -> Any:
        if name and isinstance(value, str):
            return masked_variable(f"{name}={value}").removeprefix(f"{name}=")
        if path.endswith("Env") and isinstance(value, list):
            return [masked_variable(str(line)) for line in value]
        return masked(value)

    return {**field, "Old": told(field["Old"]), "New": told(field["New"])}


def masked_variable(line: str) -> str:
    """`NAME=value`, or `NAME=********` where either looks like a secret."""
    name, sign, value = line.partition("=")
    secret = _SECRET_NAME.search(name) or _SECRET_VALUE.search(value)
    return f"{name}={HIDDEN}" if sign and value and secret else line
