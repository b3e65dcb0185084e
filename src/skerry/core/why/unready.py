"""Why a task is not ready: its check does not pass, or it does not listen where it is asked."""

from __future__ import annotations

import re

from skerry.core.why.cause import Cause
from skerry.core.why.words import enumerated, places, quoted, span
from skerry.model.facts import Facts, LastProbe
from skerry.model.listening import ListeningSocket
from skerry.model.objects import Task

REFUSED = re.compile(
    r"refused|can't connect|failed to connect|could ?n.t connect|exit code 7\b", re.IGNORECASE
)
LATE = "exceeded timeout"
NOT_THERE = re.compile(r"not found|no such file", re.IGNORECASE)
CURL_REFUSED = 7


def of_check(task: Task, facts: Facts, *, over: bool, now: int = 0) -> Cause:
    """Why the check of a task does not pass: a task that ended of it (`over`), or one that still has time."""
    probe = facts.probe
    if probe is None:
        return Cause("unhealthy", "its health check did not pass", (), (_inspect(task),))
    began = "it was healthy, and then " if task.running_at else "it never got ready: "
    if not over:
        began = "it is not ready yet: "
    cause = _asked_elsewhere(probe, facts.listeners) or _failing(probe)
    evidence = [f"the check: {probe.asked}", f"it answered {_answer(probe)}"]
    if probe.failures > 1:
        evidence.append(f"{probe.failures} failures in a row")
    if facts.listeners is not None:
        evidence.append(
            f"it listens on {places(facts.listeners)}" if facts.listeners else "nothing listens in it"
        )
    if not over and probe.patience:
        left = facts.started_at + probe.patience - now
        evidence.append(
            f"a failure counts from {span(probe.patience)} after its start on"
            + (f", in {span(left)}" if left > 0 else "")
        )
    kind = "slow" if not over and cause.kind == "unhealthy" else cause.kind
    return Cause(kind, f"{began}{cause.sentence}", tuple(evidence), cause.advice or (_inspect(task),))


def _inspect(task: Task) -> str:
    return f"docker inspect --format '{{{{json .State.Health}}}}' {task.name}"


def _answer(probe: LastProbe) -> str:
    output = quoted(probe.output) if probe.output else "nothing"
    return f"{output}, exit code {probe.exit_code}, after {span(probe.took)}"


def _asked_elsewhere(probe: LastProbe, listeners: tuple[ListeningSocket, ...] | None) -> Cause | None:
    """Whether the check asks where nothing listens, which is the commonest mistake."""
    if listeners is None or not probe.port or LATE in probe.output or _is_missing(probe):
        return None
    here = [listener for listener in listeners if listener.port == probe.port]
    if here and any(listener.outward or listener.address.startswith("127.") for listener in here):
        return None
    if here:
        return Cause("loopback", f"it listens on {places(here)} only, where its check does not ask")
    if not listeners:
        return Cause(
            "silent",
            f"its check asks port {probe.port}, and nothing listens in it",
            advice=("its program may still be starting, or wait for something: look at its log",),
        )
    return Cause(
        "wrong-port",
        f"its check asks port {probe.port}, and it listens on {places(listeners)}",
        advice=(
            "have the program listen there, or the check ask where it listens: docker service update "
            "--health-cmd …",
        ),
    )


def _failing(probe: LastProbe) -> Cause:
    """Why a check fails, by what came back: no answer in time, no such command, nobody at the port, or its
    own verdict."""
    if LATE in probe.output:
        return Cause(
            "late",
            f"its check got no answer in time ({span(probe.took)})",
            advice=("its program hangs or is overloaded; more time: --health-timeout",),
        )
    if _is_missing(probe):
        return Cause(
            "check-missing",
            "the command of its health check is not in the image",
            advice=("use a command that is there, or skerry's own probe: label skerry.probe",),
        )
    if REFUSED.search(probe.output) or (probe.exit_code == CURL_REFUSED and "curl" in probe.asked):
        where = f" on {probe.port}" if probe.port else ""
        return Cause("unhealthy", f"its check found nobody: connection refused{where}")
    output = f" and says {quoted(probe.output)}" if probe.output else ""
    return Cause("unhealthy", f"its check fails with exit code {probe.exit_code}{output}")


def _is_missing(probe: LastProbe) -> bool:
    """Whether there is no such command in the container."""
    return probe.exit_code in (126, 127) or (
        probe.exit_code == -1 and NOT_THERE.search(probe.output) is not None
    )


def of_silence(task: Task, facts: Facts) -> Cause | None:
    """Why a task that runs, and has no check, gets nobody's connections: it does not listen where it
    should."""
    err = task.status.err
    if "listens" not in err and "loopback" not in err:
        return None
    wanted = tuple(re.findall(r"\d+/(?:tcp|udp)", err))
    ports = {int(text.partition("/")[0]) for text in wanted}
    target = enumerated(wanted) or "any port"
    listeners = facts.listeners
    if not listeners:
        return Cause(
            "silent",
            f"it runs, and nothing listens in it; clients are sent to {target}",
            (err,),
            (f"skerry logs {task.service_name}",),
        )
    inward = [listener for listener in listeners if listener.port in ports and not listener.outward]
    if inward:
        return Cause(
            "loopback",
            f"it listens on {places(inward)} only, where nobody else reaches it",
            (err,),
            (f"have the program listen on 0.0.0.0:{inward[0].port}",),
        )
    return Cause(
        "wrong-port",
        f"it listens on {places(listeners)}, and clients are sent to {target}",
        (err,),
        (
            f"publish the port that it listens on: docker service update --publish-rm … --publish-add … "
            f"{task.service_name}, or say it with the label skerry.ready.ports",
        ),
    )
