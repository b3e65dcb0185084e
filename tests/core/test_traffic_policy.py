"""Labels that say how a service is treated, and the sentences for those that make no sense."""

from __future__ import annotations

import pytest

from skerry.core.traffic_policy import TrafficPolicy, read_policy
from skerry.health.override import ProbeOverride
from skerry.health.probe import HttpProbe, TcpProbe
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.drain import DrainRules


def test_nothing_said_and_somebody_elses_labels() -> None:
    assert read_policy({}) == read_policy({"traefik.enable": "true", "skerry.other": "x"}) == TrafficPolicy()


def test_everything_said() -> None:
    said = read_policy(
        {
            "skerry.hold.timeout": "5s",
            "skerry.drain.timeout": "1m",
            "skerry.drain.quiet": "200ms",
            "skerry.drain.idle": "leave",
            "skerry.probe": "http://:8080/ready",
            "skerry.probe.liveness": "tcp://:8080",
        }
    )
    assert said.hold_timeout == 5 * SECOND
    assert said.drain == DrainRules(60 * SECOND, 200 * MILLISECOND, "leave")
    assert isinstance(said.readiness.probe, HttpProbe)
    assert (said.readiness.probe.port, said.readiness.probe.target) == (8080, "/ready")
    assert said.liveness == ProbeOverride(probe=TcpProbe(("127.0.0.1", "::1"), 8080))


def test_commands_by_label() -> None:
    said = read_policy({"skerry.probe": "exec", "skerry.probe.readiness": "exec test -f /ready"})
    assert said.readiness == ProbeOverride(command=("/bin/sh", "-c", "test -f /ready"))
    assert said.liveness == ProbeOverride(as_is=True)
    assert read_policy({"skerry.probe.liveness": "none"}).liveness == ProbeOverride(none=True)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("skerry.hold.timeout", "soon", "invalid duration 'soon'"),
        ("skerry.drain.timeout", "-5s", "invalid duration '-5s'"),
        ("skerry.drain.timeout", "2h", "longer than 1h"),
        ("skerry.drain.quiet", "", "invalid duration"),
        ("skerry.drain.idle", "maybe", "none of auto, close, leave and wait"),
        ("skerry.probe", "http://db:80/", "the host is the container itself"),
        ("skerry.probe", "https://:443/", "is none of"),
        ("skerry.probe", "http://:99999/", "is none of"),
        ("skerry.probe", "http://:80/a b", "is none of"),
        ("skerry.probe", "tcp://:0", "is none of"),
        ("skerry.probe", "tcp://", "is none of"),
        ("skerry.probe.liveness", "", "is none of"),
        ("skerry.probe", "none", "can't be none"),
        ("skerry.probe.readiness", "none", "can't be none"),
    ],
)
def test_mistakes(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_policy({name: value})
