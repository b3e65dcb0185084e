"""Fields that engines since 25 know: their types are checked; a word that is none is the default."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.control.mismatch import REWRITTEN, Mismatch
from tests.control.swarm_of_one import World

CONTAINER = "ServiceSpec.TaskTemplate.ContainerSpec"


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("privileges", "words"),
    [
        ({"Seccomp": {"Mode": 5}}, "number into Go struct field {0}.Seccomp.Mode of type swarm.SeccompMode"),
        ({"Seccomp": 5}, "number into Go struct field {0}.Seccomp of type swarm.SeccompOpts"),
        (
            {"Seccomp": {"Mode": "custom", "Profile": "abc"}},
            "string into Go struct field {0}.Seccomp.Profile of type []uint8: "
            "illegal base64 data at input byte 0",
        ),
        (
            {"Seccomp": {"Mode": "custom", "Profile": 5}},
            "number into Go struct field {0}.Seccomp.Profile of type []uint8",
        ),
        (
            {"Seccomp": {"Mode": "custom", "Profile": {"a": 1}}},
            "object into Go struct field {0}.Seccomp.Profile of type []uint8",
        ),
        ({"Seccomp": {"Profile": [300]}}, "number 300 into {0}.Seccomp.Profile.0 of type uint8"),
        ({"AppArmor": 5}, "number into Go struct field {0}.AppArmor of type swarm.AppArmorOpts"),
        ({"AppArmor": "x"}, "string into Go struct field {0}.AppArmor of type swarm.AppArmorOpts"),
        (
            {"AppArmor": {"Mode": 5}},
            "number into Go struct field {0}.AppArmor.Mode of type swarm.AppArmorMode",
        ),
        ({"NoNewPrivileges": "x"}, "string into Go struct field {0}.NoNewPrivileges of type bool"),
    ],
)
def test_a_privilege_of_the_wrong_type_is_refused_as_by_engine_28(privileges: Any, words: str) -> None:
    with pytest.raises(Mismatch) as refused:
        World().service(container={"Privileges": privileges})
    told = "json: cannot unmarshal " + words.format(f"{CONTAINER}.Privileges")
    assert refused.value.words(REWRITTEN) == told
    assert refused.value.status == 400


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (
            {"TmpfsOptions": {"Options": "x"}},
            "string into Go struct field {0}.TmpfsOptions.Options of type [][]string",
        ),
        ({"TmpfsOptions": {"Options": ["x"]}}, "string into {0}.TmpfsOptions.Options.0 of type []string"),
        ({"TmpfsOptions": {"Options": [[5]]}}, "number into {0}.TmpfsOptions.Options.0.0 of type string"),
        (
            {"BindOptions": {"CreateMountpoint": 5}},
            "number into Go struct field {0}.BindOptions.CreateMountpoint of type bool",
        ),
        (
            {"VolumeOptions": {"Subpath": 5}},
            "number into Go struct field {0}.VolumeOptions.Subpath of type string",
        ),
        (
            {"ImageOptions": {"Subpath": 5}},
            "number into Go struct field {0}.ImageOptions.Subpath of type string",
        ),
    ],
)
def test_a_mount_with_an_option_of_the_wrong_type_is_refused_as_by_engine_28(mount: Any, words: str) -> None:
    with pytest.raises(Mismatch) as refused:
        World().service(container={"Mounts": [{"Target": "/a", **mount}]})
    assert refused.value.words(REWRITTEN) == "json: cannot unmarshal " + words.format(f"{CONTAINER}.Mounts.0")


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("privileges", "stored"),
    [
        ({"Seccomp": {"Mode": "nope"}}, {"Seccomp": {"Mode": "default"}}),
        (
            {"Seccomp": {}, "AppArmor": {"Mode": "x"}},
            {"Seccomp": {"Mode": "default"}, "AppArmor": {"Mode": "default"}},
        ),
        (
            {"Seccomp": {"Mode": "custom", "Profile": [1, 2]}},
            {"Seccomp": {"Mode": "custom", "Profile": "AQI="}},
        ),
        ({"Seccomp": {"Mode": "custom", "Profile": ""}}, {"Seccomp": {"Mode": "custom"}}),
        ({"Seccomp": None, "AppArmor": {"Mode": "disabled"}}, {"AppArmor": {"Mode": "disabled"}}),
    ],
)
def test_a_mode_that_is_none_is_stored_as_the_default(privileges: Any, stored: Any) -> None:
    container = (
        World().service(container={"Privileges": privileges}).spec.raw["TaskTemplate"]["ContainerSpec"]
    )
    assert container["Privileges"] == stored
