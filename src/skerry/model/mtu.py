"""How long packets may be on an overlay network for which an MTU is asked."""

from __future__ import annotations

from collections.abc import Mapping

OPTION = "com.docker.network.driver.mtu"
VXLAN_BYTES = 50
"""A swarm takes them off the MTU that is asked for, and whoever asks has reckoned with that."""
LEAST, MOST = 68, 65535
"""What the kernel takes for a link of a container."""


def inside(options: Mapping[str, str]) -> int:
    """What packets may measure inside of containers, by a network's options; 0 where none says it.

    Raises ValueError where the kernel would refuse it.
    """
    text = options.get(OPTION, "")
    if not text:
        return 0
    length = int(text) - VXLAN_BYTES if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not LEAST <= length <= MOST:
        raise ValueError(
            f"invalid MTU value: {text}: {OPTION} is a number from {LEAST + VXLAN_BYTES} to "
            f"{MOST + VXLAN_BYTES}, of which packets in containers have {VXLAN_BYTES} bytes less"
        )
    return length
