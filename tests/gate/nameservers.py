"""Nameservers that say what a test wants."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from tests.gate.nameserver import Say


def saying(address: str, ttl: int = 60, code: dns.rcode.Rcode = dns.rcode.NOERROR) -> dns.message.Message:
    """A response with one address, or with a denial."""
    response = dns.message.make_response(dns.message.make_query("www.example.org", "A"))
    response.set_rcode(code)
    if code == dns.rcode.NOERROR:
        response.answer.append(dns.rrset.from_text("www.example.org.", ttl, "IN", "A", address))
    return response


def says(address: str, ttl: int = 60, code: dns.rcode.Rcode = dns.rcode.NOERROR) -> Say:
    """What a nameserver says to every question."""

    def say(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(code)
        response.answer = saying(address, ttl, code).answer
        return response

    return say
