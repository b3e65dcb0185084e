"""What a daemon tells whoever started it, in systemd's protocol: that it is ready, and how it is doing."""

from __future__ import annotations

import contextlib
import os
import socket

VARIABLE = "NOTIFY_SOCKET"


class Notifier:
    """The socket that systemd named, or nobody. Its name is taken out of what children inherit."""

    def __init__(self) -> None:
        path = os.environ.pop(VARIABLE, "")
        self._address = "\0" + path[1:] if path.startswith("@") else path

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
