"""What proxies are told, and whose requests count."""

from __future__ import annotations

import pytest

from proof.plan import PROXIED, THROUGH, Run, Setting, counted, runs
from proof.proxies import (
    BALANCED,
    CADDY,
    FOLLOWERS,
    FRESH,
    HAPROXY,
    KEPT,
    NGINX,
    PROXIES,
    SERVICES,
    TRAEFIK,
    Proxy,
    files,
    labels,
    words,
)


def test_each_proxy_has_a_site_of_each_kind_for_its_services() -> None:
    for proxy in PROXIES:
        sites = list(proxy.sites())
        assert len({site.host for site in sites}) == len(sites)
        assert {site.way for site in sites} == {KEPT, FRESH}
        assert {site.by for site in sites} == set(proxy.clients)
    assert {site.service for site in TRAEFIK.sites()} == set(SERVICES)


@pytest.mark.parametrize("proxy", [CADDY, HAPROXY, NGINX])
def test_a_configuration_names_each_site_and_the_resolver(proxy: Proxy) -> None:
    (text,) = files(proxy, SERVICES, "10.0.1.254").values()
    assert all(site.host in text for site in proxy.sites())
    assert "10.0.1.254" in text
    assert f"{proxy.port}" in text


def test_traefik_hears_of_a_service_by_its_labels() -> None:
    for service in SERVICES:
        found = labels(service)
        rules = {value for key, value in found.items() if key.endswith(".rule")}
        assert rules == {f"Host(`{site.host}`)" for site in TRAEFIK.sites((service,))}
        assert any(key.endswith(".lbswarm") for key in found) == (service in BALANCED)
    assert "--providers.swarm.endpoint=unix:///s" in words(TRAEFIK, ["traefik"], "/f", "/s")
    assert not any("refresh" in word for word in words(TRAEFIK, ["traefik"], "/f", "/s")), "as it comes"


def test_who_hears_that_nobody_runs_does_not_count_where_nobody_does() -> None:
    rest = [name for name in PROXIED if not name.startswith(FOLLOWERS)]
    for run in runs(short=False):
        if run.action.endswith(THROUGH):
            assert set(rest) <= set(counted(run))
    assert counted(Run("update" + THROUGH, Setting(1, "stop-first", "once"))) == rest
    assert counted(Run("task crash" + THROUGH, Setting(1, "start-first", "once"))) == rest
    assert counted(Run("update" + THROUGH, Setting(1, "start-first", "once"))) == PROXIED
    assert counted(Run("task crash" + THROUGH, Setting(2, "stop-first", "once"))) == PROXIED
