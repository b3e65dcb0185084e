"""Proxies as their users configure them, in front of the services of `proof.proxied`. Values and text only.

Each program has a site for each service and each way to it: `kept`, where it keeps connections to tasks as
long as it likes, and `fresh`, where it opens one for each request. A site goes by the Host field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ROUTED = ("healthy", "plain", "slow", "exposed")
"""Services that proxies know by a name or by their tasks."""
BALANCED = ("balanced", "balanced-old")
"""Services that Traefik is told to take as a whole, by its label of today and the former one."""
SERVICES = (*ROUTED, *BALANCED)
KEPT, FRESH = "kept", "fresh"
APP_PORT = 8080
MACHINE, SERVICE = "on the machine", "as a service"
PLACES = (MACHINE, SERVICE)
TRANSPORT = "one-each"


@dataclass(frozen=True)
class Site:
    """What a proxy serves under one Host field."""

    service: str
    by: str
    """How the proxy knows the service: a word of its own."""
    way: str

    @property
    def host(self) -> str:
        return f"{self.way}.{self.service}.{self.by}"


@dataclass(frozen=True)
class Proxy:
    """A program, where it listens, and how it knows services: the name of that client, by the sites' word."""

    name: str
    port: int
    clients: Mapping[str, str]

    @property
    def file(self) -> str:
        return f"{self.name}.yml" if self.name == "traefik" else self.name

    def sites(self, services: tuple[str, ...] = SERVICES) -> Iterator[Site]:
        """All sites of these services."""
        for by in self.clients:
            for service in BALANCED if by == "balanced" else ROUTED:
                if service in services:
                    yield from (Site(service, by, way) for way in (KEPT, FRESH))


TRAEFIK = Proxy("traefik", 7001, {"addresses": "Traefik by addresses", "balanced": "Traefik, lbswarm"})
CADDY = Proxy("caddy", 7002, {"name": "Caddy", "a": "Caddy, dynamic a"})
HAPROXY = Proxy("haproxy", 7003, {"name": "HAProxy, name once", "template": "HAProxy, server-template"})
NGINX = Proxy("nginx", 7004, {"name": "nginx, name once", "resolver": "nginx, resolver"})
PROXIES = (TRAEFIK, CADDY, HAPROXY, NGINX)
FOLLOWERS = ("Traefik by addresses", "Caddy, dynamic a")
"""They ask for running tasks from time to time. Who hears that there are none says so until the next time."""


def client(proxy: Proxy, by: str, place: str) -> str:
    """Who asks through a proxy that knows its services in one way, and stands in one place."""
    return f"{proxy.clients[by]}, {place}"


def clients() -> list[str]:
    """All of them."""
    return [client(proxy, by, place) for proxy in PROXIES for by in proxy.clients for place in PLACES]


def labels(service: str) -> dict[str, str]:
    """What tells Traefik of a service, its labels."""
    by = "balanced" if service in BALANCED else "addresses"
    found = {"traefik.enable": "true"}
    for site in (Site(service, by, way) for way in (KEPT, FRESH)):
        name = f"{site.way}-{service}"
        found[f"traefik.http.routers.{name}.rule"] = f"Host(`{site.host}`)"
        found[f"traefik.http.routers.{name}.service"] = name
        found[f"traefik.http.services.{name}.loadbalancer.server.port"] = str(APP_PORT)
        if site.way == FRESH:
            found[f"traefik.http.services.{name}.loadbalancer.serverstransport"] = f"{TRANSPORT}@file"
    if by == "balanced":
        found[f"traefik.{'docker' if service.endswith('-old') else 'swarm'}.lbswarm"] = "true"
    return found


def files(proxy: Proxy, services: tuple[str, ...], resolver: str) -> dict[str, str]:
    """The files of a proxy by name; `resolver` is the address that it asks for names."""
    return {proxy.file: _TEXTS[proxy.name](list(proxy.sites(services)), resolver)}


def words(proxy: Proxy, program: list[str], folder: str, socket: str) -> list[str]:
    """The command line of a program whose files are in a folder; where the swarm's socket is for it."""
    file = f"{folder}/{proxy.file}"
    match proxy.name:
        case "traefik":
            more = [f"--providers.swarm.endpoint=unix://{socket}", "--providers.swarm.network=proof"]
            more += ["--providers.swarm.exposedbydefault=false", f"--providers.file.filename={file}"]
            more += [f"--entrypoints.web.address=:{proxy.port}", "--log.level=WARN"]
            more += ["--global.checknewversion=false", "--global.sendanonymoususage=false"]
        case "caddy":
            more = ["run", "--adapter", "caddyfile", "--config", file]
        case "haproxy":
            more = ["-db", "-f", file]
        case _:
            more = ["-c", file, "-p", "/tmp/"]
    return [*program, *more]


def _traefik(sites: list[Site], resolver: str) -> str:
    return f"http:\n  serversTransports:\n    {TRANSPORT}:\n      maxIdleConnsPerHost: -1\n"


def _caddy(sites: list[Site], resolver: str) -> str:
    lines = ["{", "  admin off", "  auto_https off", "  persist_config off", "}"]
    for site in sites:
        lines += [f"http://{site.host}:{CADDY.port} {{", "  reverse_proxy {"]
        if site.by == "a":
            lines += [
                f"    dynamic a tasks.{site.service} {APP_PORT} {{",
                f"      resolvers {resolver}",
                "    }",
            ]
        else:
            lines += [f"    to {site.service}:{APP_PORT}"]
        if site.way == FRESH:
            lines += ["    transport http {", "      keepalive off", "    }"]
        lines += ["  }", "}"]
    return "\n".join(lines) + "\n"


def _haproxy(sites: list[Site], resolver: str) -> str:
    lines = ["global", "  maxconn 1000", "defaults", "  mode http"]
    lines += ["  timeout connect 5s", "  timeout client 60s", "  timeout server 60s"]
    lines += ["resolvers swarm", f"  nameserver swarm {resolver}:53"]
    lines += ["frontend web", f"  bind :{HAPROXY.port}", "  use_backend %[req.hdr(host)]"]
    for site in sites:
        lines += [f"backend {site.host}"]
        if site.way == FRESH:
            lines += ["  option http-server-close"]
        if site.by == "template":
            task = f"tasks.{site.service}:{APP_PORT}"
            lines += [f"  server-template task 4 {task} resolvers swarm init-addr none"]
        else:
            lines += [f"  server one {site.service}:{APP_PORT}"]
    return "\n".join(lines) + "\n"


def _nginx(sites: list[Site], resolver: str) -> str:
    lines = ["daemon off;", "user root;", "worker_processes 1;", "pid nginx.pid;", "error_log stderr warn;"]
    lines += ["events {}", "http {", "  access_log off;", f"  resolver {resolver};"]
    lines += ["  server_names_hash_bucket_size 128;"]
    lines += [f"  {kind}_temp_path {kind};" for kind in ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")]
    for site in sites:
        goes = f"http://{site.service}:{APP_PORT}"
        more: list[str] = []
        if site.by == "resolver":
            more, goes = [f"    set $task {site.service};"], f"http://$task:{APP_PORT}"
        elif site.way == KEPT:
            lines += [f"  upstream {site.host} {{ server {site.service}:{APP_PORT}; keepalive 8; }}"]
            more = ["    proxy_http_version 1.1;", '    proxy_set_header Connection "";']
            goes = f"http://{site.host}"
        lines += ["  server {", f"    listen {NGINX.port};", f"    server_name {site.host};", *more]
        lines += [f"    location / {{ proxy_pass {goes}; }}", "  }"]
    return "\n".join([*lines, "}"]) + "\n"


_TEXTS = {"traefik": _traefik, "caddy": _caddy, "haproxy": _haproxy, "nginx": _nginx}
