"""What is played of other protocols than HTTP/1, and by whom."""

from __future__ import annotations

from proof.plan import BY_PROTOCOL, counted, runs
from proof.protocol_stack import SERVICES, ProtocolStack
from proof.protocols import PORTS, SPEAKERS
from proof.report import ROWS


def test_every_client_counts_in_every_run() -> None:
    played = [run for run in runs(short=False) if run.action.endswith(BY_PROTOCOL)]
    assert {
        (run.setting.replicas, run.setting.order) for run in played if run.action.startswith("update")
    } == {(replicas, order) for replicas in (1, 2) for order in ("start-first", "stop-first")}
    for run in played:
        assert counted(run) == list(SPEAKERS)
        assert hasattr(ProtocolStack, f"_{run.action.replace(' ', '_')}_")
    assert set(SPEAKERS) <= set(ROWS)


def test_every_service_is_published() -> None:
    assert set(SERVICES) == set(PORTS)
    assert len(set(PORTS.values())) == len(PORTS)
