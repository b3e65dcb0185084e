"""Who shows no certificate of the swarm's, an old one or one that was taken back, gets no answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.world import World, wait_until
from tests.access.remote import Remote, audited

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


def openssl(folder: Path, *words: str) -> None:
    """One openssl command in a folder."""
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def signed_by(remote: Remote, authority: str, key: str, folder: Path, *more: str) -> Remote:
    """The same user with a certificate that somebody else has made."""
    folder.mkdir()
    (folder / "ca.pem").write_bytes((remote.folder / "ca.pem").read_bytes())
    openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem")
    openssl(folder, "req", "-new", "-key", "key.pem", "-subj", "/CN=known", "-out", "csr")
    signing = ("-CA", authority, "-CAkey", key, "-CAcreateserial", *more)
    openssl(folder, "x509", "-req", "-in", "csr", *signing, "-out", "cert.pem")
    return Remote(remote.world, folder)


@pytest.fixture(scope="module")
def known(served: World) -> Remote:
    """A user who is known."""
    return Remote.added(served, "known", "read")


def test_with_a_certificate_there_is_an_answer(known: Remote) -> None:
    assert known.answers()
    assert known.folder.joinpath("key.pem").stat().st_mode & 0o777 == 0o600


def test_without_one_there_is_none(known: Remote) -> None:
    world = known.world
    line = ("curl", "--silent", "--insecure", "--write-out", "%{http_code}", "https://127.0.0.1:2376/_ping")
    assert world.run(*line, check=False).endswith("000")
    assert world.run(*line[:-1], "http://127.0.0.1:2376/_ping", check=False).endswith("000")


def test_another_authoritys_counts_for_nothing(known: Remote) -> None:
    place = known.world.root / "strange"
    place.mkdir()
    words = (
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=swarm-ca",
        "-keyout",
        "key",
        "-out",
        "ca",
    )
    openssl(place, "req", *words)
    strange = signed_by(known, str(place / "ca"), str(place / "key"), place / "user")
    assert not strange.answers()


def test_one_that_the_swarms_authority_gave_to_nobody_counts_for_nothing(served: World) -> None:
    """The swarm gets an authority of the user's own, which signs what skerry has not."""
    place = served.root / "own"
    place.mkdir()
    words = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "900", "-subj", "/CN=swarm-ca")
    openssl(place, "req", *words, "-keyout", "key", "-out", "ca")
    before = Remote.added(served, "before", "read")
    assert before.answers()
    files = ("--ca-cert", str(place / "ca"), "--ca-key", str(place / "key"))
    served.docker("swarm", "ca", "--rotate", "--detach", *files)
    wait_until(lambda: not before.answers(), "the former authority is forgotten")
    after = Remote.added(served, "after", "read")
    wait_until(after.answers, "the new one counts")
    forged = signed_by(after, str(place / "ca"), str(place / "key"), place / "user", "-days", "30")
    assert not forged.answers()


def test_who_is_removed_is_cut_off_at_once(served: World) -> None:
    gone = Remote.added(served, "gone", "read")
    certificate = [str(gone.folder / file) for file in ("ca.pem", "cert.pem", "key.pem")]
    words = ["--cacert", certificate[0], "--cert", certificate[1], "--key", certificate[2]]
    line = served.net.within(  # unlike --include, --dump-header keeps nothing back until there is a body
        ["curl", "--silent", "--no-buffer", "--dump-header", "-", *words, "https://127.0.0.1:2376/events"]
    )
    events = subprocess.Popen(line, stdout=subprocess.PIPE)
    assert events.stdout is not None
    assert b" 200" in events.stdout.readline()
    assert served.skerry("user", "rm", "gone") == "gone\n"
    assert events.wait(60) != 0, "the stream ends with the user"
    events.stdout.close()
    assert not gone.answers()
    assert "gone" not in served.skerry("user", "ls")


def test_who_connects_while_skerryd_is_away_waits_for_the_next(served: World) -> None:
    user = Remote.added(served, "patient", "read")
    served.kill_skerryd()
    certificate = [str(user.folder / file) for file in ("ca.pem", "cert.pem", "key.pem")]
    words = ["--cacert", certificate[0], "--cert", certificate[1], "--key", certificate[2]]
    line = ["curl", "--silent", "--fail", "--max-time", "60", *words, "https://127.0.0.1:2376/_ping"]
    asked = subprocess.Popen(served.net.within(line), stdout=subprocess.PIPE)
    served.up()
    assert asked.communicate(timeout=90)[0] == b"OK"
    assert user.answers()
    entry = next(entry for entry in reversed(audited(served)) if entry["path"] == "/skerry/users")
    assert (entry["who"], entry["uid"], entry["details"]) == ("root", 0, {"name": "patient"})
    assert (served.data_dir / "audit.log").stat().st_mode & 0o777 == 0o600


def test_an_address_that_somebody_else_has_is_refused(served: World) -> None:
    code, said = served.attempt("serve", "tcp://203.0.113.7:2376")
    assert code == 1
    assert "tcp://203.0.113.7:2376 can't be served" in said
    assert "203.0.113.7" not in served.skerry("serve")
