"""What programs say before they end, explained: the last lines of a log."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from skerry.core.why.cause import Cause


@dataclass(frozen=True)
class Sign:
    """What a line looks like, and what it means; `{1}` is what its first group matched."""

    pattern: str
    kind: str
    sentence: str
    advice: str = ""


SIGNS = (
    Sign(
        r"^exec (\S+): no such file or directory$|exec user process caused.*no such file",
        "interpreter-missing",
        "{1} is there, but the interpreter or the loader that it needs is not in the image",
        "a script: look at its first line (#!…, and no Windows line ends). A program: build it "
        "statically, or for "
        "this image's C library",
    ),
    Sign(
        r"exec (\S+): exec format error|exec format error|cannot execute binary file",
        "platform",
        "its program is made for another platform than this machine's",
        "build the image for this platform; a script needs a first line such as #!/bin/sh",
    ),
    Sign(
        r"exec (\S+): permission denied",
        "not-executable",
        "its command {1} is not executable",
        "chmod +x it in the image",
    ),
    Sign(
        r"error while loading shared libraries: ([^\s:]+)|Error loading shared library ([^\s:]+)",
        "library-missing",
        "the library {1}, which its program needs, is not in the image",
        "install the package with {1} in the image",
    ),
    Sign(
        r"(?:ModuleNotFoundError: No module named|Cannot find module|ImportError: .* named) '?\"?([\w./@-]+)",
        "library-missing",
        "the module {1}, which its program needs, is not in the image",
        "install {1} in the image",
    ),
    Sign(
        r"no space left on device|ENOSPC|disk quota exceeded",
        "disk-full",
        "the disk is full: no space is left on the device",
        "free some space: docker system df, df -h",
    ),
    Sign(
        r"read-only file system|EROFS",
        "read-only",
        "it can't write: its file system is read-only",
        "give it a place to write: docker service update --mount-add type=tmpfs,target=… {service}, or "
        "without "
        "--read-only",
    ),
    Sign(
        r"address already in use|EADDRINUSE|in use by another",
        "port-held",
        "it can't listen: its port is in use already",
        "two of its own processes want the same port, or, on the network host, another program has it: ss "
        "-ltnp",
    ),
    Sign(
        r"cannot allocate memory|out of memory|MemoryError|OutOfMemoryError|heap out of memory",
        "memory",
        "it got no more memory",
        "docker service update --limit-memory … {service}",
    ),
    Sign(
        r"(?:sh|bash|ash|dash)(?::| line| \d).*?([\w./-]+): (?:command )?not found",
        "command-missing",
        "its script asks for the command {1}, which is not in the image",
        "install {1} in the image",
    ),
    Sign(
        r"permission denied|EACCES|operation not permitted|EPERM",
        "permission",
        "it is not allowed to do what it wants to: permission denied",
        "look at the rights of its files, and at its user: docker service inspect --pretty {service}",
    ),
    Sign(
        r"connection refused|ECONNREFUSED|no route to host|connection timed out|ETIMEDOUT",
        "connection",
        "it could not connect to something that it needs",
        "see whether that runs: skerry status",
    ),
)
NAME = re.compile(
    r"(?:bad address|host not found in upstream|getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|could not resolve host|"
    r"could not translate host name|lookup|unknown host|no address associated with(?: hostname)?|"
    r"Name or service not known|Temporary failure in name resolution)[:\s\"'“]*([\w][\w.-]*)?",
    re.IGNORECASE,
)
QUOTED = re.compile(r"[\"'“]([\w][\w.-]*)[\"'”]")


def of_last_words(lines: tuple[str, ...], service: str, names: Collection[str]) -> Cause | None:
    """What the last lines of a log tell of a failure; None where they tell nothing. `names` are those
    that can be
    looked up."""
    for sign in SIGNS:
        for line in reversed(lines):
            if match := re.search(sign.pattern, line, re.IGNORECASE):
                what = next((group for group in match.groups() if group), "its command")
                texts = [
                    text.replace("{1}", what).replace("{service}", service)
                    for text in (sign.sentence, sign.advice)
                ]
                if sign.kind == "connection" and (unknown := _of_name(lines, names)) is not None:
                    return unknown
                return Cause(sign.kind, texts[0], (f"it said “{line}”",), (texts[1],) if texts[1] else ())
    return _of_name(lines, names)


def _of_name(lines: tuple[str, ...], names: Collection[str]) -> Cause | None:
    """A name that nobody has, and the nearest that somebody has."""
    for line in reversed(lines):
        if match := NAME.search(line):
            quoted = QUOTED.search(line)
            name = match[1] or (quoted[1] if quoted else "")
            near = difflib.get_close_matches(name, sorted(names), 1, 0.6) if name else []
            what = f"the name {name}" if name else "a name"
            if name in names:
                sentence = f"{what} led it nowhere when it asked: the service may have had no task then"
            else:
                sentence = f"nobody has {what}, which it asked for" + (
                    f"; there is {near[0]}" if near else ""
                )
            return Cause(
                "name",
                sentence,
                (f"it said “{line}”",),
                ("both have to be on one network; docs/names.md says which names there are",),
            )
    return None
