"""An encrypted backup opens with its key alone, and one that was cut or changed does not at all."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest

from skerry.archive.encryption import ARMOR_END, CannotOpen, encrypt, opened
from skerry.archive.manifest import BadArchive, Manifest
from skerry.archive.unpack import unpack
from skerry.model.errors import InvalidParameter
from tests.archive.made import STATE, as_file, small_backup

pytestmark = pytest.mark.timeout(180)  # what a passphrase opens is to take its time


def encrypted(data: bytes, recipients: list[str], passphrase: str = "") -> bytes:
    sink = io.BytesIO()
    encrypt(as_file(data), sink, recipients, passphrase)
    return sink.getvalue()


def identity_file(folder: Path) -> tuple[str, Path]:
    """A recipient, and the file of its identity as age-keygen writes it."""
    identity = pyrage.x25519.Identity.generate()
    path = folder / "identity"
    path.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n")
    return str(identity.to_public()), path


def read(data: bytes, folder: Path, identity: Path | None = None, passphrase: str = "") -> Manifest:
    folder.mkdir()
    with opened(as_file(data), identity, lambda: passphrase) as (source, is_encrypted):
        assert is_encrypted
        return unpack(source, folder)


def test_for_a_recipient(tmp_path: Path) -> None:
    recipient, identity = identity_file(tmp_path)
    data = encrypted(small_backup(tmp_path / "in"), [recipient])
    assert STATE[:100] not in data
    assert read(data, tmp_path / "out", identity).stacks == ["shop"]
    assert (tmp_path / "out/state/skerry.db").read_bytes() == STATE


def test_with_a_passphrase(tmp_path: Path) -> None:
    data = encrypted(small_backup(tmp_path / "in"), [], "correct horse")
    assert STATE[:100] not in data
    assert read(data, tmp_path / "out", passphrase="correct horse").stacks == ["shop"]
    with pytest.raises(CannotOpen, match="does not open with this passphrase"):
        read(data, tmp_path / "wrong", passphrase="incorrect horse")
    assert not list((tmp_path / "wrong").iterdir())


def test_the_two_halves_of_one_with_a_passphrase_open_by_hand(tmp_path: Path) -> None:
    plain = small_backup(tmp_path / "in")
    data = encrypted(plain, [], "correct horse")
    end = data.index(ARMOR_END) + len(ARMOR_END) + 1
    identity = pyrage.x25519.Identity.from_str(
        pyrage.passphrase.decrypt(data[:end], "correct horse").decode()
    )
    assert pyrage.decrypt(data[end:], [identity]) == plain


def test_who_is_no_recipient_reads_nothing(tmp_path: Path) -> None:
    recipient, _ = identity_file(tmp_path)
    data = encrypted(small_backup(tmp_path / "in"), [recipient])
    _, another = identity_file(tmp_path)
    with pytest.raises(CannotOpen, match="does not open with this identity"):
        read(data, tmp_path / "out", another)
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(CannotOpen, match=r"name the file of its identity \(--identity\)"):
        read(data, tmp_path / "without")


def test_an_ssh_key_will_do(tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen")
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    data = encrypted(small_backup(tmp_path / "in"), [key.with_suffix(".pub").read_text()])
    assert read(data, tmp_path / "out", key).stacks == ["shop"]


def test_one_that_was_cut_or_changed_is_refused(tmp_path: Path) -> None:
    recipient, identity = identity_file(tmp_path)
    data = encrypted(small_backup(tmp_path / "in"), [recipient])
    for number, length in enumerate((len(data) - 1, len(data) - 20, len(data) // 2, 300)):
        with pytest.raises(BadArchive, match=r"torn|no backup"):
            read(data[:length], tmp_path / f"cut{number}", identity)
    changed = bytearray(data)
    changed[-100_000] ^= 1
    with pytest.raises(BadArchive, match="is torn, or was changed"):
        read(bytes(changed), tmp_path / "changed", identity)


@pytest.mark.parametrize("recipient", ["", "age1", "ssh-ed25519 x", "AGE-SECRET-KEY-1"])
def test_what_is_no_recipient_is_said(recipient: str) -> None:
    with pytest.raises(InvalidParameter, match="is no recipient of age"):
        encrypt(as_file(b""), io.BytesIO(), [recipient])


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "age1notasecret\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nx"]
)
def test_what_is_no_identity_is_said(tmp_path: Path, text: str) -> None:
    recipient, identity = identity_file(tmp_path)
    data = encrypted(small_backup(tmp_path / "in"), [recipient])
    identity.write_text(text)
    with pytest.raises(CannotOpen, match="identity of age"):
        read(data, tmp_path / "out", identity)


def test_a_plain_one_is_read_as_it_is(tmp_path: Path) -> None:
    with opened(as_file(small_backup(tmp_path / "in")), None, str) as (source, is_encrypted):
        assert not is_encrypted
        assert unpack(source, tmp_path / "out").stacks == ["shop"]
