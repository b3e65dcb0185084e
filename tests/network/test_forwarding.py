"""The chain behind the user's, wherever the filter table has come from."""

from __future__ import annotations

import subprocess

import pytest

from skerry.network.forwarding import CHAIN, RULES, mend
from tests.network.conftest import Started
from tests.network.lab import BLUE, MACHINE, OUTSIDE, RED, Lab, get, sh, silent
from tests.network.town import ONE, traffic

OURS = [f"-N {CHAIN}", *(f"-A {CHAIN} {rule}" for rule in RULES)]
POLICIES = ["-P INPUT ACCEPT", "-P FORWARD DROP", "-P OUTPUT ACCEPT"]
TO_USERS, TO_OURS = "-A FORWARD -j DOCKER-USER", "-A FORWARD -j SKERRY-FORWARD"
ISOLATION = "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"
NEW_BRIDGE = "-A FORWARD -o br-1 -j DOCKER"
USERS_OWN = "-A FORWARD -i wg0 -j ACCEPT"
ENGINES = ["-N DOCKER", "-N DOCKER-USER", "-N DOCKER-ISOLATION-STAGE-1"]
FORMER = [f"-A DOCKER-USER {rule}" for rule in RULES]
DROP = "-A DOCKER-USER ! -s 192.0.2.9/32 -i eth0 -j DROP"

STATES = {
    "nothing yet": [],
    "an engine alone": [*ENGINES, TO_USERS, ISOLATION],
    "ours, no engine yet": [*OURS, USERS_OWN, TO_OURS],
    "as it shall be": [*ENGINES, *OURS, TO_USERS, TO_OURS, ISOLATION],
    "an engine that was started again": [*ENGINES, *OURS, TO_USERS, ISOLATION, TO_OURS],
    "an engine that made a network": [*ENGINES, *OURS, TO_USERS, ISOLATION, NEW_BRIDGE, TO_OURS],
    "an engine that was told of a reload": [*ENGINES, *OURS, ISOLATION, NEW_BRIDGE, TO_USERS, TO_OURS],
    "the user's chain last": [*ENGINES, *OURS, USERS_OWN, ISOLATION, TO_USERS],
    "above the user's chain": [*ENGINES, *OURS, TO_OURS, TO_USERS, ISOLATION],
    "twice": [*ENGINES, *OURS, TO_OURS, TO_USERS, TO_OURS, ISOLATION],
    "rules of the user's before all": [*ENGINES, *OURS, USERS_OWN, TO_USERS, ISOLATION, TO_OURS],
    "FORWARD flushed": [*ENGINES, *OURS],
    "the chain flushed": [*ENGINES, OURS[0], TO_USERS, TO_OURS, ISOLATION],
    "one rule gone": [*ENGINES, *OURS[:2], TO_USERS, TO_OURS, ISOLATION],
    "a former version's rules": [*ENGINES, *FORMER, DROP, "-A DOCKER-USER -j RETURN", TO_USERS, ISOLATION],
    "the user's rules": [*ENGINES, DROP, TO_USERS, ISOLATION],
}


@pytest.mark.engine
@pytest.mark.case("B11")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("state", STATES)
def test_ours_comes_right_behind_the_users(state: str) -> None:
    """Through the kernel's own tools: what is listed is what a namespace really has."""
    chains = [line for line in STATES[state] if line.startswith("-N")]
    rules = [line for line in STATES[state] if line.startswith("-A")]
    made = "".join(f"iptables {line}\n" for line in [*POLICIES, *chains, *rules])
    before = _in_namespace(f"set -e\n{made} iptables -S")
    change = mend(before)
    after = _in_namespace(f"set -e\n{made} iptables-restore --noflush <<'END'\n{change}END\niptables -S")
    assert mend(after) == ""
    hook = [line for line in after if line.startswith("-A FORWARD ")]
    assert hook.count(TO_OURS) == 1
    if "-N DOCKER-USER" in before:  # else nobody has rules there, and an engine that comes goes to the top
        assert hook[hook.index(TO_OURS) - 1] == TO_USERS
        assert hook.count(TO_USERS) == 1
        assert ISOLATION not in hook[: hook.index(TO_USERS)]
    assert not [line for line in after if line in FORMER]
    others = [line for line in before if line not in (TO_USERS, TO_OURS, *FORMER, *OURS)]
    assert [line for line in after if line in others] == others, "all else stays as it was"


def _in_namespace(script: str) -> list[str]:
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.engine
@pytest.mark.case("B11")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("ready", [True, False])
def test_what_the_user_drops_is_dropped_ready_or_not(town: Lab, started: Started, ready: bool) -> None:
    """The hold is behind the same chain: nothing is accepted for who may not come in."""

    async def body() -> None:
        async with started(RED, BLUE) as network:
            sh("iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER")
            await network.apply(traffic(*[ONE] if ready else []))
            assert not await silent(town.outside, MACHINE, 80, 5)
            sh("iptables -A DOCKER-USER -i out0 ! -s 192.0.2.77 -j DROP")
            assert await silent(town.outside, MACHINE, 80)
            sh(f"ip -n {town.outside} addr add 192.0.2.77/24 dev eth0; iptables -F DOCKER-USER")
            sh(f"iptables -A DOCKER-USER -i out0 -s {OUTSIDE} -m conntrack --ctorigdstport 80 -j DROP")
            assert await silent(town.outside, MACHINE, 80)
            sh("iptables -F DOCKER-USER")
            if ready:
                assert (await get(town.outside, MACHINE, 80)).split() == ["one", OUTSIDE]

    town.run(body)
