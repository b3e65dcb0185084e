"""The kernel table as text."""

from __future__ import annotations

import itertools
import json
import subprocess

import msgspec
import pytest

from skerry.model.family import FOUR
from skerry.model.traffic import Backend, Block, Former, PublishedPort, Segment, Traffic, VirtualService
from skerry.network.ruleset import (
    answered,
    hairpins,
    held_vips,
    leg_elements,
    render,
    render_change,
    render_flows,
    render_gate,
)

ONE = Backend("t1", "10.0.1.2")
TWO = Backend("t2", "10.0.1.3")
RED = Segment("red", "sk-red", "10.0.1.0/24", "10.0.1.1", "10.0.1.254")
VAULT = Segment("vault", "sk-vault", "10.0.3.0/25", "10.0.3.1", "10.0.3.126", internal=True)


def lines_of(*services: VirtualService, ports: tuple[PublishedPort, ...] = ()) -> list[str]:
    return render(Traffic((RED, VAULT), services, ports)).splitlines()


def test_the_table_is_replaced_in_one_transaction() -> None:
    lines = lines_of()
    assert lines[:3] == ["add table ip skerry", "delete table ip skerry", "add table ip skerry"]
    assert render(Traffic(), "skerry-two").startswith("add table ip skerry-two\n")


def test_rendering_is_deterministic() -> None:
    traffic = Traffic((RED,), (VirtualService("s", "red", "10.0.1.130", (ONE, TWO)),))
    assert render(traffic) == render(msgspec.json.decode(msgspec.json.encode(traffic), type=Traffic))


def test_a_vip_is_keyed_by_its_own_bridge_and_by_address_for_the_host() -> None:
    lines = lines_of(VirtualService("s", "red", "10.0.1.130", (ONE, TWO)))
    assert 'add element ip skerry vips { "sk-red" . 10.0.1.130 : goto vip-10.0.1.130 }' in lines
    assert "add element ip skerry local_vips { 10.0.1.130 : goto vip-10.0.1.130 }" in lines
    assert (
        "add rule ip skerry vip-10.0.1.130 dnat to numgen inc mod 2 map { 0 : 10.0.1.2, 1 : 10.0.1.3 }"
        in lines
    )


@pytest.mark.parametrize(
    ("backends", "rule"),
    [
        ((ONE,), "dnat to 10.0.1.2:8080"),
        ((ONE, TWO), "dnat to numgen inc mod 2 map { 0 : 10.0.1.2, 1 : 10.0.1.3 }:8080"),
        ((), "dnat to 10.0.1.130:8080"),
    ],
)
def test_a_published_port(backends: tuple[Backend, ...], rule: str) -> None:
    lines = lines_of(ports=(PublishedPort("tcp", 80, 8080, "s", "10.0.1.130", backends),))
    assert f"add rule ip skerry port-tcp-80 meta l4proto tcp {rule}" in lines
    assert "add element ip skerry ports { tcp . 80 : goto port-tcp-80 }" in lines


def test_tcp_for_a_vip_leads_to_those_that_listen_and_the_rest_to_all() -> None:
    deaf = msgspec.structs.replace(TWO, unheard=True)
    chain = "add rule ip skerry vip-10.0.1.130"
    lines = lines_of(VirtualService("s", "red", "10.0.1.130", (ONE, deaf)))
    assert [line for line in lines if line.startswith(chain)] == [
        f"{chain} meta l4proto tcp dnat to 10.0.1.2",
        f"{chain} meta l4proto != tcp dnat to numgen inc mod 2 map {{ 0 : 10.0.1.2, 1 : 10.0.1.3 }}",
    ]
    lines = lines_of(VirtualService("s", "red", "10.0.1.130", (deaf,)))
    rules = [line for line in lines if line.startswith(chain)]
    assert rules == [f"{chain} meta l4proto != tcp dnat to 10.0.1.3"]


def test_tcp_to_the_own_address_of_a_task_that_does_not_listen_goes_where_that_to_the_vip_goes() -> None:
    deaf, chain = msgspec.structs.replace(TWO, unheard=True), "unheard-10.0.1.130"
    for backends, peers, to in (
        ((ONE, deaf), "10.0.1.2, 10.0.1.3", "10.0.1.2"),
        ((deaf,), "10.0.1.3", "10.0.1.130"),
    ):
        lines = lines_of(VirtualService("s", "red", "10.0.1.130", backends))
        assert [line for line in lines if chain in line] == [
            f"add chain ip skerry {chain}",
            f"add rule ip skerry {chain} ip saddr != {{ {RED.leg}, {peers} }} meta l4proto tcp dnat to {to}",
            f'add element ip skerry vips {{ "sk-red" . 10.0.1.3 : goto {chain} }}',
            f"add element ip skerry local_vips {{ 10.0.1.3 : goto {chain} }}",
        ]
    assert not [line for line in lines_of(VirtualService("s", "red", "10.0.1.130", (ONE,))) if chain in line]


def test_where_tasks_served_leads_to_those_that_serve_now() -> None:
    gone, leaving = Former("10.0.1.8"), Former("10.0.1.9", gone=False)
    service = VirtualService("s", "red", "10.0.1.130", (ONE,), former=(leaving, gone))
    lines = lines_of(service)
    chain = "former-10.0.1.130"

    def rules_of(lines: list[str]) -> list[str]:
        begin = f"add rule ip skerry {chain} "
        return [line.removeprefix(begin) for line in lines if line.startswith(begin)]

    for address in ("10.0.1.8", "10.0.1.9"):
        assert f'add element ip skerry vips {{ "sk-red" . {address} : goto {chain} }}' in lines
        assert f"add element ip skerry local_vips {{ {address} : goto {chain} }}" in lines
    assert rules_of(lines) == ["dnat to 10.0.1.2"]
    held = lines_of(msgspec.structs.replace(service, backends=()))
    assert rules_of(held) == ["dnat to 10.0.1.130"], "it waits where that to the VIP does"


@pytest.mark.parametrize("ahead", ["one", "two"])
def test_an_address_goes_from_one_service_to_another_in_one_change(ahead: str) -> None:
    def both(one: tuple[Former, ...], two: tuple[Former, ...]) -> Traffic:
        rows = [
            VirtualService("one", "red", "10.0.1.130", (ONE,), former=(Former("10.0.1.7"), *one)),
            VirtualService("two", "red", "10.0.1.131", (TWO,), former=(Former("10.0.1.6"), *two)),
        ]
        return Traffic((RED,), tuple(sorted(rows, key=lambda row: row.service_id != ahead)))

    moved = (Former("10.0.1.8"),)
    lines = render_change(both(moved, ()), both((), moved)).splitlines()
    verbs = [line.split()[0] for line in lines if "10.0.1.8 " in line]
    assert verbs == ["delete", "delete", "add", "add"]


def test_a_task_that_leaves_and_then_is_gone_changes_nothing_the_second_time() -> None:
    def traffic(*former: Former) -> Traffic:
        return Traffic((RED,), (VirtualService("s", "red", "10.0.1.130", (ONE,), former=former),))

    older, leaving = Former("10.0.1.7"), Former("10.0.1.8", gone=False)
    change = render_change(traffic(older), traffic(leaving, older))
    assert {line.split()[0] for line in change.splitlines()} == {"add"}
    assert render_change(traffic(leaving, older), traffic(older, Former("10.0.1.8"))) == ""


def test_only_who_is_gone_is_answered_for() -> None:
    former = (Former("10.0.1.8"), Former("10.0.1.9", gone=False))
    traffic = Traffic((RED,), (VirtualService("s", "red", "10.0.1.130", (ONE,), former=former),))
    assert answered(traffic) == {("", "10.0.1.130"), ("", "10.0.1.8")}
    assert held_vips(traffic) == {("sk-red", "10.0.1.130")}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_while_nothing_is_ready_a_port_leads_to_the_vip_and_that_to_the_gate(protocol: str) -> None:
    lines = lines_of(
        VirtualService("s", "red", "10.0.1.130"),
        ports=(PublishedPort(protocol, 53, 53, "s", "10.0.1.130"),),
    )
    assert [line for line in lines if "10.0.1.130" in line] == [
        'add element ip skerry held { "sk-red" . 10.0.1.130 }',
        f"add rule ip skerry port-{protocol}-53 meta l4proto {protocol} dnat to 10.0.1.130:53",
    ]


def test_a_service_on_an_unknown_network_has_no_entry() -> None:
    assert not [
        line for line in lines_of(VirtualService("s", "lost", "10.9.1.130", (ONE,))) if "10.9" in line
    ]


def test_a_task_may_call_itself_at_any_of_its_addresses() -> None:
    services = (
        VirtualService("s", "red", "10.0.1.130", (ONE, TWO)),
        VirtualService("s", "blue", "10.0.2.130", (Backend("t1", "10.0.2.2"),)),
    )
    assert hairpins(Traffic(services=services)) == [
        ("10.0.1.2", "10.0.1.2"),
        ("10.0.1.2", "10.0.2.2"),
        ("10.0.1.3", "10.0.1.3"),
        ("10.0.2.2", "10.0.1.2"),
        ("10.0.2.2", "10.0.2.2"),
    ]


def test_only_an_internal_network_hides_foreign_clients() -> None:
    rules = [line for line in lines_of() if 'postrouting oifname "sk-' in line]
    assert rules == [
        'add rule ip skerry postrouting oifname "sk-vault" ip saddr != 10.0.3.0/25 ct status dnat masquerade'
    ]


@pytest.mark.case("B17")
def test_what_begins_on_an_internal_network_stays_there() -> None:
    assert [line for line in lines_of() if " fence " in line] == [
        "add chain ip skerry fence { type filter hook prerouting priority mangle; policy accept; }",
        'add rule ip skerry fence iifname != { "sk-vault" } accept',
        "add rule ip skerry fence ct direction reply accept",
        'add rule ip skerry fence iifname "sk-vault" ip daddr 10.0.3.0/25 ip daddr != 10.0.3.1 accept',
        "add rule ip skerry fence drop",
    ]
    assert "fence" not in render(Traffic((RED,)))


def test_a_leg_takes_what_is_its_own_and_what_is_of_its_network() -> None:
    assert leg_elements(VAULT).splitlines() == [
        'add element ip gate legs { "sk-vault" . 10.0.3.126 }',
        'add element ip gate home { "sk-vault" . 10.0.3.0/25 }',
    ]


@pytest.mark.engine
@pytest.mark.timeout(20)
def test_nft_takes_every_script() -> None:
    services = (
        VirtualService("s", "red", "10.0.1.130", (ONE, TWO)),
        VirtualService("e", "red", "10.0.1.131"),
        VirtualService("d", "red", "10.0.1.132", (Backend("t4", "10.0.1.4", unheard=True), ONE)),
        VirtualService("f", "red", "10.0.1.133", (ONE,), former=(Former("10.0.1.8"), Former("10.0.1.9"))),
        VirtualService("h", "red", "10.0.1.134", (), former=(Former("10.0.1.10"),)),
    )
    ports = (
        PublishedPort("tcp", 80, 8080, "s", "10.0.1.130", (ONE, TWO)),
        PublishedPort("tcp", 81, 8080, "e", "10.0.1.131"),
        PublishedPort("udp", 53, 53, "s", "10.0.1.130", (ONE,)),
    )
    gate = render_gate() + leg_elements(RED)
    scripts = [render(Traffic((RED, VAULT), services, ports)), render_flows(), gate]
    for script in scripts:
        done = subprocess.run(
            ["unshare", "--net", "nft", "-c", "-f", "-"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_change_touches_the_service_that_changed_alone() -> None:
    many = tuple(VirtualService(f"s{one}", "red", f"10.0.1.{one}", (ONE,)) for one in range(130, 230))
    changed = (VirtualService("s130", "red", "10.0.1.130", (ONE, TWO)), *many[1:])
    assert render_change(Traffic((RED,), many), Traffic((RED,), many)) == ""
    assert render_change(Traffic((RED,), many), Traffic((RED,), changed)).splitlines() == [
        "flush chain ip skerry vip-10.0.1.130",
        "add rule ip skerry vip-10.0.1.130 dnat to numgen inc mod 2 map { 0 : 10.0.1.2, 1 : 10.0.1.3 }",
        "add element ip skerry hairpins { 10.0.1.3 . 10.0.1.3 }",
    ]


def test_another_network_is_another_table() -> None:
    assert render_change(Traffic((RED,)), Traffic((RED, VAULT))) == render(Traffic((RED, VAULT)))


def _kernel_has(*scripts: str) -> list[str]:
    """What a kernel has after these transactions, without handles, in order."""
    words = [word for script in scripts for word in ("nft -f - <<'END'", script + "END")]
    line = "\n".join(["set -e", *words, "nft -j list ruleset"])
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", line], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = []
    for item in json.loads(done.stdout)["nftables"]:
        for kind, body in item.items():
            body.pop("handle", None)
            if "elem" in body:
                body["elem"].sort(key=str)
            found.append(f"{kind} {body}")
    return sorted(found)


@pytest.mark.engine
@pytest.mark.timeout(20)
def test_a_changed_table_is_as_one_that_was_written_whole() -> None:
    tcp, held = (PublishedPort("tcp", 80, 8080, "s", "10.0.1.130", backends) for backends in ((ONE, TWO), ()))
    udp = PublishedPort("udp", 53, 53, "s", "10.0.1.130", (ONE,))
    both = VirtualService("s", "red", "10.0.1.130", (ONE, TWO))
    other = VirtualService("o", "vault", "10.0.3.66", (Backend("t3", "10.0.3.2"),))
    states = [
        Traffic((RED, VAULT), (both, other), (tcp, udp)),
        Traffic((RED, VAULT), (both, other), (tcp,)),
        Traffic((RED, VAULT), (VirtualService("s", "red", "10.0.1.130", (TWO,)), other), (tcp,)),
        Traffic((RED, VAULT), (VirtualService("s", "red", "10.0.1.130"),), (held, udp)),
        Traffic((RED, VAULT)),
        Traffic((RED, VAULT), (other, both), (udp, tcp)),
        Traffic((RED,), (both,), (tcp,)),
    ]
    changes = [render_change(before, after) for before, after in itertools.pairwise(states)]
    for number, state in enumerate(states):
        assert _kernel_has(render(states[0]), *changes[:number]) == _kernel_has(render(state)), number


RED6 = msgspec.structs.replace(RED, six=Block("fd00:1::/64", "fd00:1::1", "fd00:1::ffff"))
ONE6, TWO6 = Backend("t1", "fd00:1::2"), Backend("t2", "fd00:1::3")
VIP6 = VirtualService("s", "red", "fd00:1::fffe", (ONE6, TWO6), former=(Former("fd00:1::8"),))
DUAL = Traffic(
    (RED6, VAULT),
    (VirtualService("s", "red", "10.0.1.130", (ONE, TWO)), VIP6),
    (
        PublishedPort("tcp", 80, 8080, "s", "10.0.1.130", (ONE, TWO)),
        PublishedPort("tcp", 80, 8080, "s", "fd00:1::fffe", (ONE6,)),
    ),
)


@pytest.mark.case("N13")
def test_both_families_have_the_same_rules() -> None:
    lines = render(DUAL).splitlines()
    for line in (
        'add element ip6 skerry vips { "sk-red" . fd00:1::fffe : goto vip-fd00-1--fffe }',
        "add rule ip6 skerry vip-fd00-1--fffe dnat to numgen inc mod 2 map { 0 : fd00:1::2, 1 : fd00:1::3 }",
        "add rule ip6 skerry port-tcp-80 meta l4proto tcp dnat to [fd00:1::2]:8080",
        'add element ip6 skerry vips { "sk-red" . fd00:1::8 : goto former-fd00-1--fffe }',
        'add element ip6 skerry bridges { "sk-red" }',
    ):
        assert line in lines
    assert not [line for line in lines if " ip skerry " in line and "fd00" in line]
    assert not [line for line in lines if " ip6 skerry " in line and "10.0." in line]


@pytest.mark.case("N13")
def test_a_table_of_ipv6_is_there_as_long_as_a_network_has_it() -> None:
    assert "add chain ip6 skerry prerouting" not in render(Traffic((RED,)))
    assert render(Traffic((RED,))).endswith("add table ip6 skerry\ndelete table ip6 skerry\n")
    assert "ip6" not in render(Traffic((RED,)), families=(FOUR,))
    fewer = msgspec.structs.replace(DUAL, services=DUAL.services[:1])
    change = render_change(DUAL, fewer)
    assert change
    assert all(" ip6 skerry " in line for line in change.splitlines())


@pytest.mark.case("N13")
def test_who_is_answered_for_over_ipv6_and_by_which_leg() -> None:
    assert answered(DUAL) == {("", "10.0.1.130"), ("sk-red", "fd00:1::fffe"), ("sk-red", "fd00:1::8")}


@pytest.mark.engine
@pytest.mark.case("N13")
def test_the_kernel_takes_both_families() -> None:
    walled = msgspec.structs.replace(RED6, internal=True)
    deaf = msgspec.structs.replace(VIP6, backends=(ONE6, msgspec.structs.replace(TWO6, unheard=True)))
    states = [
        DUAL,
        msgspec.structs.replace(DUAL, services=(*DUAL.services[:1], deaf)),
        msgspec.structs.replace(DUAL, services=DUAL.services[:1], ports=DUAL.ports[:1]),
        msgspec.structs.replace(DUAL, segments=(walled, VAULT)),
    ]
    changes = [render_change(before, after) for before, after in itertools.pairwise(states)]
    for number, state in enumerate(states):
        assert _kernel_has(render(states[0]), *changes[:number]) == _kernel_has(render(state)), number
