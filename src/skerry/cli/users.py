"""`skerry user`, `serve` and `audit`: who may use the API over the network, and who did what."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from skerry.cli import client, daemon_process
from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.options import instance_options
from skerry.model.settings import Settings

NOT_RUNNING = 3
FILES = {"ca.pem": "CA", "cert.pem": "Certificate", "key.pem": "Key"}
"""What docker's clients look for in a directory of certificates."""


@contextmanager
def _daemon(settings: Settings) -> Iterator[DockerClient]:
    """The daemon's API; what it refuses is one line at the terminal."""
    if daemon_process.running_pid(settings) is None:
        click.echo("skerry is not running; start it with: skerry up --detach", err=True)
        raise SystemExit(NOT_RUNNING)
    daemon = client.at_socket("skerry", settings.api_socket)
    try:
        yield daemon
    except (Refused, Unreachable) as error:
        raise click.ClickException(str(error)) from error
    finally:
        daemon.close()


@click.group()
def user() -> None:
    """Who may use the API over the network, and for what."""


@user.command()
@click.argument("who", metavar="NAME")  # --name is the instance's
@click.option("--role", required=True, metavar="ROLE", help="admin, read, or deploy:STACK.")
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="PATTERN",
    help="With deploy: images that the stack may run, such as 'registry.local/shop/*'.",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="PATTERN",
    help="With deploy: networks of others that its services may join.",
)
@click.option("--days", default=365, show_default=True, help="How long the certificate is valid.")
@click.option("--out", default="", metavar="DIR", help="Where the files are written.  [default: ./NAME]")
@instance_options
def add(
    settings: Settings,
    who: str,
    role: str,
    images: tuple[str, ...],
    networks: tuple[str, ...],
    days: int,
    out: str,
) -> None:
    """Make the user NAME, and write ca.pem, cert.pem and key.pem.

    The key is nowhere else: who loses it removes the user and adds it again.
    """
    folder = Path(out or who)
    if any((folder / file).exists() for file in FILES):
        raise click.ClickException(f"{folder} has certificates already: name another directory by --out")
    body = {"Name": who, "Role": role, "Images": images, "Networks": networks, "Days": days}
    with _daemon(settings) as daemon:
        made = daemon.post("/skerry/users", body)
        served = daemon.get("/skerry/listeners")
    _write(folder, made)
    address = served[0]["Address"] if served else "tcp://HOST:2376"
    click.echo(f"user {who} ({made['Role']}), until {made['ExpiresAt']}")
    click.echo(f"docker --tlsverify {_flags(folder)} --host {address} version")
    if not served:
        click.echo("nothing is served over the network yet: skerry serve tcp://HOST:PORT", err=True)


def _write(folder: Path, made: dict[str, str]) -> None:
    """Three files, for their owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file, key in FILES.items():
        handle = os.open(folder / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as written:
            written.write(made[key])


def _flags(folder: Path) -> str:
    return " ".join(
        f"--tls{word} {folder / file}"
        for word, file in (("cacert", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem"))
    )


@user.command("ls")
@click.option("--json", "as_json", is_flag=True, help="The whole of it, for programs.")
@instance_options
def list_users(settings: Settings, as_json: bool) -> None:
    """List users."""
    with _daemon(settings) as daemon:
        rows = daemon.get("/skerry/users")
    lines = [
        (row["Name"], row["Role"], row["ExpiresAt"], " ".join(row["Images"]), " ".join(row["Networks"]))
        for row in rows
    ]
    _print(("NAME", "ROLE", "EXPIRES", "IMAGES", "NETWORKS"), lines, rows if as_json else None)


@user.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@instance_options
def remove(settings: Settings, names: tuple[str, ...]) -> None:
    """Remove users: their certificates and their connections end at once."""
    with _daemon(settings) as daemon:
        for name in names:
            daemon.delete(f"/skerry/users/{quote(name, safe='')}")
            click.echo(name)


@click.command()
@click.argument("address", required=False)
@click.option(
    "--host-name",
    "names",
    multiple=True,
    metavar="NAME",
    help="By which clients call this machine, if that is none of its addresses.",
)
@click.option("--stop", is_flag=True, help="Serve at ADDRESS no more.")
@instance_options
def serve(settings: Settings, address: str | None, names: tuple[str, ...], stop: bool) -> None:
    """Serve the API at ADDRESS, such as tcp://0.0.0.0:2376, to users with a certificate (`skerry user add`).

    That is kept over restarts. Without ADDRESS, list where it is served.
    """
    with _daemon(settings) as daemon:
        if address is None:
            rows = daemon.get("/skerry/listeners")
            lines = [(row["Address"], " ".join(row["Names"]), row["Error"]) for row in rows]
            _print(("ADDRESS", "NAMES", "ERROR"), lines)
        elif stop:
            daemon.post("/skerry/listeners/remove", {"Address": address})
        else:
            served = daemon.post("/skerry/listeners", {"Address": address, "Names": names})
            click.echo(f"serving at {served['Address']} with TLS, to users with a certificate of this swarm")


@click.command()
@click.option("--last", "-n", default=100, show_default=True, help="How many entries.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@instance_options
def audit(settings: Settings, last: int, as_json: bool) -> None:
    """Show who changed what, or was refused."""
    with _daemon(settings) as daemon:
        entries = daemon.get(f"/skerry/audit?last={max(0, last)}")
    for entry in entries:
        click.echo(json.dumps(entry) if as_json else _line(entry))


def _line(entry: dict[str, Any]) -> str:
    details = " ".join(f"{key}={value}" for key, value in entry.get("details", {}).items())
    where = entry.get("from") or f"pid {entry.get('pid', 0)}"
    words = [entry["at"], str(entry["status"]), f"{entry['who']} ({where})", entry["method"], entry["path"]]
    return "  ".join(filter(None, [*words, details, entry.get("refused", "").partition(": ")[2]]))


def _print(
    titles: tuple[str, ...], lines: Sequence[tuple[str, ...]], as_json: list[dict[str, Any]] | None = None
) -> None:
    """A table in the docker CLI's form, or the rows as JSON."""
    if as_json is not None:
        click.echo(json.dumps(as_json, indent=2))
        return
    table = [titles, *lines]
    widths = [max(len(row[at]) for row in table) + 3 for at in range(len(titles))]
    for row in table:
        click.echo("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
