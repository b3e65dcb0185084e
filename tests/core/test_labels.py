"""Labels that say how a service is treated, and the sentences for those that make no sense."""

from __future__ import annotations

import pytest

from skerry.core.labels import Handling, Wish, duration, handling
from skerry.core.probing import HttpProbe, TcpProbe
from skerry.model.defaults import MILLISECOND, SECOND


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30s", 30 * SECOND),
        ("1m30s", 90 * SECOND),
        ("500ms", 500 * MILLISECOND),
        ("1.5s", 1500 * MILLISECOND),
        ("0", 0),
        ("0s", 0),
        ("1h", 3600 * SECOND),
    ],
)
def test_durations(text: str, value: int) -> None:
    assert duration(text) == value


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1 s", "1d", "1s ", "one second", "1s2", "inf"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        duration(text)


def test_nothing_said_and_somebody_elses_labels() -> None:
    assert handling({}) == handling({"traefik.enable": "true", "skerry.other": "x"}) == Handling()


def test_everything_said() -> None:
    said = handling(
        {
            "skerry.hold.timeout": "5s",
            "skerry.drain.timeout": "1m",
            "skerry.drain.quiet": "200ms",
            "skerry.drain.idle": "leave",
            "skerry.probe": "http://:8080/ready",
            "skerry.probe.liveness": "tcp://:8080",
        }
    )
    assert (said.hold_timeout, said.drain_timeout) == (5 * SECOND, 60 * SECOND)
    assert (said.drain_quiet, said.leave_idle) == (200 * MILLISECOND, True)
    assert isinstance(said.readiness.probe, HttpProbe)
    assert (said.readiness.probe.port, said.readiness.probe.target) == (8080, "/ready")
    assert said.liveness == Wish(probe=TcpProbe(("127.0.0.1", "::1"), 8080))


def test_commands_by_label() -> None:
    said = handling({"skerry.probe": "exec", "skerry.probe.readiness": "exec test -f /ready"})
    assert said.readiness == Wish(command=("/bin/sh", "-c", "test -f /ready"))
    assert said.liveness == Wish(as_is=True)
    assert handling({"skerry.probe.liveness": "none"}).liveness == Wish(none=True)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("skerry.hold.timeout", "soon", '"soon" is not a duration'),
        ("skerry.drain.timeout", "-5s", '"-5s" is not a duration'),
        ("skerry.drain.timeout", "2h", "longer than 1h"),
        ("skerry.drain.quiet", "", "is not a duration"),
        ("skerry.drain.idle", "maybe", "neither close nor leave"),
        ("skerry.drain.timeot", "5s", "there is no label skerry.drain.timeot"),
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
        handling({name: value})
