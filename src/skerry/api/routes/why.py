"""`skerry why`: what keeps a stack, a service or a task from being as it is wished."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from skerry.api.call import Call
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.control.access import require_swarm
from skerry.control.scope.disclosure import sees
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.control.subjects import Stack, subject, tasks_of
from skerry.core.why.answer import Scene, of_service, of_stack, of_task
from skerry.core.why.cause import Explanation
from skerry.model.facts import Facts
from skerry.model.objects import Service


async def why(call: Call) -> web.Response:
    """The causes, the most probable first, each with its evidence and advice."""
    require_swarm(call.view)
    view = call.view
    target = subject(view, call.ref)

    def seen_by_caller(service: Service) -> bool:
        return sees(call.role, view, service)

    facts_of: dict[str, Facts] = {}
    for task in tasks_of(view, [target]):
        if not task.status.state.terminal and (facts := await call.deps.facts(task.id)) is not None:
            facts_of[task.id] = facts
    scene = Scene(view, call.deps.clock(), facts_of, call.deps.about().get("conditions", ()), seen_by_caller)
    answer: Explanation
    match target:
        case Stack(name=name, services=services):
            answer = of_stack(scene, filter(seen_by_caller, services), name)
        case Service():
            answer = of_service(scene, target)
        case _:
            answer = of_task(scene, target)
    return json_response(dataclasses.asdict(answer))


ROUTES: Table = [Route("GET", "/skerry/why/{ref}", why, access=of("subject", Deploy.SEE))]
