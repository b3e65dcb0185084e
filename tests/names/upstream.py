"""The nameservers of the host: `python -m tests.names.upstream`, until it is ended. It says `ready`.

Two addresses of the outside host know the same names, but for `who.test`, which tells who was asked. All
names but these are unknown there: that is an answer, too.
"""

from __future__ import annotations

import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from demo.settings import CHECKOUT
from harness.net import OUTSIDE, Net, run

FIRST, SECOND = OUTSIDE, "10.99.0.53"
TTL_S = 60
RECORDS: dict[str, dict[str, list[str]]] = {
    "www.example.test": {"A": ["192.0.2.80"], "AAAA": ["2001:db8::80"]},
    "web.example.test": {"A": ["192.0.2.81"]},
    "alias.example.test": {"CNAME": ["www.example.test."]},
    "four.example.test": {"A": ["192.0.2.4"]},
    "six.example.test": {"AAAA": ["2001:db8::6"]},
    "many.example.test": {"A": [f"192.0.2.{last}" for last in range(100, 160)]},
    "example.test": {"MX": ["10 mail.example.test."], "TXT": ['"v=spf1 -all"']},
    "_sip._tcp.example.test": {"SRV": ["0 5 5060 sip.example.test."]},
    "nas.corp.test": {"A": ["192.0.2.90"]},
    "web.corp.test": {"A": ["192.0.2.91"]},
    "db.corp.test": {"A": ["192.0.2.92"]},
    "a.b.corp.test": {"A": ["192.0.2.93"]},
    "nas.lab.test": {"A": ["192.0.2.94"]},
    "printer.lab.test": {"A": ["192.0.2.95"]},
    "intranet": {"A": ["192.0.2.96"]},
    "80.2.0.192.in-addr.arpa": {"PTR": ["www.example.test."]},
}


def records(server: str) -> dict[str, dict[str, list[str]]]:
    """What a server knows."""
    return {**RECORDS, "who.test": {"A": ["192.0.2.1" if server == FIRST else "192.0.2.2"]}}


def respond(wire: bytes, server: str, *, udp: bool) -> bytes | None:
    """The response to a question; None to what is none."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    question, known = query.question[0], records(server)
    response = dns.message.make_response(query, recursion_available=True)
    name, kind = question.name, dns.rdatatype.to_text(question.rdtype)
    if _key(name) not in known:
        response.set_rcode(dns.rcode.NXDOMAIN)
    while rows := known.get(_key(name), {}):
        own = "CNAME" if "CNAME" in rows else kind
        if own in rows:
            response.answer.append(dns.rrset.from_text(name, TTL_S, "IN", own, *rows[own]))
        if own != "CNAME":
            break
        name = dns.name.from_text(rows[own][0])
    return _fitting(query, response, udp=udp)


def _fitting(query: dns.message.Message, response: dns.message.Message, *, udp: bool) -> bytes:
    try:
        return response.to_wire(max_size=max(query.payload, 512) if udp else 65535)
    except dns.exception.TooBig:
        short = dns.message.make_response(query, recursion_available=True)
        short.flags |= dns.flags.TC
        return short.to_wire()


def _key(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, bound = self.request
        response = respond(data, bound.getsockname()[0], udp=True)
        if response is not None:
            bound.sendto(response, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while head := self.rfile.read(2):
            data = self.rfile.read(struct.unpack("!H", head)[0])
            response = respond(data, self.connection.getsockname()[0], udp=False)
            if response is None:
                return
            self.wfile.write(struct.pack("!H", len(response)) + response)


class _Datagrams(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Streams(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def upstream(net: Net) -> Iterator[None]:
    """Both nameservers on the outside host of a network."""
    run("ip", "-n", net.outside, "address", "add", f"{SECOND}/24", "dev", "eth0")
    words = net.within([sys.executable, "-m", "tests.names.upstream"], outside=True)
    process = subprocess.Popen(words, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the nameservers do not start")
        yield
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """Serve."""
    servers: list[Any] = [
        kind((address, 53), handler)
        for address in (FIRST, SECOND)
        for kind, handler in ((_Datagrams, _Datagram), (_Streams, _Stream))
    ]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
