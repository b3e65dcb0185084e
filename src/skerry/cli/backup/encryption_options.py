"""What a backup is encrypted with, and opened with, as the options of the commands say."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from skerry.archive import encryption
from skerry.archive.unpack import Source
from skerry.cli.options import PASSPHRASE_VARIABLE as VARIABLE
from skerry.model.errors import InvalidParameter


@dataclass(frozen=True)
class Lock:
    """What a backup is encrypted with; with neither it is not."""

    recipients: tuple[str, ...] = ()
    passphrase: str = ""

    def __bool__(self) -> bool:
        return bool(self.recipients or self.passphrase)


@dataclass(frozen=True)
class Opener:
    """What may open a backup: the file of an identity, and a passphrase once that is needed."""

    identity: Path | None
    passphrase: Callable[[], str]

    @contextmanager
    def opened(self, file: str) -> Iterator[tuple[Source, bool]]:
        """What is in a backup (`-`: standard input), and whether that was encrypted."""
        with ExitStack() as stack:
            handle = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
            yield stack.enter_context(encryption.opened(handle, self.identity, self.passphrase))


@dataclass(frozen=True)
class Locking:
    """How a backup is to be encrypted; `prompted`: somebody types the passphrase, unless it is known."""

    recipients: tuple[str, ...]
    prompted: bool
    file: str | None

    def lock(self) -> Lock:
        """What to encrypt with. Raises SkerryError with a sentence."""
        with_passphrase = self.prompted or self.file is not None
        if self.recipients and with_passphrase:
            raise InvalidParameter("a backup is encrypted for recipients or with a passphrase, not both")
        encryption.check_recipients(list(self.recipients))
        return Lock(self.recipients, _passphrase(self.file, confirm=True) if with_passphrase else "")


def opener(identity: str | None, file: str | None) -> Opener:
    """What to open with."""
    return Opener(Path(identity) if identity else None, lambda: _passphrase(file, confirm=False))


def _passphrase(file: str | None, *, confirm: bool) -> str:
    """From the file, or else the environment, or else whoever sits at the terminal. Raises InvalidParameter
    where there is none."""
    if file is not None:
        text = Path(file).read_text(encoding="utf-8").partition("\n")[0]
    elif VARIABLE in os.environ:
        text = os.environ[VARIABLE]
    elif sys.stdin.isatty():
        text = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    else:
        raise InvalidParameter(
            f"it takes a passphrase, and nobody can be asked here: --passphrase-file FILE, or ${VARIABLE}"
        )
    if not text:
        raise InvalidParameter("an empty passphrase protects nothing")
    return text
