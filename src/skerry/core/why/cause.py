"""A cause in plain words, and the answer that is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Cause:
    """Why something is not as it is wished: `kind` is a word for programs, `sentence` for people."""

    kind: str
    sentence: str
    evidence: tuple[str, ...] = ()
    """What it is known by."""
    advice: tuple[str, ...] = ()
    """What to do, mostly commands."""
    log: tuple[str, ...] = ()
    """The last lines of the log of the task that it is known by."""
    of: str = ""
    """What it is about: `web.2`, `web`, or "" for the whole machine."""
    past: bool = False
    """It is over: what it is about is as it should be by now."""

    def about(self, name: str, *evidence: str) -> Cause:
        """The same as the cause of something, with more evidence."""
        return replace(self, of=name, evidence=(*self.evidence, *filter(None, evidence)))


@dataclass(frozen=True)
class Explanation:
    """What there is to say about a stack, a service or a task; the most probable cause first."""

    kind: str
    name: str
    state: str
    """How it stands, in words."""
    causes: tuple[Cause, ...] = ()
