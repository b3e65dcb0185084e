"""Which services wait for which: the label that the order of a release is decided by."""

from __future__ import annotations

from skerry.model.labels import DEPENDS_ON
from skerry.model.objects import Raw

CONDITIONS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


def label(depends_on: Raw) -> dict[str, str]:
    """`db:healthy, cache:started?!`: `?` where it need not be there, `!` where it is restarted with it.

    Compose has added what links ask for.
    """
    entries = {name: _entry(name, entry or {}) for name, entry in sorted(depends_on.items())}
    return {DEPENDS_ON: ", ".join(entries.values())} if entries else {}


def _entry(name: str, entry: Raw) -> str:
    condition = CONDITIONS[entry.get("condition") or "service_started"]
    optional = "?" if entry.get("required") is False else ""
    return f"{name}:{condition}{optional}{'!' if entry.get('restart') else ''}"


def completed(services: Raw) -> set[str]:
    """The services that another one waits for to complete: they are jobs, whatever they say of themselves."""
    return {
        name
        for service in services.values()
        for name, entry in (service.get("depends_on") or {}).items()
        if (entry or {}).get("condition") == "service_completed_successfully"
    }
