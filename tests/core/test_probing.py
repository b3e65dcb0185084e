"""Which health checks become a probe, and which must not."""

from __future__ import annotations

import pytest

from skerry.health.probe import HttpProbe, TcpProbe
from skerry.health.translate import translated
from skerry.model.defaults import MILLISECOND, SECOND

BOTH = ("::1", "127.0.0.1")


def line(text: str, shell: str = "/bin/sh") -> list[str]:
    return [shell, "-c", text]


# command line, then what is asked: method, hosts, port, target, and the code where it fails (0: the tool's)
HTTP = [
    ("curl -f http://localhost/", "GET", BOTH, 80, "/", 0),
    ("curl -f http://localhost", "GET", BOTH, 80, "/", 0),
    ("curl -f localhost:8080/health || exit 1", "GET", BOTH, 8080, "/health", 1),
    ("curl --fail http://127.0.0.1:8080/healthz || exit 1", "GET", ("127.0.0.1",), 8080, "/healthz", 1),
    ("curl -sf http://127.0.0.1:8080/healthcheck", "GET", ("127.0.0.1",), 8080, "/healthcheck", 0),
    ("curl -fsS http://127.0.0.1:80/ || exit 2", "GET", ("127.0.0.1",), 80, "/", 2),
    ("curl -fsSL http://127.0.0.1/ || false", "GET", ("127.0.0.1",), 80, "/", 1),
    ("curl -f -s -o /dev/null http://127.0.0.1/", "GET", ("127.0.0.1",), 80, "/", 0),
    ("curl -fso/dev/null http://127.0.0.1/", "GET", ("127.0.0.1",), 80, "/", 0),
    ("curl -fI http://127.0.0.1/", "HEAD", ("127.0.0.1",), 80, "/", 0),
    ("curl -f 'http://127.0.0.1/a?b=c&d=e'", "GET", ("127.0.0.1",), 80, "/a?b=c&d=e", 0),
    ('curl -f "http://[::1]:81/x"', "GET", ("::1",), 81, "/x", 0),
    ("curl -f http://[::1]:81/x", "GET", ("::1",), 81, "/x", 0),
    ("curl -4 -f http://localhost:81/x", "GET", ("127.0.0.1",), 81, "/x", 0),
    ("curl -f http://0.0.0.0:81/x", "GET", ("127.0.0.1",), 81, "/x", 0),
    ("/usr/bin/curl -f http://127.0.0.1/ > /dev/null 2>&1 || exit 1", "GET", ("127.0.0.1",), 80, "/", 1),
    ("curl -f http://127.0.0.1/ >/dev/null || exit 1;", "GET", ("127.0.0.1",), 80, "/", 1),
    ("curl -f http://127.0.0.1/ 2>/dev/null", "GET", ("127.0.0.1",), 80, "/", 0),
    ("wget --spider http://localhost:8080/", "GET", BOTH, 8080, "/", 0),
    ("wget -q --spider http://localhost:8080/ping || exit 1", "GET", BOTH, 8080, "/ping", 1),
    ("wget --no-verbose --tries=1 --spider http://localhost/ || exit 1", "GET", BOTH, 80, "/", 1),
    ("wget -nv -t1 --spider localhost:90", "GET", BOTH, 90, "/", 0),
    ("wget -qO- --spider http://127.0.0.1/", "GET", ("127.0.0.1",), 80, "/", 0),
]

TCP = [
    ("nc -z localhost 5432", BOTH, 5432, 0),
    ("nc -z -w 3 127.0.0.1 5432 || exit 1", ("127.0.0.1",), 5432, 1),
    ("nc -zv 127.0.0.1 6379", ("127.0.0.1",), 6379, 0),
    ("bash -c '</dev/tcp/127.0.0.1/8080'", ("127.0.0.1",), 8080, 0),
    ("bash -c 'echo > /dev/tcp/localhost/8080' || exit 1", BOTH, 8080, 1),
    ("bash -c ': > /dev/tcp/127.0.0.1/3306' || exit 1", ("127.0.0.1",), 3306, 1),
]

NEVER = [
    "curl http://localhost/",  # any answer is good
    "curl -f https://localhost/",
    "curl -f http://app:8080/",
    "curl -f http://example.com/",
    "curl -f http://10.0.1.2/",
    "curl -f http://localhost:$PORT/",
    "curl -f http://localhost:${PORT:-80}/",
    "curl -f http://localhost:`cat /port`/",
    "curl -f http://localhost/ | grep ok",
    "curl -f http://localhost/ | grep -q ok || exit 1",
    "curl -f http://localhost/ && curl -f http://localhost/b",
    "curl -f http://localhost/; true",
    "curl -f http://localhost/ || kill 1",
    "curl -f http://localhost/ || exit 0",
    "curl -f http://localhost/ || exit 256",
    "curl -f http://localhost/ || exit 1 || true",
    "curl -f http://localhost/a&b",
    "curl -f http://localhost/ &> /dev/null",
    "curl -f http://localhost/ > /tmp/seen",
    "curl -f -o /tmp/seen http://localhost/",
    "curl -f -d x=1 http://localhost/",
    "curl -f -X POST http://localhost/",
    "curl -f -u me:secret http://localhost/",
    "curl -f http://me:secret@localhost/",
    "curl -f --unix-socket /run/x http://localhost/",
    "curl -f --retry 3 http://localhost/",
    "curl -f --resolve a:80:127.0.0.1 http://a/",
    "curl -f -x http://proxy http://localhost/",
    "curl -f http://localhost/ http://localhost/b",
    "curl -f http://localhost/[1-3]",
    "curl -f http://localhost/{a,b}",
    "curl -f http://localhost:0/",
    "curl -f http://localhost:99999/",
    "curl -f http://localhost:port/",
    "curl -f ftp://localhost/",
    "curl -f -H 'Expect: 100-continue' http://localhost/",
    "curl -f -m http://localhost/",
    "curl -f",
    "curl -f http://localhost/ -m",
    "curl -f 'http://localhost/",
    "X=1 curl -f http://localhost/",
    "sudo curl -f http://localhost/",
    "exec curl -f http://localhost/ && true",
    "! curl -f http://localhost/",
    "(curl -f http://localhost/)",
    "test -f /ready && curl -f http://localhost/",
    "curl -f http://localhost/ # look",
    "curl -f http://localhost/\ntrue",
    "wget http://localhost/",
    "wget -qO- http://localhost/",
    "wget --spider -r http://localhost/",
    "wget --spider -O seen http://localhost/",
    "wget --spider --post-data=x http://localhost/",
    "nc localhost 80",
    "nc -z app 80",
    "nc -zu localhost 53",
    "nc -z localhost 80-90",
    "nc -z localhost",
    "echo > /dev/tcp/localhost/80",  # only bash knows these names
    "bash -c 'echo > /dev/udp/localhost/80'",
    "bash -c 'echo > /dev/tcp/app/80'",
    "bash -c 'exec 3<>/dev/tcp/localhost/80; echo PING >&3; read -t 1 <&3'",
    "pg_isready -U postgres",
    "redis-cli ping",
    "python3 -c 'import urllib'",
    "true",
    "",
]


@pytest.mark.parametrize(("text", "method", "hosts", "port", "target", "otherwise"), HTTP)
def test_http(text: str, method: str, hosts: tuple[str, ...], port: int, target: str, otherwise: int) -> None:
    probe = translated(line(text))
    assert isinstance(probe, HttpProbe)
    assert (probe.method, probe.hosts, probe.port, probe.target) == (method, hosts, port, target)
    assert probe.otherwise == otherwise
    assert probe.tool in ("curl", "wget")


@pytest.mark.parametrize(("text", "hosts", "port", "otherwise"), TCP)
def test_tcp(text: str, hosts: tuple[str, ...], port: int, otherwise: int) -> None:
    probe = translated(line(text))
    assert type(probe) is TcpProbe
    assert (probe.hosts, probe.port, probe.otherwise) == (hosts, port, otherwise)


@pytest.mark.parametrize("text", NEVER)
def test_what_stays_a_command(text: str) -> None:
    assert translated(line(text)) is None


@pytest.mark.parametrize(
    "command",
    [
        ["curl", "-f", "http://localhost/", "||", "exit", "1"],  # no shell: all are URLs
        ["powershell", "-c", "curl -f http://localhost/"],
        ["/bin/sh", "-ec", "curl -f http://localhost/"],
        ["/bin/sh", "-c", "curl -f http://localhost/", "x"],
        [],
    ],
)
def test_other_words_stay_a_command(command: list[str]) -> None:
    assert translated(command) is None


def test_words_without_a_shell() -> None:
    probe = translated(["curl", "--fail", "--silent", "http://127.0.0.1:8080/a b".replace(" ", "%20")])
    assert isinstance(probe, HttpProbe)
    assert probe.target == "/a%20b"
    assert translated(["nc", "-z", "127.0.0.1", "80"]) == TcpProbe(("127.0.0.1",), 80, "nc")


def test_a_bash_line_of_the_images_own_shell() -> None:
    assert translated(["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/80"]) is not None
    assert translated(["/bin/sh", "-c", "exec 3<>/dev/tcp/127.0.0.1/80"]) is None


def test_a_proxy_in_the_environment_sends_http_elsewhere() -> None:
    command = line("curl -f http://localhost/")
    assert translated(command, ["PATH=/bin"]) is not None
    assert translated(command, ["http_proxy=http://proxy:3128"]) is None
    assert translated(command, ["ALL_PROXY=socks5://proxy"]) is None
    assert translated(line("nc -z localhost 80"), ["http_proxy=x"]) is not None


def test_options_that_count() -> None:
    probe = translated(line("curl -fsL -m 2.5 -H 'Host: a.b' -H 'X-A: 1' -A me http://127.0.0.1/"))
    assert isinstance(probe, HttpProbe)
    assert probe.timeout == 2500 * MILLISECOND
    assert dict(probe.headers) == {"Host": "a.b", "Accept": "*/*", "User-Agent": "me", "X-A": "1"}
    assert probe.passes(302) is None
    short = translated(line("wget -T 3 --spider http://127.0.0.1/"))
    assert short is not None
    assert short.timeout == 3 * SECOND


def test_an_answer_is_judged_as_the_program_would() -> None:
    curl, wget = (
        translated(line("curl -f http://localhost/")),
        translated(line("wget --spider http://localhost/")),
    )
    assert isinstance(curl, HttpProbe)
    assert isinstance(wget, HttpProbe)
    assert [curl.passes(status) for status in (200, 204, 302, 404, 503)] == [True, True, True, False, False]
    assert [wget.passes(status) for status in (200, 204, 302, 404, 503)] == [True, True, None, False, False]
    assert (curl.code("status", "curl"), curl.code("refused", "curl")) == (22, 7)
    assert (wget.code("status", "wget"), wget.code("status", "busybox")) == (8, 1)
