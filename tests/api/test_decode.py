"""Bodies: keys in Docker's case, nulls gone, everything of the user's untouched."""

from __future__ import annotations

import pytest

from skerry.api.request_body import body, invalid
from skerry.api.upstream import EngineFacts
from skerry.control.decode import read
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw

OLD = EngineFacts("1.41", "1.12", "Docker/20.10.24 (linux)")
NEW = EngineFacts("1.45", "1.24", "Docker/26.1.5 (linux)", go=(1, 24))
NEWEST = EngineFacts("1.51", "1.24", "Docker/28.5.2 (linux)", go=(1, 27))


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (b'{"name":"a"}', {"Name": "a"}),
        (b'{"Mode":{"replicated":{"replicas":2}}}', {"Mode": {"Replicated": {"Replicas": 2}}}),
        (b'{"Labels":{"name":"x","Name":"y"}}', {"Labels": {"name": "x", "Name": "y"}}),
        (b'{"Labels":{"a":null}}', {"Labels": {"a": ""}}),
        (b'{"Labels":null,"x-Mine":{"a":null}}', {"x-Mine": {"a": None}}),
        (b'{"UpdateConfig":{"maxFailureRatio":0.0}}', {"UpdateConfig": {"MaxFailureRatio": 0}}),
        (b'{"UpdateConfig":{"MaxFailureRatio":0.3}}', {"UpdateConfig": {"MaxFailureRatio": 0.3}}),
        (
            b'{"tasktemplate":{"containerspec":{"IMAGE":"a","env":["B=c"],"args":null,'
            b'"mounts":[{"type":"volume","volumeoptions":{"driverconfig":{"options":{"o":"rw"}}}}]}}}',
            {
                "TaskTemplate": {
                    "ContainerSpec": {
                        "Image": "a",
                        "Env": ["B=c"],
                        "Mounts": [
                            {"Type": "volume", "VolumeOptions": {"DriverConfig": {"Options": {"o": "rw"}}}}
                        ],
                    }
                }
            },
        ),
        (
            b'{"EndpointSpec":{"ports":[{"targetport":80,"publishedport":8080}]}}',
            {"EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]}},
        ),
        (b"null", {}),
        (b'{"Name":"\\ud800"}', {"Name": "\ufffd"}),
    ],
)
def test_keys(sent: bytes, found: Raw) -> None:
    for facts in (OLD, NEW, NEWEST):
        assert body(sent, "swarm.ServiceSpec", facts) == found


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "got EOF while reading request body"),
        (b" ", "got EOF while reading request body"),
        (b"{bad", "invalid character 'b' looking for beginning of object key string"),
        (b'{"Name":"x"', "unexpected EOF"),
        (b'{"Name":"x', "unexpected EOF"),
        (b"[1]", "json: cannot unmarshal array into Go value of type swarm.ServiceSpec"),
        (b"nothing", "invalid character 'o' in literal null (expecting 'u')"),
        (b'{"Name":-}', "invalid character '}' in numeric literal"),
        (b'{"Name":1.}', "invalid character '}' after decimal point in numeric literal"),
        (b'{"Name":"\\x"}', "invalid character 'x' in string escape code"),
        (b'{"Name":"a" 1}', "invalid character '1' after object key:value pair"),
        (b'{"Name":[1 2]}', "invalid character '2' after array element"),
        (b'{"Name":"a",}', "invalid character '}' looking for beginning of object key string"),
        (b"[" * 1000, "invalid character '[' exceeded max depth"),
    ],
)
def test_what_is_no_body(sent: bytes, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        body(sent, "swarm.ServiceSpec", OLD)
    assert (caught.value.status, caught.value.message) == (400, message)
    if sent:
        with pytest.raises(InvalidParameter) as caught:
            body(sent, "swarm.ServiceSpec", NEW)
        assert (caught.value.status, caught.value.message) == (400, f"invalid JSON: {message}")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"{bad", "invalid character 'b' looking for beginning of object key string"),
        (b'{"Name":1.}', "invalid character '}' in numeric literal"),
        (b'{"Name":1e}', "invalid character '}' in numeric literal"),
        (b'{"Name":"\\x"}', "invalid escape sequence `\\x` in string"),
        (b'{"Name":"\\u12g4"}', "invalid escape sequence `\\u12g4` in string"),
        (b'{"Name":"\\u12', "unexpected EOF"),
        (b'{"Name":"\t"}', "invalid character '\\t' in string"),
        ('{"Name":é}'.encode(), "invalid character 'é' looking for beginning of value"),
        ("\ufeff{}".encode(), "invalid character '\\ufeff' looking for beginning of value"),
        (b"[" * 1000, "exceeded max depth"),
    ],
)
def test_the_words_of_the_decoder_that_was_written_anew(sent: bytes, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        body(sent, "swarm.ServiceSpec", NEWEST)
    assert caught.value.message == f"invalid JSON: {message}"


def test_newer_engines_take_no_body() -> None:
    assert body(b"", "swarm.ServiceSpec", NEW) == {}


@pytest.mark.parametrize("rest", [b" and what follows", b"{}", b"\n[", b","])
def test_what_comes_behind_a_body_is_read_over_by_older_engines(rest: bytes) -> None:
    assert body(b'{"Name":"a"}' + rest, "swarm.ServiceSpec", OLD) == {"Name": "a"}
    with pytest.raises(InvalidParameter, match=r"^unexpected content after JSON$"):
        body(b'{"Name":"a"}' + rest, "swarm.ServiceSpec", NEW)
    with pytest.raises(InvalidParameter, match=r"ServiceSpec.Name of type string$"):
        body(b'{"Name":7}' + rest, "swarm.ServiceSpec", NEWEST)


@pytest.mark.parametrize("rest", [b"}", b" ] x", b"\n"])
def test_what_ends_a_list_or_an_object_is_not_looked_at(rest: bytes) -> None:
    assert body(b'{"Name":"a"}' + rest, "swarm.ServiceSpec", NEW) == {"Name": "a"}


def test_types_have_the_names_that_the_engine_has_for_them() -> None:
    told = (
        "IPAM.NetworkCreate.IPAM.Config of type []network.IPAMConfig",
        "value of type types.NetworkCreateRequest",
    )
    assert [invalid(one, OLD).message for one in told] == list(told)
    assert [invalid(one, NEWEST).message for one in told] == [
        "invalid JSON: IPAM.CreateOptions.IPAM.Config of type []network.IPAMConfig",
        "invalid JSON: value of type network.CreateRequest",
    ]


def test_newer_fields_are_dropped_for_older_clients() -> None:
    spec = {
        "TaskTemplate": {"ContainerSpec": {"Image": "a", "Sysctls": {"x": "1"}, "CapabilityAdd": ["A"]}},
        "Networks": [{"Target": "n"}],
    }
    old = read(spec, "swarm.ServiceSpec", client=(1, 39))
    assert old == {"TaskTemplate": {"ContainerSpec": {"Image": "a"}}, "Networks": [{"Target": "n"}]}
    assert read(spec, "swarm.ServiceSpec", client=(1, 41))["TaskTemplate"]["ContainerSpec"][
        "CapabilityAdd"
    ] == ["A"]
    assert read(spec, "swarm.ServiceSpec", client=(1, 51))["Networks"] == [{"Target": "n"}]


def test_fields_that_are_newer_than_the_client_in_lists_too() -> None:
    mounts = [{"Target": "/x", "TmpfsOptions": {"SizeBytes": 1, "Options": [["noexec"]]}}]
    spec: Raw = {
        "TaskTemplate": {
            "ContainerSpec": {"Configs": [{"ConfigID": "c", "Runtime": {}}], "Mounts": mounts},
            "Resources": {"SwapBytes": 1, "MemorySwappiness": 2},
        }
    }
    old = read(spec, "swarm.ServiceSpec", client=(1, 39))["TaskTemplate"]
    assert old["ContainerSpec"]["Configs"] == [{"ConfigID": "c"}]
    assert old["ContainerSpec"]["Mounts"] == [{"Target": "/x", "TmpfsOptions": {"SizeBytes": 1}}]
    assert old["Resources"] == {}
    assert read(spec, "swarm.ServiceSpec", client=(1, 52)) == spec
