"""Where skerry answers otherwise than Swarm on purpose; whatever else differs is a mistake."""

from __future__ import annotations

import re
from typing import NamedTuple


class Deliberate(NamedTuple):
    """Where a difference shows, as patterns that fit the whole text, and why it is right."""

    stack: str
    asker: str
    question: str
    resolver: str
    swarm: str
    skerry: str
    reason: str

    def covers(self, *texts: str) -> bool:
        """Whether it is about this stack, asker, question, resolver, and these answers."""
        return all(re.fullmatch(pattern, text) for pattern, text in zip(self, texts, strict=False))


ANY = ".*"
NONE = "NXDOMAIN|NONE"
"""No such name, in the words of any resolver."""
EMPTY = "NXDOMAIN|NODATA|NONE"

LIST = [
    Deliberate(
        "aliases",
        ANY,
        r"A (aliases_)?(gone|nothing)(\.aliases_back)?",
        ANY,
        NONE,
        r"vip\(gone,back\)",
        "a service without tasks keeps its VIP, where connections are held until one runs",
    ),
    Deliberate(
        "aliases",
        ANY,
        r"(A|AAAA) (tasks\.)?(void|gone|nothing|nothing-rr)",
        ANY,
        NONE,
        "NODATA|NONE",
        "the name of a service is one even while nothing has it: NXDOMAIN would be kept for longer",
    ),
    Deliberate(
        "hostnames",
        ANY,
        r"A (web|web\.|WEB|web\.hostnames_back|[Uu]pper|UPPER|upper\.hostnames_back)",
        ANY,
        r"task\(.*vip\((web|upper),back\)",
        r"vip\((web|upper),back\)",
        "the name of a service is the service, not the tasks that bear it as a hostname, which leave unseen",
    ),
    Deliberate(
        "hostnames",
        ANY,
        r"A db(\.hostnames_back)?",
        ANY,
        r"task\(db\.1,back\), task\(db\.2,back\), task\(liar\.1,back\)",
        r"task\(db\.1,back\), task\(db\.2,back\)",
        "a hostname does not take a part of the traffic of the service of that name",
    ),
    Deliberate(
        "hostnames",
        "cache|same",
        "A (store|twin)",
        "busybox|python",
        r"task\(.*, task\(.*",
        r"task\((cache|same)\.1,back\)",
        "the own hostname is the own address, as /etc/hosts says, also to who does not read that",
    ),
    Deliberate(
        "guests",
        ANY,
        "A (shared|rr)",
        ANY,
        r"container\(.*, (vip|task)\(.*",
        r"vip\(web,open\)|task\(rr\.1,open\)",
        "a plain container does not take a part of the traffic of the service of that name",
    ),
    Deliberate(
        "guests|host|ndots",
        ANY,
        "A (nobody|nas)",
        ANY,
        "NODATA",
        "NXDOMAIN",
        "where options are set, Swarm says of unknown short names that they have no data; they are none",
    ),
    Deliberate(
        "internal",
        "client",
        r"A outer|PTR vip\(web,closed\)",
        ANY,
        "FAILED",
        NONE,
        "what nobody may be asked about is no name, at once, instead of a failure after seconds",
    ),
    Deliberate(
        "modes",
        "lonely",
        r"A short\(lonely\.1\)",
        ANY,
        NONE,
        r"task\(lonely\.1,ingress\)",
        "the own hostname is the own address, on whatever network that is",
    ),
    Deliberate(
        "plain",
        "client",
        r"A (web\.back|Web\.Plain_Back)",
        ANY,
        NONE,
        r"vip\(web,back\)",
        "a network is also known by its name in the stack, and in any case, as services are",
    ),
    Deliberate(
        "plain",
        "client",
        r"A many\.example\.test",
        "musl|busybox",
        EMPTY,
        r"192\.0\.2\..*",
        "of an answer that is too long there is what fits: these resolvers ask no second time, by TCP",
    ),
    Deliberate(
        "plain|dots",
        "client",
        r"TXT (web|db\.internal|example\.test)",
        ANY,
        r'NXDOMAIN|NONE|"v=spf1 -all"',
        "NODATA|NONE",
        "a name of ours is one for every kind of record, and nobody else is asked about it",
    ),
    Deliberate(
        "shared",
        "client|web|other_client",
        r"A (tasks\.)?(web|WEB|web\.|db|client)(\.common)?",
        ANY,
        ANY,
        r"(vip|task)\(.*",
        "a name that services of several stacks have means those of the asker's own stack",
    ),
    Deliberate(
        "shared",
        "bare",
        r"A db(\.common)?",
        ANY,
        r"task\(other_client\.1,common\), .*",
        r"task\(other_db\.1,common\), task\(other_db\.2,common\), vip\(db,common\)",
        "a hostname does not take a part of the traffic of the service of that name",
    ),
]
