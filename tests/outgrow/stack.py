"""A stack as the API shows it."""

from __future__ import annotations

from typing import Any

from skerry.model.objects import Raw

STACK = {"com.docker.stack.namespace": "shop"}


def service(
    *, name: str = "shop_app", container: Raw | None = None, template: Raw | None = None, **spec: Any
) -> Raw:
    """A service object with these parts of its spec."""
    return {
        "ID": "s1",
        "Spec": {
            "Name": name,
            "Labels": {**STACK, "com.docker.stack.image": "app:1", **spec.pop("labels", {})},
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "app:1",
                    "Labels": STACK,
                    "Isolation": "default",
                    **(container or {}),
                },
                "Networks": [{"Target": "shop_default", "Aliases": ["app"]}],
                "ForceUpdate": 3,
                "Runtime": "container",
                **(template or {}),
            },
            "Mode": {"Replicated": {"Replicas": 2}},
            "EndpointSpec": {"Mode": "vip"},
            **spec,
        },
    }


def network(name: str, **more: Any) -> Raw:
    """A network of the stack's as the API tells it."""
    return {
        "Name": name,
        "Labels": STACK,
        "Options": {},
        "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]},
        **more,
    }
