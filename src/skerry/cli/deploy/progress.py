"""How far a release has come: lines of the daemon's, and what they say of each service so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.model.objects import Raw

OVER = ("done", "failed", "rolled back", "stopped")


@dataclass
class ServiceProgress:
    """One service of a release. `since` is when it came to its phase (s, of the viewer's clock)."""

    name: str
    phase: str = ""
    ready: int = 0
    wanted: int = 0
    reason: str = ""
    began: float = 0.0
    ended: float | None = None

    def seconds(self, now: float) -> float:
        """How long it took, or has taken so far."""
        return (now if self.ended is None else self.ended) - self.began


@dataclass
class DeployProgress:
    """All services in the order in which they came; `outcome` is the last line once it is over."""

    services: dict[str, ServiceProgress] = field(default_factory=dict)
    outcome: Raw | None = None

    def apply(self, line: Raw, now: float) -> None:
        """Take in one line of the daemon's."""
        if "Release" in line:
            self.outcome = line
            return
        service = self.services.setdefault(line["Service"], ServiceProgress(line["Service"], began=now))
        if service.phase in ("", "waits") and line["Phase"] != "waits":
            service.began = now
        service.phase = line["Phase"]
        service.ready, service.wanted = line.get("Ready") or 0, line.get("Wanted") or 0
        service.reason = line.get("Reason") or ""
        service.ended = now if service.phase in OVER else None


def told(line: Raw) -> str:
    """A line for a log: `shop_app  starting  1/2  the check fails`."""
    words = [line["Service"], line["Phase"], f"{line.get('Ready') or 0}/{line.get('Wanted') or 0}"]
    return "  ".join([*words, *([line["Reason"]] if line.get("Reason") else [])])
