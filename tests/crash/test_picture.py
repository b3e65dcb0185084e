"""What makes no difference between two pictures of a world."""

from __future__ import annotations

from tests.crash.picture import in_order, parts

TABLE = """\
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy accept;
		counter packets 7 bytes 420 jump DOCKER-USER
	}
%s}
"""
IDLE = """
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}
"""


def test_a_chain_that_changes_nothing_is_none() -> None:
    without = list(parts(TABLE % ""))
    assert "chain FORWARD" in without
    assert list(parts(TABLE % IDLE)) == without


def test_one_that_drops_is_one() -> None:
    assert "chain INPUT" in parts(TABLE % IDLE.replace("accept", "drop"))


def test_of_an_environment_only_the_order_makes_no_difference() -> None:
    specs = [
        {"TaskTemplate": {"ContainerSpec": {"Env": list(env), "Args": ["b", "a"]}}} for env in ("ab", "ba")
    ]
    assert in_order(specs[0]) == in_order(specs[1])
    assert in_order(specs)[0]["TaskTemplate"]["ContainerSpec"]["Args"] == ["b", "a"]
