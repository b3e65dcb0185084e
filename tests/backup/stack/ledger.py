"""Writes the same numbers into three places, one after the other, all the time and for each request: whoever
copies them at different moments is found out. Standard library only, as it runs in the story's image."""

import os
import signal
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO

BALLAST = 24_000_000
"""Bytes that take a moment to be copied, in the first place."""


class Ledger:
    """A journal in one volume; its mirror and a database in another."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        if not Path("/books/ballast").exists():
            Path("/books/ballast").write_bytes(os.urandom(BALLAST))
        self.journal = Path("/books/journal").open("a+")  # noqa: SIM115 (as long as the process)
        self.mirror = Path("/mirror/mirror").open("a+")  # noqa: SIM115
        self.base = sqlite3.connect("/mirror/ledger.db", isolation_level=None, check_same_thread=False)
        self.base.execute("PRAGMA journal_mode=WAL")
        self.base.execute("CREATE TABLE IF NOT EXISTS ledger (number INTEGER PRIMARY KEY, line TEXT)")
        self.number = last(self.journal)

    def write(self) -> int:
        """One entry everywhere; its number."""
        with self.lock:
            self.number += 1
            for file in (self.journal, self.mirror):
                file.write(f"{self.number}\n")
                file.flush()
            self.base.execute("INSERT INTO ledger VALUES (?, ?)", (self.number, "x" * 200))
            return self.number

    def write_on(self) -> None:
        """Without an end."""
        while True:
            self.write()
            time.sleep(0.003)


def last(file: TextIO) -> int:
    """The number in the last line."""
    file.seek(0)
    lines = file.read().split()
    return int(lines[-1]) if lines else 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        number = LEDGER.write() if self.path == "/" else LEDGER.number
        body = f"Version: {number}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    LEDGER = Ledger()
    threading.Thread(target=LEDGER.write_on, daemon=True).start()
    Server(("", 8080), Handler).serve_forever()
    sys.exit(0)
