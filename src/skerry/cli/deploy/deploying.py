"""`skerry deploy`: from a file to a stack that runs, or to the reason why it does not.

What shows a plan, and how it goes, is loaded when there is one: what changes nothing is over sooner.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click

from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.compose import program
from skerry.cli.compose.program import ComposeFailed, ComposeProgram
from skerry.cli.compose.project import ProjectRequest, read
from skerry.cli.compose.refusal import Refusals
from skerry.cli.compose.stack_request import StackRequest, translate
from skerry.cli.deploy import codes, credentials
from skerry.cli.deploy.build import BuildFailed, build
from skerry.cli.deploy.follow import TimedOut, follow
from skerry.cli.deploy.pins import pin
from skerry.cli.home import connect, endless
from skerry.cli.printable import on_one_line
from skerry.model.objects import Raw
from skerry.model.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class DeployRequest:
    """What the user wants. `timeout` is how long it may take (s)."""

    project: ProjectRequest
    build: bool = False
    only_plan: bool = False
    atomic: bool = True
    prune: bool = False
    detach: bool = False
    as_json: bool = False
    timeout: float = 600.0
    message: str = ""
    registry_auth: bool = True
    """Whether the user's credentials for the images' registries are sent along."""


@dataclass(frozen=True)
class Deployment:
    """One run of the command: whom it asks, and where it writes."""

    settings: Settings
    api: DockerClient
    as_json: bool
    timeout: float

    @cached_property
    def console(self) -> Console:
        """The terminal, or what stands in its place."""
        from rich.console import Console

        return Console()

    def say(self, text: str) -> None:
        """A line for people, where JSON is not asked for."""
        if not self.as_json:
            click.echo(text)

    def emit(self, value: Raw) -> None:
        """A line for programs, where that is asked for."""
        if self.as_json:
            click.echo(json.dumps(value))

    def complain(self, sentences: Iterable[str], word: str = "Error") -> None:
        """To standard error, each on a line."""
        for sentence in sentences:
            for line in sentence.splitlines():
                click.echo(f"{word}: {on_one_line(line)}", err=True)


def deploy(settings: Settings, request: DeployRequest) -> int:
    """Deploy; the exit code."""
    run = begin(settings, as_json=request.as_json, timeout=request.timeout)
    try:
        compose = program.find()
        stack = _read(run, compose, request)
        if request.build and not request.only_plan and stack.builds:
            run.say(f"building {', '.join(stack.builds)}")
            build(compose, request.project, stack.builds, settings, quiet=request.as_json)
    except (ComposeFailed, BuildFailed) as error:
        run.complain([str(error)])
        return codes.INVALID
    except Refusals as error:
        run.complain(error.sentences)
        return codes.INVALID
    auths = _auths(run, stack) if request.registry_auth else {}
    pin(run.api, stack, auths)
    return _submit(run, stack, request, auths)


def _auths(run: Deployment, stack: StackRequest) -> dict[str, Raw]:
    """The credentials that the user has for the registries of the stack's images."""

    def warn(sentence: str) -> None:
        run.complain([sentence], "Warning")

    built = {f"{stack.name}_{name}" for name in stack.builds}
    specs = (spec for spec in stack.body["Services"] if spec["Name"] not in built)
    try:
        file = credentials.load()
    except credentials.Unreadable as error:
        warn(f"no credentials for registries: {error}")
        return {}
    return credentials.gathered(
        file, (spec["TaskTemplate"]["ContainerSpec"]["Image"] for spec in specs), warn
    )


def begin(settings: Settings, *, as_json: bool, timeout: float) -> Deployment:
    return Deployment(settings, connect(settings), as_json, timeout)


def _read(run: Deployment, compose: ComposeProgram, request: DeployRequest) -> StackRequest:
    project = read(compose, request.project)
    run.complain(project.warnings, "Warning")
    stack = translate(project, build=request.build)
    run.complain(stack.notices, "Note")
    return stack


def _submit(run: Deployment, stack: StackRequest, request: DeployRequest, auths: Mapping[str, Raw]) -> int:
    """Send the stack, and show what becomes of it. The exit code tells a file that is wrong from a swarm that
    refuses or is away."""
    options = {"plan": request.only_plan, "atomic": request.atomic, "prune": request.prune}
    query = urlencode({name: str(value).lower() for name, value in options.items()})
    body = {**stack.body, **({"Message": request.message} if request.message else {})}
    headers = {"X-Registry-Config": credentials.header({**auths})} if auths else {}
    with refusals(run):
        answer = run.api.post(f"/skerry/stacks/{quote(stack.name)}?{query}", body, headers)
    run.complain(answer.get("Warnings") or [], "Warning")
    return shown(
        run, stack.name, answer, "what the file says", only_plan=request.only_plan, detach=request.detach
    )


@contextmanager
def refusals(run: Deployment) -> Iterator[None]:
    """Say what skerry refuses, and why it can't be reached, and end with the exit code. Raises SystemExit."""
    try:
        yield
    except Refused as error:
        run.complain([str(error)])
        raise SystemExit(codes.INVALID if error.status in (400, 404, 409) else codes.REFUSED) from error
    except Unreachable as error:
        run.complain([str(error)])
        raise SystemExit(codes.REFUSED) from error


def shown(run: Deployment, stack: str, answer: Raw, wanted: str, *, only_plan: bool, detach: bool) -> int:
    """Show what is done, or would be, to have the stack as it is `wanted`, and see it through; the exit
    code."""
    run.emit({"Stack": stack, **answer})
    if not answer["Changed"]:
        run.say(f"{stack}: nothing to do, release {answer['Release']} is {wanted}")
        return codes.DONE
    from skerry.cli.deploy import plan_view

    if not run.as_json:
        for line in plan_view.lines(answer["Plan"]):
            run.console.print(line, soft_wrap=True)
    words = "would be made" if only_plan else "begins"
    run.say(f"{stack}: {plan_view.summary(answer['Plan'])}; release {answer['Release']} {words}")
    if only_plan:
        return codes.CHANGES
    return codes.DONE if detach else watch(run, stack, int(answer["Release"]))


def attach(settings: Settings, stack: str, *, as_json: bool, timeout: float) -> int:
    """Watch the release of a stack that is under way, or see how the last one ended; the exit code."""
    run = begin(settings, as_json=as_json, timeout=timeout)
    try:
        release = int(run.api.get(f"/skerry/stacks/{quote(stack)}")["Release"])
    except (Refused, Unreachable) as error:
        run.complain([str(error)])
        return codes.REFUSED
    if not release:
        run.complain([f"stack {stack} was deployed service by service: there is no release of it to follow"])
        return codes.REFUSED
    return watch(run, stack, release)


def watch(run: Deployment, stack: str, release: int) -> int:
    """Follow a release to its end; the exit code."""
    path = f"/skerry/stacks/{quote(stack)}/progress?release={release}"
    return watch_path(run, stack, f"release {release}", path, f"skerry deploy --follow {stack}")


def watch_path(run: Deployment, name: str, what: str, path: str, again: str) -> int:
    """Follow what a path tells of a stack or service to its end; the exit code. `again` is the command that
    shows how it goes on."""
    from skerry.cli.deploy.views import view_of

    lines = endless(run.settings)
    view = view_of(run.console, as_json=run.as_json)
    again = f"it goes on; to see how: {again}"
    try:
        outcome = follow(lines, path, view, run.timeout)
    except TimedOut:
        run.complain([f"{name}: {what} is not over after {run.timeout:g} s; {again}"])
        return codes.TIMED_OUT
    except KeyboardInterrupt:
        run.complain([f"{name}: no longer watched; {again}"], "\nInterrupted")
        return codes.INTERRUPTED
    except (Refused, Unreachable) as error:
        run.complain([str(error)])
        return codes.REFUSED
    return _ended(run, f"{name}: {what}", outcome)


def _ended(run: Deployment, subject: str, outcome: Raw) -> int:
    """Say how it ended; where it failed, with the reason and what the task said last."""
    state = str(outcome["State"])
    code = codes.OF_STATE.get(state, codes.FAILED)
    words = f"{subject} {state}"
    if code == codes.DONE:
        run.say(words)
        return code
    reason = outcome.get("Reason") or ""
    run.complain([f"{words}: {reason}" if reason else words])
    if (failed := outcome.get("Failed")) and not run.as_json:
        click.echo(
            f"  {failed.get('Service', '')}, task {failed.get('Task', '')}: {failed.get('Message', '')}",
            err=True,
        )
        for line in failed.get("Log") or []:
            click.echo(f"  | {on_one_line(line)}", err=True)
    return code


def standard_input(files: Iterable[str]) -> str | None:
    """What is there to read, where a file is called `-`."""
    return sys.stdin.read() if "-" in files else None
