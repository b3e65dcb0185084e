"""`skerry rollback`: a stack or a service is made again what it was."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from skerry.cli.deploy import codes, deploying, plan_view
from skerry.cli.deploy.deploying import Deployment
from skerry.cli.deploy.subjects import Subject, subject
from skerry.model.objects import Raw
from skerry.model.settings import Settings


@dataclass(frozen=True)
class RollbackRequest:
    """What the user wants. `timeout` is how long it may take (s)."""

    to: int | None
    only_plan: bool
    atomic: bool
    detach: bool
    as_json: bool
    timeout: float


def roll_back(settings: Settings, name: str, request: RollbackRequest) -> int:
    """Go back; the exit code."""
    run = deploying.begin(settings, as_json=request.as_json, timeout=request.timeout)
    with deploying.refusals(run):
        chosen = subject(run.api, name)
        answer = run.api.post(f"{chosen.path}/rollback?{_query(chosen, request)}")
    run.complain(answer.get("Warnings") or [], "Warning")
    if not chosen.is_stack:
        return _service(run, chosen, answer, request)
    wanted = "what it would go back to"
    return deploying.shown(
        run, chosen.name, answer, wanted, only_plan=request.only_plan, detach=request.detach
    )


def _query(chosen: Subject, request: RollbackRequest) -> str:
    options = {"plan": str(request.only_plan).lower()}
    if chosen.is_stack:
        options["atomic"] = str(request.atomic).lower()
    return urlencode({**options, **({"to": request.to} if request.to is not None else {})})


def _service(run: Deployment, chosen: Subject, answer: Raw, request: RollbackRequest) -> int:
    """Show what going back changes of a service, and see it through; the exit code."""
    run.emit(answer)
    if not answer["Changed"]:
        run.say(f"{chosen.name}: nothing to do, it is what it was in revision {answer['To']}")
        return codes.DONE
    if not run.as_json:
        for field in answer["Fields"]:
            run.console.print(plan_view.field_line(field), soft_wrap=True)
    what = f"revision {answer['Revision']}"
    words = "would be made" if request.only_plan else "begins"
    run.say(f"{chosen.name}: back to what revision {answer['To']} was; {what} {words}")
    if request.only_plan:
        return codes.CHANGES
    if request.detach:
        return codes.DONE
    path = f"{chosen.path}/progress?revision={answer['Revision']}"
    return deploying.watch_path(run, chosen.name, what, path, f"skerry history {chosen.name}")
