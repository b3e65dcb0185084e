"""/etc/resolv.conf: read as Docker reads it, written as Docker writes it, but for who is asked."""

from __future__ import annotations

import pytest

from skerry.core.resolvconf import ResolvConf, has_its_own, of_task
from skerry.model.objects import Raw

LEGS = ("10.0.1.254", "10.0.2.254")
HOST = "nameserver 192.0.2.1\nsearch corp.example lan\noptions edns0 trust-ad\n"


@pytest.mark.parametrize(
    ("text", "conf"),
    [
        ("", ResolvConf()),
        (HOST, ResolvConf(("192.0.2.1",), ("corp.example", "lan"), ("edns0", "trust-ad"))),
        ("nameserver 1.1.1.1 # a\n# nameserver 2.2.2.2\n;nameserver 3.3.3.3\n", ResolvConf(("1.1.1.1",))),
        ("search a b\nsearch c\n", ResolvConf(search=("c",))),
        ("search a\nsearch\n", ResolvConf()),
        ("domain a.example\n", ResolvConf()),
        (
            "options ndots:2\n options\trotate timeout:1 \n",
            ResolvConf(options=("ndots:2", "rotate", "timeout:1")),
        ),
        ("nameserver\nnameservers 1.1.1.1\n\x00\x01 search x\n", ResolvConf()),
    ],
)
def test_a_host_s_file(text: str, conf: ResolvConf) -> None:
    assert ResolvConf.parse(text) == conf


@pytest.mark.parametrize(
    ("host", "search", "options", "text"),
    [
        pytest.param("", [], [], "options ndots:0", id="nothing-anywhere"),
        pytest.param(HOST, [], [], "search corp.example lan|options edns0 trust-ad ndots:0", id="the-host's"),
        pytest.param(
            "options ndots:2", [], [], "options ndots:2", marks=pytest.mark.case("N3"), id="the-host's-ndots"
        ),
        pytest.param(HOST, ["x.org"], [], "search x.org|options edns0 trust-ad ndots:0", id="own-search"),
        pytest.param(HOST, ["."], [], "options edns0 trust-ad ndots:0", id="no-search"),
        *[
            pytest.param(
                HOST,
                [],
                [f"ndots:{number}", "timeout:1"],
                f"search corp.example lan|options ndots:{number} timeout:1",
                marks=pytest.mark.case("N2"),
                id=f"ndots-{number}",
            )
            for number in (0, 1, 2, 5)
        ],
        pytest.param("", [], ["rotate"], "options rotate ndots:0", id="own-options"),
    ],
)
def test_a_task_s_file(host: str, search: list[str], options: list[str], text: str) -> None:
    lines = of_task(LEGS, ResolvConf.parse(host), search, options).render().splitlines()
    assert [line for line in lines if line.startswith("nameserver")] == [f"nameserver {leg}" for leg in LEGS]
    assert [line for line in lines if not line.startswith("nameserver")] == text.split("|")


def test_resolvers_read_three_nameservers() -> None:
    legs = [f"10.0.{number}.254" for number in range(5)]
    assert of_task(legs, ResolvConf(), (), ()).nameservers == tuple(legs[:3])


@pytest.mark.parametrize(
    ("mounts", "own"),
    [
        (None, False),
        ([], False),
        ([{"Type": "bind", "Source": "/a", "Target": "/etc/resolv.conf"}], True),
        ([{"Type": "bind", "Source": "/a", "Target": "/etc/../etc//resolv.conf/"}], True),
        ([{"Type": "volume", "Target": "/etc"}], False),
        ([{"Type": "bind", "Source": "/etc/resolv.conf", "Target": "/host"}], False),
    ],
)
def test_whoever_mounts_a_file_of_their_own_there_has_it(mounts: list[Raw] | None, own: bool) -> None:
    assert has_its_own({"Mounts": mounts}) is own
