"""`python asking.py SERVER NAME KIND [udp|tcp] [PAYLOAD] [TIMES]`, in a container's network namespace.

Asks one question so many times, and prints for each, as a line of JSON: the code, whether the answer was cut,
and what it says.
"""

from __future__ import annotations

import json
import sys

import dns.flags
import dns.message
import dns.query
import dns.rcode

PATIENCE_S = 20.0


def main(server: str, name: str, kind: str, way: str = "udp", payload: str = "0", times: str = "1") -> None:
    """Ask, and print the answers."""
    query = dns.message.make_query(name, kind, use_edns=payload != "0", payload=int(payload) or 512)
    ask = dns.query.tcp if way == "tcp" else dns.query.udp
    for _ in range(int(times)):
        answer = ask(query, server, timeout=PATIENCE_S)
        records = [item.to_text() for rrset in answer.answer for item in rrset]
        cut = bool(answer.flags & dns.flags.TC)
        print(json.dumps([dns.rcode.to_text(answer.rcode()), cut, records]))


if __name__ == "__main__":
    main(*sys.argv[1:])
