"""Notices when a link is taken away, set down or left without its address: the kernel tells."""

from __future__ import annotations

import socket
from collections.abc import Callable

from skerry.linux.netlink import HEADER_SIZE, NETLINK_ROUTE, Message, Subscription, attributes, string
from skerry.linux.netlink_filter import PREFIX_SIZE, Named
from skerry.linux.rtnetlink import (
    IFA_LABEL,
    IFADDRMSG,
    IFF_UP,
    IFINFOMSG,
    IFLA_IFNAME,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_NEWLINK,
)

RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR = 1, 5, 9


def lost_link(message: Message) -> str:
    """The link that a message tells to be gone, down, or without an address; empty for any other message."""
    body = message.body
    if message.kind == RTM_DELADDR and len(body) >= IFADDRMSG.size:
        label = attributes(body[IFADDRMSG.size :]).get(IFA_LABEL, b"")
        return string(label) or _name_of(IFADDRMSG.unpack_from(body)[4])
    if message.kind not in (RTM_NEWLINK, RTM_DELLINK) or len(body) < IFINFOMSG.size:
        return ""
    family, _, _, flags, _ = IFINFOMSG.unpack_from(body)
    gone = message.kind == RTM_DELLINK  # of the family AF_BRIDGE: only unplugged from its bridge
    down = family == 0 and not flags & IFF_UP
    return string(attributes(body[IFINFOMSG.size :]).get(IFLA_IFNAME, b"")) if gone or down else ""


def _name_of(index: int) -> str:
    """IPv6 has no labels. A link that is gone by now tells so itself."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""


def watch_links(prefixes: tuple[str, ...], lost: Callable[[], None]) -> Subscription:
    """Call `lost` after each loss of a link whose name begins so, until closed; our own losses count, too."""
    return Subscription(
        NETLINK_ROUTE,
        [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR],
        [RTM_NEWLINK, RTM_DELLINK, RTM_DELADDR],
        lambda message: lost_link(message).startswith(prefixes),
        lost,
        # an engine has a dozen of these for each container's own link
        Named(
            [RTM_NEWLINK, RTM_DELLINK],
            HEADER_SIZE + IFINFOMSG.size,
            IFLA_IFNAME,
            [prefix.encode()[:PREFIX_SIZE] for prefix in prefixes],
        ),
    )
