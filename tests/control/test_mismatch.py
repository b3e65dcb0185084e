"""Values of the wrong type, in the words of three decoders: that of 20.10, that of Go 1.24 and the newest."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from skerry.control.decode import read
from skerry.control.mismatch import GO_OF_20_10, PARTS_TOLD, REWRITTEN, Mismatch

SERVICE = "swarm.ServiceSpec"
CONTAINER = '{"TaskTemplate":{"ContainerSpec":%s}}'


@pytest.mark.parametrize(
    ("shape", "sent", "words"),
    [
        (SERVICE, '{"TaskTemplate":7}', ["ServiceSpec.TaskTemplate of type swarm.TaskSpec"] * 3),
        (
            SERVICE,
            '{"Name":7}',
            [
                "ServiceSpec.Name of type string",
                "ServiceSpec.Annotations.Name of type string",
                "ServiceSpec.Name of type string",
            ],
        ),
        (
            SERVICE,
            CONTAINER % '{"Image":7}',
            [
                "ContainerSpec.TaskTemplate.ContainerSpec.Image of type string",
                "ContainerSpec.TaskTemplate.ContainerSpec.Image of type string",
                "ServiceSpec.TaskTemplate.ContainerSpec.Image of type string",
            ],
        ),
        (
            SERVICE,
            CONTAINER % '{"Labels":{"a":7}}',
            [
                "ContainerSpec.TaskTemplate.ContainerSpec.Labels of type string",
                "ContainerSpec.TaskTemplate.ContainerSpec.Labels of type string",
                "ServiceSpec.TaskTemplate.ContainerSpec.Labels.a of type string",
            ],
        ),
        (
            SERVICE,
            CONTAINER % '{"Mounts":[{},{"Type":7}]}',
            [
                "Mount.TaskTemplate.ContainerSpec.Mounts.Type of type mount.Type",
                "Mount.TaskTemplate.ContainerSpec.Mounts.Type of type mount.Type",
                "ServiceSpec.TaskTemplate.ContainerSpec.Mounts.1.Type of type mount.Type",
            ],
        ),
        (
            "swarm.InitRequest",
            '{"Spec":{"Name":7}}',
            [
                "Spec.Spec.Name of type string",
                "Spec.Spec.Annotations.Name of type string",
                "InitRequest.Spec.Name of type string",
            ],
        ),
        (
            "types.NetworkCreateRequest",
            '{"IPAM":{"Config":7}}',
            [
                "IPAM.IPAM.Config of type []network.IPAMConfig",
                "IPAM.NetworkCreate.IPAM.Config of type []network.IPAMConfig",
                "NetworkCreateRequest.IPAM.Config of type []network.IPAMConfig",
            ],
        ),
    ],
)
def test_where_a_wrong_value_is(shape: str, sent: str, words: list[str]) -> None:
    with pytest.raises(Mismatch) as caught:
        read(json.loads(sent), shape)
    expected = [f"json: cannot unmarshal number into Go struct field {where}" for where in words]
    assert [caught.value.words(go) for go in (GO_OF_20_10, PARTS_TOLD, REWRITTEN)] == expected
    assert caught.value.message == expected[0]


def test_an_element_of_a_list_is_no_field() -> None:
    with pytest.raises(Mismatch) as caught:
        read({"TaskTemplate": {"ContainerSpec": {"Env": ["a", 7]}}}, SERVICE)
    path = "TaskTemplate.ContainerSpec.Env"
    assert caught.value.words(PARTS_TOLD).endswith(
        f"into Go struct field ContainerSpec.{path} of type string"
    )
    assert caught.value.words(REWRITTEN).endswith(f"number into ServiceSpec.{path}.1 of type string")


def test_what_is_no_base64() -> None:
    with pytest.raises(Mismatch) as caught:
        read({"Name": "x", "Data": "%%"}, "swarm.ConfigSpec")
    why = "illegal base64 data at input byte 0"
    assert [caught.value.words(go) for go in (GO_OF_20_10, PARTS_TOLD)] == [why, why]
    field = "json: cannot unmarshal string into Go struct field ConfigSpec.Data of type []uint8"
    assert caught.value.words(REWRITTEN) == f"{field}: {why}"


def test_the_decoders_are_in_their_order() -> None:
    assert all(earlier < later for earlier, later in pairwise((GO_OF_20_10, PARTS_TOLD, REWRITTEN)))
