"""What `make bench-deploy` holds skerry's containers against: the same ones, made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.deploy import IMAGE, body_of
from bench.peer.floor import PREFIX


def test_a_container_is_made_again_as_it_is_shown(tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 10.0.0.254\n")
    mount = {"Type": "bind", "Source": str(resolv), "Target": "/etc/resolv.conf"}
    shown: Any = {
        "Id": "c1",
        "Config": {"Hostname": "c1", "Image": "sha256:abc", "Cmd": ["sleep"], "Labels": {"a": "b"}},
        "HostConfig": {"NetworkMode": "skerry.n1", "Mounts": [mount], "Binds": [f"{resolv}:/b:ro"]},
        "NetworkSettings": {"Networks": {"skerry.n1": {"IPAMConfig": {"IPv4Address": "10.0.0.3"}}}},
    }
    body = body_of(shown, tmp_path)
    resolv.unlink()  # it goes with the stack
    (bound,) = body["HostConfig"]["Mounts"]
    assert Path(bound["Source"]).read_text() == "nameserver 10.0.0.254\n"
    assert body["HostConfig"]["Binds"] == [f"{bound['Source']}:/b:ro"]
    assert {name: body[name] for name in ("Image", "Cmd", "Labels")} == {
        "Image": IMAGE,
        "Cmd": ["sleep"],
        "Labels": {"a": "b"},
    }
    assert "Hostname" not in body
    assert body["HostConfig"]["NetworkMode"] == PREFIX
    assert body["NetworkingConfig"]["EndpointsConfig"] == {
        PREFIX: {"IPAMConfig": {"IPv4Address": "10.0.0.3"}}
    }
