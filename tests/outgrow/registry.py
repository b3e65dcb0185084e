"""A registry for the tests: just enough of the distribution API for `docker push` and pulls; plain HTTP.

`python -m tests.outgrow.registry FOLDER PORT`. It keeps nothing but files, so several may serve one folder.
"""

from __future__ import annotations

import hashlib
import re
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<ref>[^/]+)")
BLOB = re.compile(r"/v2/.+/blobs/(?P<digest>sha256:\w+)")
UPLOAD = re.compile(r"/v2/.+/blobs/uploads/(?P<id>\w*)")


class Registry(BaseHTTPRequestHandler):
    """One request; `folder` has blobs by digest, and manifests beside their types."""

    protocol_version = "HTTP/1.1"
    folder = Path()

    def do_GET(self) -> None:
        """A manifest or a blob."""
        path = urlsplit(self.path).path
        if path == "/v2/":
            return self._answer(200)
        if found := MANIFEST.fullmatch(path):
            file = self._manifest(found["name"], found["ref"])
            if not file.exists():
                return self._answer(404)
            kind, _, body = file.read_bytes().partition(b"\n")
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            return self._answer(200, body, {"Content-Type": kind.decode(), "Docker-Content-Digest": digest})
        found = BLOB.fullmatch(path)
        if found is None or not (self.folder / found["digest"]).exists():
            return self._answer(404)
        return self._answer(200, (self.folder / found["digest"]).read_bytes())

    do_HEAD = do_GET  # noqa: N815 (http.server's names)

    def do_POST(self) -> None:
        """The begin of an upload."""
        self._body()
        self._continue(uuid.uuid4().hex)

    def do_PATCH(self) -> None:
        """A piece of one."""
        found = UPLOAD.fullmatch(urlsplit(self.path).path)
        assert found is not None
        with (self.folder / found["id"]).open("ab") as file:
            file.write(self._body())
        self._continue(found["id"])

    def do_PUT(self) -> None:
        """The end of an upload, or a manifest."""
        url, body = urlsplit(self.path), self._body()
        if found := MANIFEST.fullmatch(url.path):
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            for ref in (found["ref"], digest):
                text = self.headers["Content-Type"].encode() + b"\n" + body
                self._manifest(found["name"], ref).write_bytes(text)
        else:
            found = UPLOAD.fullmatch(url.path)
            assert found is not None
            digest = parse_qs(url.query)["digest"][0]
            whole = (self.folder / found["id"]).read_bytes() + body
            assert f"sha256:{hashlib.sha256(whole).hexdigest()}" == digest
            (self.folder / digest).write_bytes(whole)
        self._answer(201, headers={"Docker-Content-Digest": digest, "Location": self.path})

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _manifest(self, name: str, ref: str) -> Path:
        return self.folder / f"manifest-{name.replace('/', '_')}-{ref}"

    def _continue(self, upload: str) -> None:
        name = urlsplit(self.path).path.partition("/blobs/")[0]
        file = self.folder / upload
        file.touch()
        end = max(file.stat().st_size - 1, 0)
        where = {
            "Location": f"{name}/blobs/uploads/{upload}",
            "Range": f"0-{end}",
            "Docker-Upload-UUID": upload,
        }
        self._answer(202, headers=where)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Docker-Distribution-Api-Version": "registry/2.0", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


if __name__ == "__main__":
    Registry.folder = Path(sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Registry).serve_forever()
