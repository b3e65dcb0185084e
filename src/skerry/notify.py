"""What a daemon tells whoever started it, in systemd's protocol: that it is ready, and how it is doing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import NoReturn

SOCKET, WATCHDOG_US, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
OFTEN = 3
"""So many signs of life within the time after which a watchdog takes a process for hung."""


class Notifier:
    """The socket that systemd named, or nobody. Its name is taken out of what children inherit, and so is the
    watchdog's time."""

    def __init__(self) -> None:
        path = os.environ.pop(SOCKET, "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        watched = os.environ.pop(WATCHDOG_PID, "") in ("", str(os.getpid()))
        self._patience_s = int(os.environ.pop(WATCHDOG_US, "0")) / 1e6 if watched else 0.0

    @property
    def is_watched(self) -> bool:
        """Whether a watchdog waits for signs of life."""
        return self._patience_s > 0

    async def keep_alive(self) -> NoReturn:
        """Give a watchdog signs of life, as long as the event loop has its turns."""
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._patience_s / OFTEN)

    def ready(self, status: str) -> None:
        """The daemon serves; `status` is shown by `systemctl status`."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """It ends in an orderly way."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if self._address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.sendto(text.encode(), self._address)
