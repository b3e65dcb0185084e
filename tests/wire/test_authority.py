"""The swarm's certificate authority, rotated by the docker CLI."""

from __future__ import annotations

import time

import pytest

from harness.world import World
from tests.control.authority import authority

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]


def test_a_new_authority_and_one_of_the_users_own(world: World) -> None:
    before = world.docker("swarm", "ca")
    assert "desired root digest" in world.docker("swarm", "ca", "--rotate")
    assert world.docker("swarm", "ca") != before
    certificate, key = authority("mine", now=time.time_ns())
    (world.root / "ca.pem").write_text(certificate)
    (world.root / "ca.key").write_text(key)
    files = ("--ca-cert", str(world.root / "ca.pem"), "--ca-key", str(world.root / "ca.key"))
    world.docker("swarm", "ca", "--rotate", *files)
    assert world.docker("swarm", "ca") == certificate.strip()
    assert world.inspect("node", "self")["Description"]["TLSInfo"]["TrustRoot"] == certificate
    outside = ("--external-ca", "protocol=cfssl,url=https://192.0.2.1/")
    world.docker("swarm", "update", *outside)
    assert "cfssl: https://192.0.2.1/" in world.docker("info")
    rotate = ("swarm", "ca", "--rotate", "--ca-cert", str(world.root / "ca.pem"), *outside)
    assert "rotating to a CA without its key is not supported" in world.docker(*rotate, check=False)
