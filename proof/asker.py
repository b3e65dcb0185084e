"""Clients in a container that look a name up for each request: `asker.py KIND NAME PORT`, until SIGTERM.

Standard library only; each request is a line as in `proof.clients`. The look-up is libc's, with the
container's own /etc/resolv.conf.
"""

import signal
import socket
import sys
import threading
import time

CLIENTS = 2
EVERY_S = 0.05
PATIENCE_S = 12.0
REQUEST = b"GET / HTTP/1.1\r\nHost: proof\r\nConnection: close\r\n\r\n"


def get(name: str, port: int) -> str:
    """Ask once; what went wrong, in words."""
    try:
        address = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        with socket.create_connection((str(address), port), PATIENCE_S) as plug:
            plug.sendall(REQUEST)
            answer = b""
            while piece := plug.recv(65536):
                answer += piece
    except OSError as error:
        return f"{type(error).__name__} {error}".replace("\t", " ").replace("\n", " ")
    return "" if answer.startswith(b"HTTP/1.1 200") and b"Version:" in answer else "cut off"


def loop(stop: threading.Event, kind: str, name: str, port: int) -> None:
    """One client."""
    while not stop.is_set():
        start = time.monotonic()
        error = get(name, port)
        took = (time.monotonic() - start) * 1000
        outcome = "failed" if error else "ok"
        sys.stdout.write(f"{start:.6f}\t{took:.2f}\t{kind}\t{outcome}\t{error}\n")
        sys.stdout.flush()
        stop.wait(max(0.0, start + EVERY_S - time.monotonic()))


def main() -> None:
    """All clients of a kind."""
    kind, name, port = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [threading.Thread(target=loop, args=(stop, kind, name, int(port))) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("end", flush=True)


main()
