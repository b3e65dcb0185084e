"""What a connection is doing, from samples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skerry.linux.inet_diag import CLOSE_WAIT, ESTABLISHED, SYN_RECV, TcpConnection
from skerry.network.inflight import DrainAction, Watched, holds, in_flight, judge
from skerry.network.talk import Talk

IDLE = TcpConnection(
    state=ESTABLISHED, local="10.0.1.2", port=80, peer="10.0.1.9", peer_port=40000,
    unread=0, unacked=0, sent_ago=5000, heard_ago=5004, sent=200, heard=100,
)  # fmt: skip
ASKED = replace(IDLE, sent_ago=5000, heard_ago=8)
STILL = replace(ASKED, heard_ago=400)
TIED = replace(IDLE, sent_ago=20, heard_ago=20)
FRESH = replace(IDLE, sent=0, heard=0, sent_ago=12, heard_ago=12)
MUTE = replace(FRESH, sent_ago=1500, heard_ago=1500)


@pytest.mark.parametrize(
    ("connection", "asked", "refused", "busy"),
    [
        (IDLE, None, 0, False),
        (ASKED, None, 0, True),
        (replace(IDLE, unread=1), None, 0, True),
        (replace(IDLE, unacked=1), None, 0, True),
        (replace(IDLE, unacked=1), None, 1, False),
        (replace(ASKED, state=CLOSE_WAIT), None, 0, True),
        (replace(FRESH, state=SYN_RECV), None, 0, True),
        (FRESH, None, 0, True),
        (replace(FRESH, sent_ago=1200, heard_ago=1200), None, 0, False),
        (TIED, True, 0, True),
        (TIED, False, 0, False),
        (TIED, None, 0, True),
        (replace(TIED, sent_ago=1000, heard_ago=1000), None, 0, False),
        (replace(TIED, sent_ago=3000, heard_ago=3000), True, 0, True),
    ],
)
def test_in_flight(connection: TcpConnection, asked: bool | None, refused: int, busy: bool) -> None:
    assert in_flight(connection, asked, refused) is busy


def watched(seen: TcpConnection, shielded: bool = True, exempt: bool = False) -> Watched:
    return Watched(seen, shielded=shielded, exempt=exempt)


@pytest.mark.parametrize(
    ("now", "before", "refused", "action"),
    [
        # idle: shielded first, closed when it stays so with the shield up
        (IDLE, None, 0, DrainAction.SHIELD),
        (IDLE, watched(IDLE, shielded=False), 0, DrainAction.SHIELD),
        (IDLE, watched(IDLE), 0, DrainAction.CLOSE),
        # something moved between the samples
        (IDLE, watched(replace(IDLE, heard=90)), 0, DrainAction.WAIT),
        (IDLE, watched(replace(IDLE, sent=150)), 0, DrainAction.WAIT),
        # an answer may pause, unless the client has gone on to its next request
        (replace(IDLE, sent_ago=300), watched(replace(IDLE, sent_ago=288)), 0, DrainAction.WAIT),
        (replace(IDLE, sent_ago=300), watched(replace(IDLE, sent_ago=288)), 1, DrainAction.CLOSE),
        # in flight
        (ASKED, None, 0, DrainAction.WAIT),
        (ASKED, watched(ASKED, shielded=False), 0, DrainAction.SHIELD),
        (ASKED, watched(replace(ASKED, heard=50), shielded=False), 0, DrainAction.WAIT),
        (ASKED, watched(replace(ASKED, heard=50, sent=100), shielded=False), 0, DrainAction.SHIELD),
        (ASKED, watched(ASKED), 0, DrainAction.WAIT),
        # long silent in mid-request: it may be about to repeat what another shield took
        (STILL, watched(replace(STILL, heard_ago=388), shielded=False), 0, DrainAction.WAIT),
        (replace(STILL, sent=300), watched(STILL, shielded=False), 0, DrainAction.SHIELD),
        # the shield hit a request that comes in pieces
        (ASKED, watched(ASKED), 1, DrainAction.UNSHIELD),
        (ASKED, watched(ASKED, shielded=False, exempt=True), 0, DrainAction.WAIT),
        # nothing said yet: never shielded, closed only when it is old
        (FRESH, watched(FRESH, shielded=False), 0, DrainAction.WAIT),
        (MUTE, None, 0, DrainAction.SHIELD),
        (MUTE, watched(MUTE), 0, DrainAction.CLOSE),
        # but what the shield hit were its first words, which it says again
        (MUTE, watched(MUTE), 1, DrainAction.UNSHIELD),
        (MUTE, watched(MUTE, shielded=False, exempt=True), 0, DrainAction.WAIT),
    ],
)
def test_judge(now: TcpConnection, before: Watched | None, refused: int, action: DrainAction) -> None:
    assert judge(now, before, None, refused)[1] is action


def test_an_exempt_connection_is_shielded_again_once_it_was_answered() -> None:
    known, _ = judge(ASKED, watched(ASKED), None, 1)
    assert known.exempt
    known, action = judge(IDLE, replace(known, shielded=False), None, 0)
    assert (known.exempt, action) == (False, DrainAction.SHIELD)


def test_a_connections_first_words_are_answered_however_late_they_come() -> None:
    known, action = judge(MUTE, watched(MUTE), None, 1)
    assert action is DrainAction.UNSHIELD
    known, action = judge(MUTE, replace(known, shielded=False), None, 0)
    assert action is DrainAction.WAIT
    said = replace(MUTE, heard=80, heard_ago=4)
    known, action = judge(said, known, True, 0)
    assert action is DrainAction.WAIT
    answered = replace(said, sent=120, sent_ago=0)
    assert judge(answered, known, False, 0)[1] is DrainAction.SHIELD


QUIET_MS = 1000


@pytest.mark.parametrize(
    ("now", "talk", "elapsed", "held"),
    [
        # both speak unasked: who spoke last is heeded for a moment
        (IDLE, Talk.UNASKED, 0, False),
        (replace(IDLE, sent_ago=4), Talk.UNASKED, 0, False),
        (ASKED, Talk.UNASKED, 400, True),
        (ASKED, Talk.UNASKED, 1000, False),
        # not understood: at rest only when both have been silent for a while
        (IDLE, Talk.STRANGE, 0, False),
        (replace(IDLE, sent_ago=999), Talk.STRANGE, 9000, True),
        (replace(IDLE, heard_ago=999, sent_ago=998), Talk.STRANGE, 9000, True),
        (replace(IDLE, heard_ago=1000, sent_ago=1000), Talk.STRANGE, 0, False),
        (replace(ASKED, heard_ago=4000), Talk.STRANGE, 9000, True),  # a query takes its time
    ],
)
def test_what_is_left_to_the_task(now: TcpConnection, talk: Talk, elapsed: int, held: bool) -> None:
    assert holds(now, talk, False, QUIET_MS, elapsed) is held
