"""How soon what listens is served: `python -m bench.listening`.

A service of one task without a HEALTHCHECK is replaced again and again, stop first. Its program takes a
second to get ready, notes when it listens, and when a request is with it. A client asks at the published port
all the time: while there is no task, the gate holds its connection.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import threading
from collections.abc import Iterator

from demo.ending import end_in_order
from harness.net import INSIDE
from harness.world import World, wait_until
from skerry.linux.netns import RUN_NETNS, inside

NAME = "listener"
PORT = 8080
ANSWER_S = 30.0
PROGRAM = """
import socket, time
time.sleep(1)
server = socket.create_server(("", 8080))
listened, first = time.monotonic_ns(), True
while True:
    client, _ = server.accept()
    if client.recv(4096) and first:
        print("first", (time.monotonic_ns() - listened) / 1e6, flush=True)
        first = False
    client.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    client.close()
"""


class Client:
    """Asks in a loop, a connection for each request."""

    def __init__(self) -> None:
        self.requests = self.failed = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Ask until it is over."""
        while not self.over.wait(0.002):
            self.requests += 1
            connection = http.client.HTTPConnection(INSIDE, PORT, timeout=ANSWER_S)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                self.failed += 1
            finally:
                connection.close()


@contextlib.contextmanager
def asking(world: World) -> Iterator[Client]:
    """A client in the machine's place."""
    client = Client()
    thread = threading.Thread(target=lambda: inside(RUN_NETNS / world.net.inside, client.run))
    thread.start()
    try:
        yield client
    finally:
        client.over.set()
        thread.join()


def measured(world: World) -> list[float]:
    """Milliseconds from the listening to the first request, of each task so far that had one."""
    lines = world.docker("service", "logs", "--raw", NAME).splitlines()
    return [float(line.split()[1]) for line in lines if line.startswith("first ")]


def await_served(world: World, tasks: int) -> None:
    """Wait until so many tasks have had a request."""
    wait_until(lambda: len(measured(world)) == tasks, f"{tasks} tasks were served", 90)


def main() -> None:
    """Measure and print."""
    end_in_order()
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    with World(images=["story"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        publish = ["--publish", f"{PORT}:8080", "--no-healthcheck", "--update-monitor", "1ms"]
        publish += ["--stop-signal", "SIGKILL"]  # as process 1 it does not heed SIGTERM
        program = ["--entrypoint", "python3", "story-app:1.0.0", "-c", PROGRAM]
        world.docker("swarm", "update", "--task-history-limit", str(times + 1))
        world.docker("service", "create", "--detach", "--name", NAME, *publish, *program)
        with asking(world) as client:
            await_served(world, 1)
            for number in range(2, times + 1):
                world.docker("service", "update", "--quiet", "--force", NAME, timeout=90)
                await_served(world, number)
        took = measured(world)
    figures = f"median_ms={statistics.median(took):.1f} slowest_ms={max(took):.1f}"
    print(f"bench-listening: tasks={len(took)} {figures} requests={client.requests} failed={client.failed}")


if __name__ == "__main__":
    main()
