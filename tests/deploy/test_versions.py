"""A config or secret with another content is another one, and the services that have it say so."""

from __future__ import annotations

from skerry.cli.compose.stack_request import StackRequest
from skerry.cli.deploy.versions import take_next
from skerry.model.objects import Raw

OTHER = "rpc error: code = InvalidArgument desc = only updates to Labels are allowed"


def request(*names: str) -> StackRequest:
    """A stack with a service that has these configs and a secret of each name."""
    box: Raw = {
        "Configs": [{"ConfigName": name} for name in names],
        "Secrets": [{"SecretName": name} for name in names],
    }
    body = {
        "Services": [{"Name": "s_a", "TaskTemplate": {"ContainerSpec": box}}],
        "Configs": [{"Name": name} for name in names],
        "Secrets": [{"Name": name} for name in names],
    }
    return StackRequest("s", body, versioned={"s_site", "s_key"})


def names(stack: StackRequest, kind: str) -> tuple[list[str], list[str]]:
    """Those of the specs, and those of the references."""
    box = stack.body["Services"][0]["TaskTemplate"]["ContainerSpec"]
    return (
        [spec["Name"] for spec in stack.body[f"{kind}s"]],
        [reference[f"{kind}Name"] for reference in box[f"{kind}s"]],
    )


def test_the_next_version_is_named_in_both_places() -> None:
    stack = request("s_site", "s_key-v4")
    assert take_next(stack, f"config s_site: {OTHER}\nsecret s_key-v4: {OTHER}")
    assert names(stack, "Config") == (["s_site-v2", "s_key-v4"], ["s_site-v2", "s_key-v4"])
    assert names(stack, "Secret") == (["s_site", "s_key-v5"], ["s_site", "s_key-v5"])


def test_whatever_else_is_wrong_is_not_mended() -> None:
    for refusal in (
        "service s_a: invalid image reference",
        f"config s_site: {OTHER}\nservice s_a: invalid image reference",
        f"config own: {OTHER}",
    ):
        stack = request("s_site", "own")
        assert not take_next(stack, refusal)
        assert names(stack, "Config")[0] == ["s_site", "own"]
