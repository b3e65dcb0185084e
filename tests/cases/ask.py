"""`python ask.py NAME TIMES`, inside a container's network namespace: who answers to a service's name there.

The name goes to the engine's resolver, as a container's own question does. A line for each time; empty where
nobody answered.
"""

from __future__ import annotations

import sys
import urllib.request

import dns.message
import dns.query

RESOLVER, PATIENCE_S = "127.0.0.11", 3


def answer(name: str) -> str:
    """The page of one who has the name."""
    try:
        question = dns.message.make_query(name, "A")
        found = dns.query.udp(question, RESOLVER, timeout=PATIENCE_S).answer[0][0]
        page: bytes = urllib.request.urlopen(f"http://{found}/", timeout=PATIENCE_S).read()
    except (OSError, IndexError, dns.exception.DNSException):
        return ""
    return page.decode().strip()


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        print(answer(sys.argv[1]), flush=True)
