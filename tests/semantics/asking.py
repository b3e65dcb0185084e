"""`python asking.py SERVER NAME KIND [udp|tcp] [PAYLOAD]`, in a container's network namespace: one question.

Prints the code, the flags and what was answered, as JSON.
"""

from __future__ import annotations

import json
import sys

import dns.flags
import dns.message
import dns.query
import dns.rcode

PATIENCE_S = 20.0


def main(server: str, name: str, kind: str, way: str = "udp", payload: str = "0") -> None:
    """Ask, and print the answer."""
    query = dns.message.make_query(name, kind, use_edns=payload != "0", payload=int(payload) or 512)
    ask = dns.query.tcp if way == "tcp" else dns.query.udp
    answer = ask(query, server, timeout=PATIENCE_S)
    records = [item.to_text() for rrset in answer.answer for item in rrset]
    cut = bool(answer.flags & dns.flags.TC)
    print(json.dumps([dns.rcode.to_text(answer.rcode()), cut, records]))


if __name__ == "__main__":
    main(*sys.argv[1:])
