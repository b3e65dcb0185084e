"""The machine's resolv.conf: whom the gate asks, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.gate.message import ResolverOptions
from skerry.network.hostresolver import host_resolver


@pytest.mark.parametrize(
    ("text", "nameservers", "options"),
    [
        ("", (), ResolverOptions()),
        ("nameserver 127.0.0.53\noptions edns0 trust-ad\n", ("127.0.0.53",), ResolverOptions()),
        ("nameserver a\nnameserver fe80::1%eth0 # here\n", ("a", "fe80::1%eth0"), ResolverOptions()),
        ("options timeout:1 attempts:3 rotate", (), ResolverOptions(1, 3, True)),
        ("options timeout:1\noptions timeout:2 ndots:3\n", (), ResolverOptions(2)),
        ("options timeout:99999", (), ResolverOptions(30)),
        ("options timeout:0 attempts:x", (), ResolverOptions()),
        ("options timeout: attempts", (), ResolverOptions()),
        ("nameserver\n#nameserver b\n; nameserver c\noption rotate", (), ResolverOptions()),
    ],
)
def test_what_counts(
    text: str, nameservers: tuple[str, ...], options: ResolverOptions, tmp_path: Path
) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    assert host_resolver(path) == (nameservers, options)


def test_no_file_is_no_nameserver(tmp_path: Path) -> None:
    assert host_resolver(tmp_path / "resolv.conf") == ((), ResolverOptions())
