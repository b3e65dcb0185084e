"""The story's web app: says which version it is and where it runs. Standard library only."""

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ.get("VERSION", "unknown")
COLOR = os.environ.get("COLOR", "white")
HOSTNAME = socket.gethostname()
LAST_WORDS = 8.0
"""Seconds that requests in flight may take after SIGTERM; Docker kills after 10."""

PAGE = f"""<!doctype html>
<html><head><title>Version {VERSION}</title></head>
<body style="background-color: {COLOR}"><h1>Version: {VERSION}</h1><p>Hostname: {HOSTNAME}</p></body></html>
"""


class App(ThreadingHTTPServer):
    """A thread for each connection; knows how many requests are in flight."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, Handler)
        self.idle = threading.Condition()
        self.in_flight = 0

    def count(self, change: int) -> None:
        with self.idle:
            self.in_flight += change
            self.idle.notify_all()

    def finish(self) -> None:
        """Take no new connection, answer what was asked, return."""
        self.shutdown()
        self.socket.close()
        with self.idle:
            self.idle.wait_for(lambda: self.in_flight == 0, timeout=LAST_WORDS)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    timeout = 75
    server: App
    in_flight = False

    def setup(self) -> None:
        """A new connection counts as a request in flight: its first one is on its way."""
        super().setup()
        self.begin()

    def parse_request(self) -> bool:
        self.begin()
        return super().parse_request()

    def finish(self) -> None:
        self.end()
        super().finish()

    def begin(self) -> None:
        if not self.in_flight:
            self.in_flight = True
            self.server.count(+1)

    def end(self) -> None:
        if self.in_flight:
            self.in_flight = False
            self.server.count(-1)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            self.answer(200, "text/plain", f"Version: {VERSION}\nHostname: {HOSTNAME}\n")
        elif path == "/color":
            self.answer(200, "text/html", PAGE)
        elif path == "/healthcheck":
            # A release named "broken" never gets healthy: the story needs a bad one.
            broken = VERSION == "broken"
            self.answer(503 if broken else 200, "text/plain", "broken\n" if broken else "OK\n")
        else:
            self.answer(404, "text/plain", "not found\n")

    do_HEAD = do_GET

    def answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        self.end()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged; a health check every few seconds would fill the log."""


def main() -> None:
    app = App(("", 8080))
    serving = threading.Thread(target=app.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serving.start()
    print(f"version {VERSION} serves on port 8080", flush=True)
    stop.wait()
    app.finish()
    print("the last request is answered", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
