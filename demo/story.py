"""Tells the story: starts skerry, takes the steps under load, counts, cleans up."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo.ending import undisturbed
from demo.ground import sweep
from demo.leftovers import leftovers, processes
from demo.load import Load, Tally
from demo.settings import EXAMPLE, Settings, search_path
from demo.shell import Shell, StepFailed, say
from demo.table import Row, last_line, render
from demo.watch import Api, Rollout, wait_for

PURGES = 5
ENOUGH = 200
"""Requests that clients make at least within each step of a change."""


@dataclass
class Result:
    """How it went. `problems` is empty where every step did what it should and no request failed."""

    total: Tally
    rows: list[Row]
    times: dict[str, float]
    replaced: int
    """Tasks that were replaced under load."""
    problems: list[str]


@dataclass(frozen=True)
class Step:
    """One step. A change is watched by at least ENOUGH requests; `short` ones make the short form."""

    title: str
    take: Callable[[Story], None]
    change: bool = False
    short: bool = False


@dataclass
class Story:
    """What the steps share."""

    settings: Settings
    here: Shell
    """With the docker client's environment as the user has it: for skerry itself."""
    docker: Shell
    """With DOCKER_HOST at skerry's socket, in a copy of examples/story."""
    load: Load
    api: Api
    times: dict[str, float] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    """Versions of app so far, the one that shall be live now last."""
    replicas: int = 2
    replaced: int = 0

    @staticmethod
    def new(settings: Settings, place: Path) -> Story:
        """With a copy of the example in `place`."""
        env = {**os.environ, "PATH": search_path(), "PORT": str(settings.port), "PYTHONUNBUFFERED": "1"}
        example = place / "story"
        shutil.copytree(EXAMPLE, example)
        # docker-compose 1.29 and clients without buildx build by the engine's own builder
        own = {
            "DOCKER_HOST": f"unix://{settings.socket}",
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0",
        }
        unwanted = {"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}
        theirs = {name: value for name, value in env.items() if name not in unwanted}
        return Story(
            settings=settings,
            here=Shell(example, env),
            docker=Shell(example, {**theirs, **own}),
            load=Load(settings),
            api=Api(settings.socket),
        )

    def curl(self, path: str = "", options: str = "-s") -> str:
        """Ask the published port, as clients do, and show it."""
        inside = shlex.join(self.settings.inside)
        line = f"{inside} curl {options} --max-time 10 {self.settings.url}{path}"
        return self.docker.run(line.strip()).output

    def expect_version(self, version: str) -> None:
        """Every task of app must answer with this version: a good many requests, the first one shown."""
        expect(f"Version: {version}\n" in self.curl(), f"{version} answers")
        inside = shlex.join(self.settings.inside)
        many = f"for i in $(seq 8); do {inside} curl -s --max-time 10 {self.settings.url}; done"
        seen = {line for line in self.docker.ask(many).splitlines() if line.startswith("Version: ")}
        expect(seen == {f"Version: {version}"}, f"only version {version} answers, seen {sorted(seen)}")

    def rollout(self, service: str, replicas: int, *, replaces: bool = True) -> Rollout:
        """Watch a change of a service; use with `with`."""
        return Rollout(self.settings.socket, service, replicas, replaces=replaces)

    def settled(self, service: str, state: str = "completed") -> None:
        """Wait until the service's update has come to this end."""
        seen = ""

        def is_so() -> bool:
            nonlocal seen
            seen = self.api.update_state(service)
            return seen == state

        wait_for(is_so, f"the update of {service} is {state}", timeout=90)

    def soak(self, since: float) -> None:
        """Stay until clients have asked often enough within this step."""
        wait_for(lambda: len(self.load.between(since, time.monotonic())) >= ENOUGH, f"{ENOUGH} requests", 30)


def expect(truth: object, what: str) -> None:
    """Raise StepFailed where something that should be so is not."""
    if not truth:
        raise StepFailed(f"expected: {what}")


def run_story(settings: Settings, steps: Sequence[Step]) -> Result:
    """Start skerry, take the steps, stop it; print all and the table. Never raises for what goes wrong."""
    rows: list[Row] = []
    problems: list[str] = []
    place = Path(tempfile.mkdtemp(prefix="skerry-story-"))
    story = Story.new(settings, place)
    marks: list[tuple[Step, float, float]] = []
    try:
        wanted = [step for step in steps if step.short or not settings.short]
        problems += _take(story, wanted, marks)
    except KeyboardInterrupt:
        problems.append("interrupted")
    finally:
        with undisturbed():
            problems += _end(story)
            shutil.rmtree(place, ignore_errors=True)
    for step, start, end in marks:
        rows.append(Row(step.title, end - start, Tally.of(story.load.between(start, end)), step.change))
    total = Tally.of(story.load.all())
    problems += _judge(story, rows, total)
    say("\n" + render(rows) + "\n")
    for problem in problems:
        say(f"PROBLEM: {problem}")
    say(last_line(total, story.times))
    return Result(total, rows, story.times, story.replaced, problems)


def _take(story: Story, steps: Sequence[Step], marks: list[tuple[Step, float, float]]) -> list[str]:
    """Take the steps one after the other; stops at the first that fails, and says why."""
    for number, step in enumerate(steps, 1):
        say(f"\n=== {number}. {step.title} " + "=" * max(4, 90 - len(step.title)))
        start = time.monotonic()
        try:
            step.take(story)
            if step.change:
                story.soak(start)
        except Exception as error:  # noqa: BLE001 - whatever breaks a step, the story says so and ends
            marks.append((step, start, time.monotonic()))
            _explain(story)
            return [f"step {number}, {step.title}: {type(error).__name__}: {error}"]
        marks.append((step, start, time.monotonic()))
    return []


def _explain(story: Story) -> None:
    """Show what helps to understand a failure."""
    say("\n--- it failed; what there is to see:")
    for line in (
        "docker service ls",
        "docker ps -a",
        "for s in $(docker service ls -q); do docker service ps --no-trunc $s; done",
    ):
        story.docker.run(line, ok=None, timeout=20)
    story.here.run(story.settings.skerry("status"), ok=None, timeout=20)
    for log in sorted(story.settings.run_dir.glob("*.log")):
        story.here.run(f"tail -n 40 {log}", ok=None)


def _end(story: Story) -> list[str]:
    """Stop clients and skerry, whatever happened; returns what went wrong, leftovers included."""
    say("\n=== the end " + "=" * 80)
    problems: list[str] = []
    for stop in (story.load.stop, lambda: _purge(story)):
        try:
            stop()
        except (StepFailed, OSError) as error:
            problems.append(str(error))
    problems += [f"left behind: {thing}" for thing in leftovers(story.settings, story.here)]
    sweep(story.settings, story.here)
    return problems


def _purge(story: Story) -> None:
    """Take skerry down; once more where one that was just starting came up behind that."""
    for _ in range(PURGES):
        story.here.run(story.settings.skerry("down --purge --yes --volumes"))
        if not processes(story.settings):
            return


def _judge(story: Story, rows: list[Row], total: Tally) -> list[str]:
    """What the clients' figures say against the story."""
    problems = []
    if total.failed:
        problems.append(f"{total.failed} requests failed: {'; '.join(total.errors)}")
    bound = 2 * story.settings.pace.connections * story.replaced
    if total.reconnects > bound:
        problems.append(f"{total.reconnects} reconnects, more than {bound}")
    problems += [
        f"only {row.tally.requests} requests within: {row.title}"
        for row in rows
        if row.change and row.tally.requests < ENOUGH
    ]
    return problems
