"""Attempts of who may deploy the stack `shop` to reach further: requests of which each has to be refused."""

from __future__ import annotations

from typing import Any

from skerry.model.labels import STACK

OWN = {STACK: "shop"}
Raw = dict[str, Any]


def spec(
    name: str = "shop_evil", labels: Raw | None = None, task: Raw | None = None, **container: Any
) -> Raw:
    """A service that would be the stack's, but for what is said."""
    template = {"ContainerSpec": {"Image": "box:1", **container}, **(task or {})}
    mode = {"Replicated": {"Replicas": 0}}
    return {"Name": name, "Labels": OWN if labels is None else labels, "TaskTemplate": template, "Mode": mode}


def mounted(**mount: Any) -> Raw:
    """A service with one mount."""
    return spec(Mounts=[{"Target": "/m", **mount}])


def joined(*targets: str) -> Raw:
    """A service on these networks."""
    return spec(task={"Networks": [{"Target": target} for target in targets]})


def stack(*services: Raw, **more: Any) -> Raw:
    """A whole stack of these."""
    return {"Services": [*services], **more}


def file(name: str) -> Raw:
    """A config or secret that would be the stack's."""
    return {"Name": name, "Labels": OWN, "Data": "YQ=="}


CREATE = "/services/create"
SHOP = "/skerry/stacks/shop"
CONTENT: Raw = {"skerry.content": "{hidden}"}
SOCKET = "/var/run/docker.sock"

ATTEMPTS: list[tuple[str, str, Any]] = [
    # what the path names: other stacks' things, by name, ID and its beginning
    ("GET", "/services/other_web", None),
    ("GET", "/services/{service}", None),
    ("GET", "/services/{service:.9}", None),
    ("DELETE", "/services/other_web", None),
    ("DELETE", "/services/{service}", None),
    ("POST", "/services/other_web/update?version=1", spec("other_web")),
    ("POST", "/services/{service:.9}/update?version=1", spec()),
    ("POST", "/services/{service}/update?version=1&rollback=previous", spec()),
    ("GET", "/services/other_web/logs?stdout=1", None),
    ("GET", "/tasks/{task}", None),
    ("GET", "/tasks/{task}/logs?stdout=1", None),
    ("GET", "/tasks?filters={{%22service%22:[%22other_web%22]}}", None),
    ("GET", "/secrets/other_word", None),
    ("DELETE", "/secrets/{secret}", None),
    ("POST", "/secrets/{secret}/update?version=1", {"Name": "other_word", "Labels": OWN}),
    ("POST", "/skerry/secrets/other_word/reveal", {}),
    ("GET", "/networks/other_default", None),
    ("DELETE", "/networks/{network}", None),
    ("POST", "/networks/{network}/connect", {"Container": "{container}"}),
    ("DELETE", "/networks/bridge", None),
    ("POST", "/networks/prune", {}),
    # the service that would be made
    ("POST", CREATE, spec("other_new", {STACK: "other"})),
    ("POST", CREATE, spec("other_new")),
    ("POST", CREATE, spec("shop_new", {STACK: "other"})),
    ("POST", CREATE, spec("shop_new", {})),
    ("POST", CREATE, spec(labels={**OWN, "skerry.socket": "engine"})),
    ("POST", CREATE, spec(Image="busybox")),
    ("POST", CREATE, spec(Image="{image}")),
    ("POST", CREATE, spec(Image="box@{hidden}")),
    ("POST", CREATE, spec(**CONTENT)),
    ("POST", CREATE, mounted(Type="bind", Source="/")),
    ("POST", CREATE, mounted(Source="/etc")),
    ("POST", CREATE, mounted(Type="BIND", Source=SOCKET)),
    ("POST", CREATE, mounted(Type="volume", Source="other_data")),
    ("POST", CREATE, mounted(Type="volume", Source="shop_held")),
    ("POST", CREATE, mounted(Type="volume", Source="{{{{.Service.Name}}}}")),
    ("POST", CREATE, mounted(Type="tmpfs", **{"ſource": "/"})),
    (
        "POST",
        CREATE,
        mounted(
            Type="volume",
            Source="shop_root",
            VolumeOptions={
                "DriverConfig": {"Name": "local", "Options": {"o": "bind", "device": "/", "type": "none"}}
            },
        ),
    ),
    ("POST", CREATE, joined("other_default")),
    ("POST", CREATE, joined("{network}")),
    ("POST", CREATE, joined("{network:.9}")),
    ("POST", CREATE, joined("host")),
    ("POST", CREATE, joined("private_net")),
    ("POST", CREATE, {**spec(), "Networks": [{"Target": "other_default"}]}),
    (
        "POST",
        CREATE,
        spec(Secrets=[{"SecretID": "{secret}", "SecretName": "other_word", "File": {"Name": "w"}}]),
    ),
    (
        "POST",
        CREATE,
        spec(Secrets=[{"SecretID": "{secret}", "SecretName": "shop_word", "File": {"Name": "w"}}]),
    ),
    ("POST", CREATE, spec(CapabilityAdd=["CAP_SYS_ADMIN"])),
    ("POST", CREATE, spec(Sysctls={"kernel.core_pattern": "|/x"})),
    (
        "POST",
        CREATE,
        spec(
            task={
                "Resources": {
                    "Reservations": {
                        "GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]
                    }
                }
            }
        ),
    ),
    (
        "POST",
        CREATE,
        spec(task={"LogDriver": {"Name": "syslog", "Options": {"syslog-address": f"unix://{SOCKET}"}}}),
    ),
    # its own service, moved away
    ("POST", "/services/shop_mine/update?version={version}", spec("shop_mine", {STACK: "other"})),
    (
        "POST",
        "/services/shop_mine/update?version={version}",
        spec("shop_mine", Mounts=[{"Source": "/", "Target": "/m"}]),
    ),
    ("POST", "/services/shop_mine/update?version={version}&rollback=previous", spec("shop_mine")),
    # other objects
    ("POST", "/secrets/create", {"Name": "other_new", "Labels": {STACK: "other"}, "Data": "YQ=="}),
    ("POST", "/configs/create", {"Name": "loose", "Labels": OWN, "Data": "YQ=="}),
    ("POST", "/networks/create", {"Name": "shop_flat", "Labels": OWN, "Driver": "macvlan"}),
    ("POST", "/networks/create", {"Name": "other_new", "Labels": {STACK: "other"}, "Driver": "overlay"}),
    # the swarm, and skerry
    ("GET", "/swarm", None),
    ("POST", "/swarm/leave?force=1", {}),
    ("POST", "/swarm/update?version=1", {}),
    ("POST", "/nodes/self/update?version=1", {"Availability": "drain"}),
    ("POST", "/skerry/stacks/other", {}),
    # whole stacks: another one, and its own with what a service alone may not be, or what is there already
    ("POST", "/skerry/stacks/other?plan=true", stack()),
    ("GET", "/skerry/stacks/other", None),
    ("GET", "/skerry/stacks/other/releases", None),
    ("GET", "/skerry/stacks/other/releases/1", None),
    ("GET", "/skerry/stacks/other/progress", None),
    ("DELETE", "/skerry/stacks/other", None),
    ("POST", "/skerry/stacks/other/rollback?to=1", None),
    ("POST", SHOP, stack(spec(), spec("other_web", {STACK: "other"}))),
    ("POST", SHOP, stack(spec("other_web"))),
    ("POST", SHOP, stack(spec("shop_loose"))),
    ("POST", SHOP, stack(spec(Image="busybox"))),
    ("POST", SHOP, stack(mounted(Type="bind", Source="/"))),
    ("POST", f"{SHOP}?plan=true", stack(mounted(Type="bind", Source=SOCKET))),
    ("POST", SHOP, stack(mounted(Type="volume", Source="shop_held"))),
    ("POST", SHOP, stack(joined("other_default"))),
    ("POST", SHOP, stack(spec(CapabilityAdd=["CAP_SYS_ADMIN"]))),
    ("POST", SHOP, stack(spec(**CONTENT))),
    ("POST", SHOP, stack(spec(Labels={"skerry.privileged": "true"}))),
    ("POST", SHOP, stack(spec(Labels={"skerry.devices": "/dev/sda"}))),
    ("POST", SHOP, stack(spec(Labels={"skerry.pid": "host"}))),
    ("POST", SHOP, stack(spec(Secrets=[{"SecretName": "other_word", "File": {"Name": "w"}}]))),
    ("POST", SHOP, stack(spec(Secrets=[{"SecretName": "{secret}", "File": {"Name": "w"}}]))),
    (
        "POST",
        SHOP,
        stack(
            spec(Secrets=[{"SecretName": "shop_loose", "File": {"Name": "w"}}]), Secrets=[file("shop_loose")]
        ),
    ),
    ("POST", SHOP, stack(Secrets=[file("other_word")])),
    ("POST", SHOP, stack(Networks=[{"Name": "shop_flat", "Labels": OWN, "Driver": "macvlan"}])),
    ("POST", f"{SHOP}/rollback?to=1", None),
    ("POST", f"{SHOP}/rollback?to=1&plan=true", None),
    ("GET", "/skerry/secrets/other_word/versions", None),
    ("GET", "/skerry/configs/loose/versions", None),
    ("GET", "/skerry/why/other", None),
    ("GET", "/skerry/why/other_web.1", None),
    ("GET", "/skerry/why/{task}", None),
    ("GET", "/skerry/logs?of=other", None),
    ("GET", "/skerry/logs?of=shop,{service:.9}", None),
    ("GET", "/skerry/events?of=other", None),
    ("GET", "/skerry/backup", None),
    ("POST", "/skerry/users", {"Name": "me", "Role": "admin"}),
    ("DELETE", "/skerry/users/ci", None),
    ("POST", "/skerry/listeners", {"Address": "tcp://0.0.0.0:1"}),
    ("GET", "/skerry/audit", None),
    # the engine's own
    ("POST", "/containers/create", {"Image": "box:1", "HostConfig": {"Privileged": True}}),
    ("POST", "/containers/{container}/exec", {"Cmd": ["sh"]}),
    ("POST", "/containers/{container}/attach?stream=1", {}),
    ("GET", "/containers/{container}/archive?path=/run/secrets", None),
    ("GET", "/containers/{container}/json", None),
    ("GET", "/containers/json", None),
    ("DELETE", "/containers/{container}?force=1", None),
    ("POST", "/exec/x/start", {}),
    ("POST", "/build?remote=http://127.0.0.1/x", {}),
    ("POST", "/images/create?fromImage=busybox", {}),
    ("GET", "/images/hidden:1/json", None),
    ("GET", "/distribution/127.0.0.1:1/x/json", None),
    ("POST", "/volumes/create", {"Name": "shop_root"}),
    ("GET", "/volumes", None),
    ("POST", "/plugins/pull?remote=x", {}),
    ("POST", "/session", None),
    ("POST", "/system/prune", {}),
    # other spellings of the same
    ("POST", "/v1.41/containers/create", {"Image": "box:1"}),
    ("POST", "/%63ontainers/create", {"Image": "box:1"}),
    ("POST", "/v1.41/v1.41/exec/x/start", {}),
    ("GET", "/images/box:1/json/../../../x", None),
    ("GET", "/version/containers/json", None),
    ("DELETE", "/v1.30/services/other_web", None),
    ("DELETE", "/services/other%5Fweb", None),
    ("DELETE", "/v1.41/skerry/stacks/%6Fther", None),
]


def filled(value: Any, ids: dict[str, str]) -> Any:
    """`{secret}` and its like as what they are called."""
    if isinstance(value, dict):
        return {key: filled(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) and "{" in value else value
