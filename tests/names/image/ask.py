"""Answers the questions on standard input, a line each, by a resolver: `ask.py glibc|busybox|python`.

A question is `KIND NAME`. An answer is the data, sorted, with tabs between, or NXDOMAIN (no such name),
NODATA (a name without data of this kind), NONE (one of these two), FAILED (none came, or one that says so).
Runs in the container; needs nothing but what is beside it.
"""

import re
import socket
import subprocess
import sys

import dns.exception
import dns.resolver
import dns.reversename

FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}
LIFETIME_S = 12


def glibc(kind: str, name: str) -> list[str]:
    """By getaddrinfo and getnameinfo of the C library."""
    try:
        if kind == "PTR":
            return [socket.getnameinfo((name, 0), socket.NI_NAMEREQD)[0]]
        # bytes: a text would be encoded as an international name first
        return [
            str(row[4][0])
            for row in socket.getaddrinfo(name.encode(), None, FAMILIES[kind], socket.SOCK_STREAM)
        ]
    except socket.gaierror as error:
        return [{socket.EAI_NONAME: "NXDOMAIN", socket.EAI_NODATA: "NODATA"}.get(error.errno or 0, "FAILED")]


def python(kind: str, name: str) -> list[str]:
    """By dnspython, which reads /etc/resolv.conf itself and no /etc/hosts."""
    resolver = dns.resolver.Resolver()
    target = dns.reversename.from_address(name) if kind == "PTR" else name
    try:
        response = resolver.resolve(target, kind, search=True, lifetime=LIFETIME_S)
    except dns.resolver.NXDOMAIN:
        return ["NXDOMAIN"]
    except dns.resolver.NoAnswer:
        return ["NODATA"]
    except dns.exception.DNSException:
        return ["FAILED"]
    return [row.to_text() for row in response]


BUSYBOX_DATA = {
    "A": r"^Address: ([\d.]+)$",
    "AAAA": r"^Address: ([\da-f:]+:[\da-f:]*)$",
    "PTR": r"name = (\S+)$",
    "MX": r"mail exchanger = (.+)$",
    "TXT": r"text = (.+)$",
    "SRV": r"service = (.+)$",
}


def busybox(kind: str, name: str) -> list[str]:
    """By busybox's nslookup, which reads /etc/resolv.conf itself, too, and asks for all that it searches."""
    target = dns.reversename.from_address(name).to_text() if kind == "PTR" else name
    words = ["/ask/busybox", "nslookup", f"-type={kind.lower()}", target]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    _, _, answers = done.stdout.partition("\n\n")  # the server stands before
    data = re.findall(BUSYBOX_DATA[kind], answers, re.MULTILINE)
    errors = re.findall(r"^\*\* server can't find .*: (\w+)$", answers, re.MULTILINE)
    if data:
        return list(data)
    if "no servers could be reached" in done.stdout or set(errors) - {"NXDOMAIN"}:
        return ["FAILED"]
    return ["NXDOMAIN" if errors and "Non-authoritative answer" not in answers else "NODATA"]


def main() -> None:
    """Ask all."""
    ask = {"glibc": glibc, "busybox": busybox, "python": python}[sys.argv[1]]
    for line in sys.stdin:
        kind, name = line.split()
        print(*sorted({text.removesuffix(".") for text in ask(kind, name)}), sep="\t", flush=True)


if __name__ == "__main__":
    main()
