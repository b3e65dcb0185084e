"""`skerry export --from` a machine that means harm: nothing is written but in the folder."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest
import yaml

from skerry.cli.outgrow.export import FILE, Unsafe, write
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.model.objects import Raw
from tests.outgrow.stack import STACK, service

pytestmark = pytest.mark.case("B10")

NAMES = [
    "../../x", "..", ".", "", "/etc/passwd", "/tmp/x", "a/../../x", "a/b", "x\0y", "x\ny", "-x", ".x", "x.",
    "x" * 65, "x" * 5000, "ü", "a b", "~/x", "$HOME", "\\..\\x", "\u202ex", "x/", "./x", "..\u2215x",
]  # fmt: skip


def config(name: str, data: str = "cGxhaW4=") -> Raw:
    return {"ID": "c1", "Spec": {"Name": name, "Labels": STACK, "Data": data}}


def snapshot(name: str, data: str = "cGxhaW4=") -> Snapshot:
    return Snapshot(services={"shop_app": service()}, configs={name: config(name, data)})


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:20]))
def test_a_name_that_leaves_the_folder_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "one" / "two" / "three"
    with pytest.raises(Unsafe, match="there is a config named"):
        write("shop", snapshot(name), folder)
    assert everything(tmp_path) == []


@pytest.mark.parametrize("name", ["a", "shop_conf.v2-1", "A" * 64, "0.._--0"])
def test_a_name_of_swarms_is_a_file(tmp_path: Path, name: str) -> None:
    write("shop", snapshot(name), tmp_path)
    assert everything(tmp_path) == ["configs", f"configs/{name}", FILE]
    assert (tmp_path / "configs" / name).read_bytes() == b"plain"


@pytest.mark.parametrize("data", ["%", "abc", "\ud800"])
def test_content_that_is_none_is_said(tmp_path: Path, data: str) -> None:
    with pytest.raises(Unsafe, match="the content of the config conf can't be read"):
        write("shop", snapshot("conf", data), tmp_path)
    assert everything(tmp_path) == []


def test_links_in_the_folder_lead_nowhere(tmp_path: Path) -> None:
    theirs, folder = tmp_path / "theirs", tmp_path / "folder"
    theirs.write_text("untouched")
    (folder / "configs").mkdir(parents=True)
    for name in ("configs/conf", FILE):
        (folder / name).symlink_to(theirs)
    write("shop", snapshot("conf"), folder)
    assert theirs.read_text() == "untouched"
    assert not (folder / "configs" / "conf").is_symlink()
    assert (folder / "configs" / "conf").read_bytes() == b"plain"
    assert everything(folder) == ["configs", "configs/conf", FILE]


def test_a_linked_folder_of_configs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "configs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unsafe, match="is a symbolic link"):
        write("shop", snapshot("conf"), tmp_path)
    assert everything(tmp_path) == ["configs", "elsewhere"]


def test_a_name_does_not_leave_its_comment(tmp_path: Path) -> None:
    """What must be there first stands in comments at the top."""
    name = "front\nservices: {evil: {image: evil}}\n\x1b[2J"
    found = Snapshot(services={"shop_app": service()}, networks={name: {"Name": name, "Id": "n1"}})
    write("shop", found, tmp_path)
    text = (tmp_path / FILE).read_text()
    assert "\x1b" not in text
    assert list(yaml.safe_load(text)["services"]) == ["app"]


class Harmful(BaseHTTPRequestHandler):
    """An API with a stack whose config is named so as to lie elsewhere."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Whatever export asks for."""
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        answers: Raw = {
            "/services": [service()],
            "/configs": [config("../../x", base64.b64encode(b"harm").decode())],
            "/secrets": [],
            "/networks": [{"Name": "shop_default", "Id": "shop_default", "Scope": "swarm"}],
        }
        content = json.dumps(answers.get(path, {})).encode()
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        """A unix socket's peer has none."""
        return ""


@contextmanager
def harmful(path: Path) -> Iterator[None]:
    with ThreadingUnixStreamServer(str(path), Harmful) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.timeout(60)
def test_the_command_says_so_and_exits_with_1(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with harmful(tmp_path / "api"):
        line = [sys.executable, "-m", "skerry.cli.main", "export", "shop", "-o", str(folder)]
        line += ["--from", f"unix://{tmp_path}/api"]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: there is a config named '../../x', which can't be the name of a file\n"
    assert [path for path in everything(tmp_path) if path != "api"] == []
