"""What is different between two releases."""

from __future__ import annotations

from skerry.cli.deploy.release_diff import between
from skerry.model.objects import Raw


def spec(name: str, **container: object) -> Raw:
    body = {"Name": name, "TaskTemplate": {"ContainerSpec": container}}
    return {"ID": name, "Action": "unchanged", "Spec": body}


def test_services_are_compared_field_by_field() -> None:
    old = {"Services": [spec("a", Image="x:1", Env=["A"]), spec("gone"), spec("same", Image="y")]}
    new = {
        "Services": [spec("a", Image="x:2", Env=["A"], Args=["b"]), spec("fresh"), spec("same", Image="y")]
    }
    new["Services"].append({**spec("gone"), "Action": "removed"})
    assert between(old, new)["Services"] == [
        {
            "Name": "a",
            "Action": "changed",
            "Fields": [
                {"Path": "TaskTemplate.ContainerSpec.Args", "Old": None, "New": ["b"]},
                {"Path": "TaskTemplate.ContainerSpec.Image", "Old": "x:1", "New": "x:2"},
            ],
        },
        {"Name": "fresh", "Action": "new"},
        {"Name": "gone", "Action": "removed"},
        {"Name": "same", "Action": "unchanged", "Fields": []},
    ]
