"""`skerry stop` and `skerry start`: stacks and services come to rest, and run again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.cli.client import Refused, Unreachable
from skerry.cli.deploy import codes, deploying
from skerry.cli.deploy.deploying import Deployment
from skerry.cli.deploy.subjects import Subject, subject
from skerry.model.settings import Settings

ALREADY = {"stop": "is stopped already", "start": "is not stopped"}
BEGUN = {"stop": "stops", "start": "starts"}


@dataclass(frozen=True)
class HaltRequest:
    """What the user wants. `timeout` is how long each place may take (s)."""

    places: tuple[str, ...]
    detach: bool
    as_json: bool
    timeout: float


def stop(settings: Settings, request: HaltRequest) -> int:
    """Stop stacks or services; the exit code, which is that of the first that did not stop."""
    return _halt(settings, "stop", request)


def start(settings: Settings, request: HaltRequest) -> int:
    """Start them again; the same."""
    return _halt(settings, "start", request)


def _halt(settings: Settings, verb: str, request: HaltRequest) -> int:
    """All are told first, so that those of one stack go and come in its order."""
    run = deploying.begin(settings, as_json=request.as_json, timeout=request.timeout)
    try:
        subjects = [subject(run.api, place, released=False) for place in request.places]
        for chosen in subjects:
            _tell(run, verb, chosen)
    except (Refused, Unreachable) as error:
        run.complain([str(error)])
        return codes.REFUSED
    if request.detach:
        return codes.DONE
    return _first(_watch(run, verb, chosen) for chosen in subjects)


def _tell(run: Deployment, verb: str, chosen: Subject) -> None:
    """Have it stop or start. Where somebody else has done that already, it may still be on its way."""
    answer = run.api.post(f"{chosen.path}/{verb}")
    run.emit({"Name": chosen.name, **answer})
    if not answer["Services"]:
        run.say(f"{chosen.name}: nothing to do, it {ALREADY[verb]}")
    for name in answer["Services"]:
        run.say(f"{name}: {BEGUN[verb]}")


def _watch(run: Deployment, verb: str, chosen: Subject) -> int:
    path = f"{chosen.path}/progress?of={verb}"
    stack = chosen.name if chosen.is_stack else ""
    return deploying.watch_path(run, chosen.name, verb, path, f"skerry ps {stack}".rstrip())


def _first(results: Iterable[int]) -> int:
    """The first exit code that is not 0; after one that tells of an interruption nothing more is watched."""
    first = codes.DONE
    for code in results:
        first = first or code
        if code == codes.INTERRUPTED:
            break
    return first
