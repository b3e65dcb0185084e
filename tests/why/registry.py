"""The registry of the tests, which may ask for a password: `python -m tests.why.registry FOLDER PORT`."""

from __future__ import annotations

import argparse
import base64
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.outgrow.registry import Registry


class Guarded(Registry):
    """Answers nobody who does not know the password."""

    password = ""

    def do_GET(self) -> None:  # noqa: N802
        """A manifest or a blob, or 401."""
        known = "Basic " + base64.b64encode(self.password.encode()).decode()
        if self.password and self.headers.get("Authorization") != known:
            self._answer(
                401,
                b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
                {"WWW-Authenticate": 'Basic realm="here"', "Content-Type": "application/json"},
            )
            return
        super().do_GET()

    do_HEAD = do_GET  # noqa: N815 (http.server's names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    Guarded.folder, Guarded.password = options.folder, options.password
    ThreadingHTTPServer(("127.0.0.1", options.port), Guarded).serve_forever()
