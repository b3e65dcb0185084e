"""`python -m tests.names [STACK …]` (`make names`): the same questions, asked of skerry.

Exits 1 if an answer is another than Swarm's and not on purpose, or if something was recorded or explained for
nothing.
"""

from __future__ import annotations

import sys

from demo.ending import end_in_order
from tests.names.answers import unasked
from tests.names.compare import compare
from tests.names.programs import RESOLVERS
from tests.names.stacks import stacks
from tests.names.swarm import skerry_names


def main() -> int:
    """Ask; 0 where every answer is as it should be."""
    end_in_order()
    asked, whole = stacks(*sys.argv[1:]), len(sys.argv) == 1
    with skerry_names() as swarm:
        left, needless = compare(swarm, asked, list(RESOLVERS))
    useless = [f"deliberate for nothing: {entry}" for entry in needless] if whole else []
    useless += [f"recorded for nothing: {text}" for text in unasked()]
    print(*useless, sep="\n" if useless else "")
    count = sum(len(stack.questions) for stack in asked)
    print(f"names: questions={count} resolvers={len(RESOLVERS)} differences={len(left)}")
    return 1 if left or useless else 0


if __name__ == "__main__":
    sys.exit(main())
