"""Where a task has to listen before it is ready, and when it does."""

from __future__ import annotations

import pytest

from skerry.model import labels
from skerry.model.listening import Listening, ListeningSocket, awaited, read_ports
from skerry.model.specs import PortConfig

WEB = Listening((("tcp", 80),))
SILENT = "nothing listens on port 80/tcp"
INWARD = "only its own loopback or IPv6 reaches port 80/tcp"
BOTH = Listening((("tcp", 80), ("udp", 53)))
EITHER = Listening((("tcp", 80), ("tcp", 443)), any_of=True)


def published(*targets: str) -> list[PortConfig]:
    pairs = [target.split("/") for target in targets]
    return [PortConfig(protocol=protocol, target_port=int(port)) for port, protocol in pairs]


@pytest.mark.parametrize(
    ("own", "ports", "exposed", "expected"),
    [
        (None, [], [], None),
        (None, ["80/tcp"], [], WEB),
        (None, ["80/tcp", "80/tcp"], ["9000/tcp"], WEB),
        (None, ["80/tcp", "53/udp"], [], BOTH),
        (None, ["132/sctp"], [], None),
        (None, [], ["443/tcp", "80/tcp"], EITHER),
        (None, [], ["80/tcp", "53/udp"], Listening((("tcp", 80),), any_of=True)),
        (None, [], ["53/udp"], None),
        (
            None,
            [],
            ["8000-8010/tcp", "x", "", "0/tcp", "70000/tcp", "80/tcp"],
            Listening(WEB.ports, any_of=True),
        ),
        ((("tcp", 80),), ["9000/tcp"], ["9001/tcp"], WEB),
        ((), ["9000/tcp"], ["9001/tcp"], None),
    ],
)
def test_where_a_task_has_to_listen(
    own: tuple[tuple[str, int], ...] | None, ports: list[str], exposed: list[str], expected: Listening | None
) -> None:
    ports_of_image = {"ExposedPorts": dict.fromkeys(exposed)}
    assert awaited(own, published(*ports), ports_of_image) == expected


def test_an_image_that_exposes_nothing_says_nothing() -> None:
    assert awaited(None, [], {}) is None
    assert awaited(None, [], {"ExposedPorts": None}) is None


@pytest.mark.parametrize(
    ("listening", "listeners", "missing"),
    [
        (WEB, [], SILENT),
        (WEB, [ListeningSocket("tcp", "0.0.0.0", 80)], ""),
        (WEB, [ListeningSocket("tcp", "10.0.1.5", 80)], ""),
        (WEB, [ListeningSocket("tcp", "::", 80, both=True)], ""),
        (WEB, [ListeningSocket("tcp", "::", 80)], INWARD),
        (WEB, [ListeningSocket("tcp", "127.0.0.1", 80)], INWARD),
        (WEB, [ListeningSocket("tcp", "127.0.0.1", 80), ListeningSocket("tcp", "0.0.0.0", 80)], ""),
        (
            WEB,
            [ListeningSocket("udp", "0.0.0.0", 80), ListeningSocket("tcp", "0.0.0.0", 81)],
            SILENT,
        ),
        (BOTH, [], "nothing listens on ports 80/tcp and 53/udp"),
        (BOTH, [ListeningSocket("tcp", "0.0.0.0", 80)], "nothing listens on port 53/udp"),
        (BOTH, [ListeningSocket("tcp", "0.0.0.0", 80), ListeningSocket("udp", "0.0.0.0", 53)], ""),
        (EITHER, [], "nothing listens on ports 80/tcp or 443/tcp"),
        (EITHER, [ListeningSocket("tcp", "0.0.0.0", 443)], ""),
        (
            EITHER,
            [ListeningSocket("tcp", "127.0.0.1", 443)],
            "only its own loopback or IPv6 reaches port 443/tcp",
        ),
    ],
)
def test_what_is_missing(listening: Listening, listeners: list[ListeningSocket], missing: str) -> None:
    assert listening.silent(listeners) == missing


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("8080", (("tcp", 8080),)),
        ("8080, 53/udp,8080/tcp", (("tcp", 8080), ("udp", 53))),
        ("none", ()),
    ],
)
def test_ports_of_the_label(text: str, ports: tuple[tuple[str, int], ...]) -> None:
    assert read_ports(text) == ports


@pytest.mark.parametrize(
    "text", ["", ",", "80,", "0", "65536", "-1", "80/", "80/sctp", "http", "٣", "9" * 5000, "80-90"]
)
def test_a_label_that_means_nothing_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^label skerry\.ready\.ports: .* is (no port|neither)") as refusal:
        labels.check({labels.READY_PORTS: text})
    assert len(str(refusal.value)) < 200
