"""Which sources of mounts mean the API, and what becomes of them."""

from __future__ import annotations

import pytest

from skerry.core.apisocket import ApiSocket
from skerry.model import labels

API = ApiSocket("/run/skerry/docker.sock", "/run/skerry/engine.sock")


@pytest.mark.case("B12")
@pytest.mark.parametrize(
    ("source", "replaced"),
    [
        ("/var/run/docker.sock", True),
        ("/run/docker.sock", True),
        ("/run/skerry/engine.sock", True),
        ("/var/run/skerry/engine.sock", True),
        ("/var/run//./docker.sock", True),
        ("//run/docker.sock", True),
        ("/run/x/../docker.sock", True),
        ("/run/docker.sock/", True),
        ("/var/run", False),
        ("/run", False),
        ("/run/docker.sock.d", False),
        ("/srv/var/run/docker.sock", False),
        ("run/docker.sock", False),
        ("docker.sock", False),
        ("", False),
        ("/run/skerry/docker.sock", False),
    ],
)
def test_a_bind_of_the_engines_socket_means_the_api(source: str, replaced: bool) -> None:
    mount = {"Type": "bind", "Source": source, "Target": "/var/run/docker.sock", "ReadOnly": True}
    host = {"Mounts": [mount], "Binds": [f"{source}:/d.sock:ro,z"], "Memory": 7}
    given = API.path if replaced else source
    assert API.host_config(host, {"a": "b"}, None) == {
        "Mounts": [{**mount, "Source": given}],
        "Binds": [f"{given}:/d.sock:ro,z"],
        "Memory": 7,
    }
    assert host["Mounts"] == [mount], "what was sent stays as it was"


@pytest.mark.case("B12")
def test_a_label_asks_for_the_engines_own() -> None:
    host = {"Binds": ["/var/run/docker.sock:/var/run/docker.sock"]}
    for given in (({labels.SOCKET: "engine"}, None), (None, {labels.SOCKET: "engine"})):
        assert API.host_config(host, *given) == host
    assert API.host_config(host, {labels.SOCKET: "swarm"}) != host


@pytest.mark.parametrize(
    "host",
    [
        {},
        {"Mounts": None, "Binds": None},
        {"Mounts": "x", "Binds": 7},
        {
            "Mounts": [None, {"Type": "bind"}, {"Type": "volume", "Source": "/run/docker.sock"}],
            "Binds": [1, "x"],
        },
    ],
)
def test_other_things_stay_as_they_are(host: dict[str, object]) -> None:
    assert API.host_config(host) == host


def test_a_label_that_means_nothing_is_refused() -> None:
    labels.check({labels.SOCKET: "engine"})
    labels.check({labels.SOCKET: "swarm"})
    with pytest.raises(ValueError, match=r'label skerry\.socket: "yes" is neither engine nor swarm'):
        labels.check({labels.SOCKET: "yes"})
