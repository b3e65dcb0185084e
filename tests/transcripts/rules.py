"""What may differ between two runs that are the same; what may between two machines: see `machine`."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What matches `pattern` becomes `<name:N>`; where `same`, each N must be one value in a whole session.

    `where` is searched in the path of keys to the value, as `Spec.TaskTemplate.ContainerSpec.Image`; the
    target of a request and a whole text have the path `/`.
    """

    name: str
    pattern: str
    same: bool = True
    where: str = ""


UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?"
DAY = rf"{MOMENT}Z"

RULES = (
    # a look-up of a registry, which has none to reach here
    Rule("offline", r'Get "https://.+ network is unreachable', same=False),
    # identity: drawn at random, must be the same wherever the same thing is meant
    Rule("token", r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}"),
    Rule("key", r"SWMKEY-1-[A-Za-z0-9+/]{43}"),
    Rule("engine", rf"(?:[A-Z2-7]{{4}}:){{11}}[A-Z2-7]{{4}}|{UUID}", where=r"^ID$"),
    Rule("id", r"(?<![0-9a-z])[0-9a-z]{25}(?![0-9a-z])"),
    Rule("hex", r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"),
    Rule("short", r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])", same=False),
    Rule("generated", r"[a-z]+_[a-z]+", where=r"^Spec\.Name$"),
    Rule("version", r"\d+", where=r"\bVersion\.Index$"),
    # the clock
    Rule("local", rf"{MOMENT}(?:Z|[+-]\d\d:\d\d)", same=False, where=r"^SystemTime$"),  # in the engine's zone
    Rule("time", rf"(?!0001){DAY}", same=False),
    Rule("clock", r"\d+", same=False, where=r"^(time|timeNano|Created)$"),
    Rule("ago", r"(?:Less than|About)? ?(?:an?|\d+) (?:second|minute)s?", same=False, where=r"^Status$"),
    # the machine and its addresses
    Rule("address", r"10\.(?!99\.|50\.0\.[01]\b)\d+\.\d+\.\d+|172\.17\.0\.(?![01]\b)\d+"),
    Rule("mac", r"02:42(?::[0-9a-f]{2}){4}", same=False),  # derived from the address
    Rule("drawn", r"[0-9a-f][26ae](?::[0-9a-f]{2}){5}", same=False),  # a MAC of an engine from 28.0 on
    Rule("pid", r"\d+", same=False, where=r"\b(PID|Pid)$"),
    Rule("host", rf"\b{re.escape(socket.gethostname())}\b", same=False),
    Rule(
        "amount",
        r"\d+",
        same=False,
        where=r"^(NFd|NGoroutines|NEventsListener|Containers\w*)$",
    ),
    Rule("mesh", r"\d+", same=False, where=r"vxlanid_list$|LocalLBIndex$"),
    Rule("place", r"/tmp/[^\s\"]+|/var/lib/docker[^\s\"]*", same=False),
    # keys and certificates
    Rule("certificate", r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n", same=False),
    Rule("public", r"M[A-Za-z0-9+/]{60,}=*", same=False, where="CertIssuerPublicKey$"),
)

FREE_LISTS = r"^/v[\d.]+/(services|tasks|nodes|secrets|configs|networks)(\?|$)"
"""Lists without an order of their own: Swarm gives them by ID, which is random."""
