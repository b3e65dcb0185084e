"""The unit under a systemd: `up --install` on a machine that it has booted."""

from __future__ import annotations

import pytest

from harness.net import run
from harness.world import wait_until
from tests.cli.booted import SYSTEMD, booted

pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not SYSTEMD.exists(), reason="there is no systemd here"),
]

DOCKERD = "dockerd --data-root /var/tmp/docker >/var/log/docker.log 2>&1 &"


@pytest.mark.case("B14")
@pytest.mark.case("B15")
def test_install_returns_when_the_api_answers_or_says_why_it_does_not() -> None:
    with booted() as machine:

        def here(*words: str, check: bool = True) -> str:
            return run(*machine, *words, check=check, timeout=180)

        def attempt(words: str) -> tuple[int, str]:
            said, _, code = here("sh", "-c", f"{words} 2>&1; echo exit $?").rpartition("exit ")
            return int(code), said

        code, said = attempt("skerry up --install")
        assert (code, "enabled and started it" in said) == (0, True), said
        info = ("docker", "--context", "skerry", "info", "--format", "{{.Swarm.LocalNodeState}}")
        assert here(*info) == "inactive\n"
        shown = here("systemctl", "show", "skerry")
        for line in ("ActiveState=active", "LimitNOFILE=1048576", "TasksMax=infinity", "KillMode=process"):
            assert line in shown.splitlines()
        assert "WatchdogUSec=1min" in shown.splitlines()
        here("systemctl", "kill", "--signal=KILL", "--kill-who=main", "skerry")
        wait_until(lambda: attempt("skerry status")[0] == 0, "systemd has started it again", 60)
        code, said = attempt("skerry up --install")
        assert code == 0, said
        code, said = attempt("skerry down --purge --yes --volumes")
        assert (code, "nothing of it is left" in said) == (0, True), said

        here("sh", "-c", DOCKERD)
        docker = "docker -H unix:///var/run/docker.sock"
        wait_until(lambda: attempt(f"{docker} swarm init --advertise-addr 127.0.0.1")[0] == 0, "a swarm", 60)
        code, said = attempt("skerry up --install")
        assert code == 1
        assert "is in swarm mode itself (active)" in said
        wait_until(lambda: int(here("systemctl", "show", "-P", "NRestarts", "skerry")) > 6, "many tries", 120)
        code, said = attempt("skerry status")
        assert code in (1, 3)
        assert "failed: the engine at /var/run/docker.sock is in swarm mode itself" in said
        here("sh", "-c", f"{docker} swarm leave --force")
        wait_until(lambda: attempt("skerry status")[0] == 0, "skerry comes up by itself", 60)


@pytest.mark.case("B14")
def test_a_daemon_that_hangs_is_killed_and_started_again() -> None:
    with booted() as machine:

        def here(*words: str) -> str:
            return run(*machine, *words, check=False, timeout=180).strip()

        said = here("skerry", "up", "--install")
        assert "enabled and started it" in said
        quick = "mkdir $0.d; printf '[Service]\\nWatchdogSec=5\\nTimeoutAbortSec=1\\n' >$0.d/quick.conf"
        here("sh", "-c", quick, "/etc/systemd/system/skerry.service")
        here("systemctl", "daemon-reload")
        here("systemctl", "restart", "skerry")
        hung = here("systemctl", "show", "-P", "MainPID", "skerry")
        here("kill", "-STOP", hung)
        wait_until(lambda: here("systemctl", "show", "-P", "NRestarts", "skerry") == "1", "a restart", 60)
        wait_until(lambda: here("skerry", "status").startswith("skerry "), "it answers again", 60)
        assert here("systemctl", "show", "-P", "MainPID", "skerry") not in ("", "0", hung)
        here("skerry", "down", "--purge", "--yes", "--volumes")
