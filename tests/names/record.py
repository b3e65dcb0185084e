"""Records what a genuine Swarm answers: `python -m tests.names.record [STACK …]`, some minutes.

Everything is asked until two times in a row the answers are the same: a swarm tells its nodes of names a
while after a task runs.
"""

from __future__ import annotations

import json
import sys
import time

from demo.ending import end_in_order
from tests.names import answers
from tests.names.programs import RESOLVERS
from tests.names.stacks import Stack, stacks
from tests.names.swarm import Answers, Swarm, genuine_names

TRIES = 6
PAUSE_S = 2.0


def main() -> None:
    """Record the stacks that are named, or all, and keep the rest."""
    end_in_order()
    kept = json.loads(answers.RECORDED.read_text()) if answers.RECORDED.exists() else {}
    with genuine_names() as swarm:
        for stack in stacks(*sys.argv[1:]):
            kept[stack.name] = answers.table(steady(swarm, stack))
            answers.write(kept)
            print(f"{stack.name}: {len(stack.questions)} questions", flush=True)


def steady(swarm: Swarm, stack: Stack) -> Answers:
    """The answers about a stack, once they do not change any more. RuntimeError if they always do."""
    with swarm.deployed(stack) as symbols:
        former: Answers = {}
        for _ in range(TRIES):
            time.sleep(PAUSE_S)
            rows = swarm.ask(stack, symbols, list(RESOLVERS))
            changed = [question for question in rows if rows[question] != former.get(question)]
            if not changed:
                return rows
            former = rows
    raise RuntimeError(f"{stack.name}: the answers change: {changed[:5]}")


if __name__ == "__main__":
    main()
