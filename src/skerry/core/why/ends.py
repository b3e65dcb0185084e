"""Why a task ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from skerry.core.why.cause import Cause
from skerry.core.why.last_words import of_last_words
from skerry.core.why.refusals import of_refusal
from skerry.core.why.unready import of_check
from skerry.core.why.words import FIRST_OF_SIGNALS, MEANINGS, exit_words, quoted, signal_of, size, span
from skerry.model.facts import Facts
from skerry.model.hooks import FAILED
from skerry.model.objects import Task
from skerry.model.states import TaskState

OUT_OF_MEMORY = "out of memory"
UNHEALTHY = "unhealthy container"
NOT_STARTED = "starting container failed"
SIGKILL = 137


def of_end(task: Task, names: Collection[str]) -> Cause:
    """The cause of a task's end, with its last lines. `names` are those that containers can look up."""
    cause = _of_end(task, names)
    return replace(cause, log=task.facts.log) if task.facts is not None else cause


def _of_end(task: Task, names: Collection[str]) -> Cause:
    """From what is certain to what is likely: refused, unhealthy, out of memory, its own last words, its exit
    code."""
    facts, status = task.facts or Facts(), task.status
    if status.state == TaskState.REJECTED or NOT_STARTED in status.err:
        return _evicted(task) if task.evicted else _with_platform(of_refusal(task, facts), facts)
    if UNHEALTHY in status.err:
        return of_check(task, facts, over=True)
    how = _how(task, facts)
    if FAILED in status.err:
        return _of_hook(task, how)
    if facts.out_of_memory or OUT_OF_MEMORY in status.err:
        return _out_of_memory(task, facts, how)
    if status.exit_code or status.state == TaskState.FAILED:
        cause = of_last_words(facts.log, task.service_name, names)
        if cause is not None:
            return _with_platform(
                Cause(cause.kind, cause.sentence, (how, *cause.evidence), cause.advice), facts
            )
    return _by_code(task, facts, how)


def _of_hook(task: Task, how: str) -> Cause:
    """The hook that failed, in the words of the task's Err."""
    _, _, which = task.status.err.partition(f"{FAILED}: ")
    return Cause(
        "hook", f"its post_start hook failed: {which}", (how,), (f"skerry logs {task.service_name}",)
    )


def _how(task: Task, facts: Facts) -> str:
    began = facts.started_at or task.running_at
    after = f", {span(task.status.at - began)} after it was started" if began else ""
    return f"{exit_words(task.status.exit_code)}{after}"


def _with_platform(cause: Cause, facts: Facts) -> Cause:
    if cause.kind != "platform" or not facts.platform:
        return cause
    return cause.about("", f"the image is made for {facts.platform}")


def _evicted(task: Task) -> Cause:
    return Cause(
        "constraint",
        "the node does not suit it any more: its constraints are not met",
        (task.evicted,),
        (f"docker service inspect --pretty {task.service_name} shows the constraints",),
    )


def _out_of_memory(task: Task, facts: Facts, how: str) -> Cause:
    limits = task.spec.typed.resources.limits
    limit = limits.memory_bytes if limits is not None else 0
    if limit:
        sentence = f"it ran out of memory: it needed more than its limit of {size(limit)}"
        advice = f"give it more: docker service update --limit-memory {_doubled(limit)} {task.service_name}"
    else:
        sentence = "it ran out of memory: the machine had none left"
        advice = (
            "free -m shows what is left; limit what takes too much: docker service update --limit-memory …"
        )
    return Cause("oom", sentence, (how,), (advice,))


def _doubled(limit: int) -> str:
    return f"{max(1, 2 * limit >> 20)}m"


def _by_code(task: Task, facts: Facts, how: str) -> Cause:
    """What an exit code alone tells, where nothing else is known."""
    code = task.status.exit_code
    signal = signal_of(code)
    logs = f"skerry logs {task.service_name}"
    if code == SIGKILL:
        return Cause(
            "signal",
            "it was killed by SIGKILL, not by skerry and not for its memory",
            (how,),
            ("somebody on this machine did: journalctl --since -1h | grep -i kill",),
        )
    if signal:
        meaning = MEANINGS.get(code - FIRST_OF_SIGNALS, "")
        return Cause(
            "signal", f"it was ended by {signal}" + (f": {meaning}" if meaning else ""), (how,), (logs,)
        )
    if task.status.state == TaskState.COMPLETE or not code:
        return Cause(
            "finished",
            "its program ended by itself, without an error, though a service is to go on",
            (how,),
            ("it has to stay in the foreground; for one that ends, there are jobs: --mode replicated-job",),
        )
    last_words = f": {quoted(facts.log[-1])}" if facts.log else ", and said nothing"
    advice = (logs, "look at what it said last")
    return Cause(
        "exit", f"its program ended with {exit_words(code)}{_age(task, facts)}{last_words}", (how,), advice
    )


def _age(task: Task, facts: Facts) -> str:
    began = facts.started_at or task.running_at
    return f" after {span(task.status.at - began)}" if began else ""
