"""Published ports of SCTP: numbers of their own, as far as the kernel has that protocol."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

TRACKING = Path("/proc/sys/net/netfilter")
_NO_SOCKETS = (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EAFNOSUPPORT)


def reserve_sctp(port: int) -> socket.socket:
    """Hold a number of SCTP on every address of this machine. Raises OSError.

    A kernel without sockets of SCTP gives the number to no program; it translates SCTP all the same, and a
    socket that is bound to nothing stands for the number.
    """
    if is_tracked() is False:
        raise OSError(errno.EPROTONOSUPPORT, "this kernel doesn't translate SCTP (CONFIG_NF_CT_PROTO_SCTP)")
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
        try:
            return _bound(family, address, port)
        except OSError as error:
            if error.errno not in (*_NO_SOCKETS, errno.EADDRNOTAVAIL):
                raise
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, socket.IPPROTO_SCTP)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def is_tracked(tracking: Path = TRACKING) -> bool | None:
    """Whether connection tracking, by which ports are translated, knows SCTP; None while it is not loaded."""
    if not (tracking / "nf_conntrack_max").exists():
        return None
    return (tracking / "nf_conntrack_sctp_timeout_established").exists()
