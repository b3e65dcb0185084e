"""Each key of a service: what Swarm is asked for. Compose reads the file, as for users."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from skerry.cli.compose.project import ProjectRequest, read
from skerry.cli.compose.stack_request import translate
from tests.compose.reading import COMPOSE, at, named, service, stack

BOX = "TaskTemplate.ContainerSpec."
SPEC: list[tuple[str, str, object]] = [
    ("command: a 'b c'", f"{BOX}Args", ["a", "b c"]),
    ("entrypoint: [/x, y]", f"{BOX}Command", ["/x", "y"]),
    ("environment: {B: 'a$$b', A: '1'}", f"{BOX}Env", ["A=1", "B=a$b"]),
    ("environment: [GONE]", f"{BOX}Env", ["GONE"]),
    ("hostname: h", f"{BOX}Hostname", "h"),
    ("working_dir: /srv", f"{BOX}Dir", "/srv"),
    ("user: '1000:5'", f"{BOX}User", "1000:5"),
    ("init: true", f"{BOX}Init", True),
    ("read_only: true", f"{BOX}ReadOnly", True),
    ("stdin_open: true", f"{BOX}OpenStdin", True),
    ("tty: true", f"{BOX}TTY", True),
    ("stop_signal: SIGQUIT", f"{BOX}StopSignal", "SIGQUIT"),
    ("stop_grace_period: 1m10s", f"{BOX}StopGracePeriod", 70_000_000_000),
    ("cap_add: [NET_ADMIN]", f"{BOX}CapabilityAdd", ["NET_ADMIN"]),
    ("cap_drop: [ALL]", f"{BOX}CapabilityDrop", ["ALL"]),
    ("group_add: [5, wheel]", f"{BOX}Groups", ["5", "wheel"]),
    ("isolation: default", f"{BOX}Isolation", "default"),
    ("extra_hosts: ['a:1.2.3.4', 'b=::1']", f"{BOX}Hosts", ["1.2.3.4 a", "::1 b"]),
    ("dns: 1.1.1.1", f"{BOX}DNSConfig", {"Nameservers": ["1.1.1.1"]}),
    ("dns_search: [a.org]", f"{BOX}DNSConfig", {"Search": ["a.org"]}),
    ("dns_opt: ['ndots:2']", f"{BOX}DNSConfig", {"Options": ["ndots:2"]}),
    ("sysctls: {net.core.somaxconn: 10}", f"{BOX}Sysctls", {"net.core.somaxconn": "10"}),
    (
        "ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}",
        f"{BOX}Ulimits",
        [{"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "nproc", "Soft": 5, "Hard": 5}],
    ),
    ("credential_spec: {file: a.json}", f"{BOX}Privileges", {"CredentialSpec": {"File": "a.json"}}),
    (
        "healthcheck: {test: curl x, interval: 5s, timeout: 1s, retries: 2, start_period: 1m, "
        "start_interval: 2s}",
        f"{BOX}Healthcheck",
        {
            "Test": ["CMD-SHELL", "curl x"],
            "Interval": 5_000_000_000,
            "Timeout": 1_000_000_000,
            "Retries": 2,
            "StartPeriod": 60_000_000_000,
            "StartInterval": 2_000_000_000,
        },
    ),
    ("healthcheck: {disable: true}", f"{BOX}Healthcheck", {"Test": ["NONE"]}),
    ("labels: {a: b}", f"{BOX}Labels", {"a": "b", "com.docker.stack.namespace": "shop"}),
    (
        "logging: {driver: json-file, options: {max-size: 10m}}",
        "TaskTemplate.LogDriver",
        {"Name": "json-file", "Options": {"max-size": "10m"}},
    ),
    ("platform: linux/amd64", "TaskTemplate.Placement.Platforms", [{"OS": "linux", "Architecture": "amd64"}]),
    ("restart: 'no'", "TaskTemplate.RestartPolicy", {"Condition": "none"}),
    ("restart: unless-stopped", "TaskTemplate.RestartPolicy", {"Condition": "any"}),
    ("restart: on-failure:3", "TaskTemplate.RestartPolicy", {"Condition": "on-failure", "MaxAttempts": 3}),
    (
        "restart: always\n"
        "deploy: {restart_policy: {condition: none, delay: 5s, max_attempts: 2, window: 1m}}",
        "TaskTemplate.RestartPolicy",
        {"Condition": "none", "Delay": 5_000_000_000, "MaxAttempts": 2, "Window": 60_000_000_000},
    ),
    ("scale: 3", "Mode", {"Replicated": {"Replicas": 3}}),
    ("deploy: {replicas: 0}", "Mode", {"Replicated": {"Replicas": 0}}),
    ("deploy: {mode: global}", "Mode", {"Global": {}}),
    ("deploy: {mode: global-job}", "Mode", {"GlobalJob": {}}),
    (
        "deploy: {mode: replicated-job, replicas: 2}",
        "Mode",
        {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 2}},
    ),
    ("cpus: 0.5", "TaskTemplate.Resources.Limits", {"NanoCPUs": 500_000_000}),
    ("mem_limit: 50m", "TaskTemplate.Resources.Limits", {"MemoryBytes": 50 << 20}),
    ("pids_limit: 5", "TaskTemplate.Resources.Limits", {"Pids": 5}),
    (
        "deploy: {resources: {limits: {cpus: '0.25', memory: 50M, pids: 5}}}",
        "TaskTemplate.Resources.Limits",
        {"NanoCPUs": 250_000_000, "MemoryBytes": 50 << 20, "Pids": 5},
    ),
    (
        "deploy: {resources: {reservations: {cpus: '0.1', memory: 20M, "
        "generic_resources: [{discrete_resource_spec: {kind: ssd, value: 2}}]}}}",
        "TaskTemplate.Resources.Reservations",
        {
            "NanoCPUs": 100_000_000,
            "MemoryBytes": 20 << 20,
            "GenericResources": [{"DiscreteResourceSpec": {"Kind": "ssd", "Value": 2}}],
        },
    ),
    (
        "deploy: {placement: {constraints: [node.role==manager], preferences: [{spread: node.labels.a}], "
        "max_replicas_per_node: 2}}",
        "TaskTemplate.Placement",
        {
            "Constraints": ["node.role==manager"],
            "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.a"}}],
            "MaxReplicas": 2,
        },
    ),
    (
        "deploy: {update_config: {order: start-first}}",
        "UpdateConfig",
        {"Parallelism": 1, "Order": "start-first"},
    ),
    (
        "deploy: {rollback_config: {parallelism: 0, delay: 1s, failure_action: pause, monitor: 2s, "
        "max_failure_ratio: 0.5}}",
        "RollbackConfig",
        {
            "Parallelism": 0,
            "Delay": 1_000_000_000,
            "FailureAction": "pause",
            "Monitor": 2_000_000_000,
            "MaxFailureRatio": 0.5,
        },
    ),
    ("deploy: {endpoint_mode: dnsrr}", "EndpointSpec", {"Mode": "dnsrr"}),
    (
        "deploy: {labels: {a: b}}",
        "Labels",
        {"a": "b", "com.docker.stack.namespace": "shop", "com.docker.stack.image": "box:1"},
    ),
    (
        "ports: ['8001:80', '9000:90/udp', "
        "{target: 5, published: 55, mode: host, name: x, app_protocol: http}]",
        "EndpointSpec.Ports",
        [
            {"Name": "x", "Protocol": "tcp", "TargetPort": 5, "PublishedPort": 55, "PublishMode": "host"},
            {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8001, "PublishMode": "ingress"},
            {"Protocol": "udp", "TargetPort": 90, "PublishedPort": 9000, "PublishMode": "ingress"},
        ],
    ),
    (
        "ports: ['80']",
        "EndpointSpec.Ports",
        [{"Protocol": "tcp", "TargetPort": 80, "PublishMode": "ingress"}],
    ),
    (
        "ports: ['0.0.0.0:8001:80']",
        "EndpointSpec.Ports",
        [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8001, "PublishMode": "ingress"}],
    ),
    ("network_mode: host", "TaskTemplate.Networks", [{"Target": "host"}]),
    ("network_mode: none", "TaskTemplate.Networks", None),
    ("network_mode: bridge", "TaskTemplate.Networks", [{"Target": "bridge"}]),
    ("{}", "TaskTemplate.Networks", [{"Target": "shop_default", "Aliases": ["web"]}]),
    ("container_name: own", "TaskTemplate.Networks", [{"Target": "shop_default", "Aliases": ["web", "own"]}]),
    ("attach: false", "Mode", {"Replicated": {"Replicas": 1}}),
    ("expose: ['80']", "EndpointSpec", None),
    ("develop: {watch: [{path: ., action: rebuild}]}", "EndpointSpec", None),
    (
        "volumes: ['/a:/b:ro']",
        f"{BOX}Mounts",
        [
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/b",
                "ReadOnly": True,
                "BindOptions": {"CreateMountpoint": True},
            }
        ],
    ),
    (
        "volumes: [{type: bind, source: /a, target: /b, consistency: cached, "
        "bind: {create_host_path: false, propagation: rshared, recursive: writable}}]",
        f"{BOX}Mounts",
        [
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/b",
                "Consistency": "cached",
                "BindOptions": {"Propagation": "rshared", "ReadOnlyNonRecursive": True},
            }
        ],
    ),
    ("volumes: [/anonymous]", f"{BOX}Mounts", [{"Type": "volume", "Target": "/anonymous"}]),
    (
        "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 10m, mode: 0700}}]",
        f"{BOX}Mounts",
        [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 10 << 20, "Mode": 0o700}}],
    ),
    (
        "volumes: [{type: image, source: 'box:1', target: /i, image: {subpath: bin}}]",
        f"{BOX}Mounts",
        [{"Type": "image", "Source": "box:1", "Target": "/i", "ImageOptions": {"Subpath": "bin"}}],
    ),
]


@pytest.mark.parametrize(("keys", "path", "value"), SPEC, ids=[keys[:40] for keys, _, _ in SPEC])
def test_a_key_has_its_place_in_the_spec(tmp_path: Path, keys: str, path: str, value: object) -> None:
    assert at(service(tmp_path, "" if keys == "{}" else keys), path) == value


BY_LABEL: list[tuple[str, dict[str, str]]] = [
    ("privileged: true", {"privileged": "true"}),
    (
        "devices: ['/dev/null:/dev/x:r', /dev/zero, 'a.com/gpu=0']",
        {"devices": "/dev/null:/dev/x:r,/dev/zero:/dev/zero:rwm", "devices.cdi": "a.com/gpu=0"},
    ),
    ("device_cgroup_rules: ['c 1:3 mr', 'a 7:* rmw']", {"devices.cgroup-rules": "c 1:3 mr,a 7:* rmw"}),
    (
        "gpus: all",
        {"gpus": '[{"Driver": "", "Count": -1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}]'},
    ),
    (
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], device_ids: ['0']}]}}}",
        {
            "gpus": '[{"Driver": "", "Count": 0, "DeviceIDs": ["0"], "Capabilities": [["gpu"]], '
            '"Options": {}}]'
        },
    ),
    ("network_mode: none", {"network": "none"}),
    ("network_mode: host", {}),
    ("ipc: host", {"ipc": "host"}),
    ("pid: host", {"pid": "host"}),
    ("uts: host", {"uts": "host"}),
    ("userns_mode: host", {"userns": "host"}),
    ("cgroup: private", {"cgroup": "private"}),
    ("cgroup_parent: /lim", {"cgroup.parent": "/lim"}),
    ("shm_size: 64m", {"shm-size": "67108864"}),
    (
        "security_opt: ['apparmor:unconfined', 'no-new-privileges:true']",
        {"security-opt": "apparmor=unconfined,no-new-privileges=true"},
    ),
    ("runtime: runsc", {"runtime": "runsc"}),
    ("oom_kill_disable: true", {"oom.kill-disable": "true"}),
    ("oom_score_adj: -5", {"oom.score-adj": "-5"}),
    ("mem_limit: 1g\nmemswap_limit: 2g", {"memory.swap": "2147483648"}),
    ("memswap_limit: -1", {"memory.swap": "-1"}),
    ("mem_swappiness: 5", {"memory.swappiness": "5"}),
    ("mem_reservation: 1m", {"memory.reservation": "1048576"}),
    ("cpuset: 0-1", {"cpu.set": "0-1"}),
    ("cpu_shares: 512", {"cpu.shares": "512"}),
    ("cpu_quota: 50000\ncpu_period: 100000", {"cpu.quota": "50000", "cpu.period": "100000"}),
    ("cpu_rt_runtime: 400\ncpu_rt_period: 1400", {"cpu.rt-runtime": "400", "cpu.rt-period": "1400"}),
    (
        "blkio_config: {weight: 300, weight_device: [{path: /dev/a, weight: 5}]}",
        {"blkio.weight": "300", "blkio.weight-device": "/dev/a:5"},
    ),
    (
        "blkio_config: {device_read_bps: [{path: /dev/a, rate: 1mb}], "
        "device_write_iops: [{path: /dev/a, rate: 9}]}",
        {"blkio.read-bps": "/dev/a:1048576", "blkio.write-iops": "/dev/a:9"},
    ),
    (
        "blkio_config: {device_read_iops: [{path: /dev/a, rate: 5}], "
        "device_write_bps: [{path: /dev/a, rate: 9}]}",
        {"blkio.read-iops": "/dev/a:5", "blkio.write-bps": "/dev/a:9"},
    ),
    ("storage_opt: {size: 1G}", {"storage-opt": '{"size": "1G"}'}),
    ("annotations: {a: 'b,c'}", {"annotations": '{"a": "b,c"}'}),
    ("tmpfs: [/run, '/tmp:size=64m,uid=5']", {"tmpfs": "/run,/tmp:size=64m,uid=5"}),
    ("domainname: a.org", {"domainname": "a.org"}),
    ("mac_address: '02:42:ac:11:00:01'", {"mac-address": "02:42:ac:11:00:01"}),
    (
        "post_start: [{command: a 'b c', user: root, privileged: true, working_dir: /x, "
        "environment: {N: 1}}]",
        {
            "hooks.post-start": '[{"command": ["a", "b c"], "environment": {"N": "1"}, "privileged": true, '
            '"user": "root", "working_dir": "/x"}]'
        },
    ),
    (
        "pre_stop: [{command: [a]}, {command: [b]}]",
        {"hooks.pre-stop": '[{"command": ["a"]}, {"command": ["b"]}]'},
    ),
]


@pytest.mark.parametrize(("keys", "labels"), BY_LABEL, ids=[keys[:40] for keys, _ in BY_LABEL])
def test_what_swarm_cannot_say_is_a_label(tmp_path: Path, keys: str, labels: dict[str, str]) -> None:
    own = at(service(tmp_path, keys), f"{BOX}Labels")
    assert own == {
        **{f"skerry.{name}": value for name, value in labels.items()},
        "com.docker.stack.namespace": "shop",
    }


def test_a_label_of_the_users_own_wins(tmp_path: Path) -> None:
    own = at(service(tmp_path, "shm_size: 1m\nlabels: {skerry.shm-size: 2m}"), f"{BOX}Labels")
    assert isinstance(own, dict)
    assert own["skerry.shm-size"] == "2m"


def test_a_seccomp_profile_is_read(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{ "defaultAction": "X", "a": [1, 2] }')
    own = at(service(tmp_path, "security_opt: ['seccomp:profile.json']"), f"{BOX}Labels")
    assert isinstance(own, dict)
    assert own["skerry.security-opt"] == '["seccomp={\\"defaultAction\\": \\"X\\", \\"a\\": [1, 2]}"]'


def test_order_is_a_label_and_what_has_to_complete_a_job(tmp_path: Path) -> None:
    request = stack(
        tmp_path,
        """
        services:
          web:
            image: box:1
            links: ["cache:store"]
            depends_on:
              db: {condition: service_healthy, restart: true}
              migrate: {condition: service_completed_successfully}
              extra: {condition: service_started, required: false}
          db: {image: box:1}
          cache: {image: box:1}
          migrate: {image: box:1}
          extra: {image: box:1, profiles: [more]}
        """,
    )
    labels = named(request, "shop_web")["Labels"]
    assert labels["skerry.depends_on"] == "cache:started!, db:healthy!, extra:started?, migrate:completed"
    assert named(request, "shop_migrate")["Mode"] == {
        "ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}
    }
    assert named(request, "shop_migrate")["TaskTemplate"]["RestartPolicy"] == {"Condition": "none"}
    assert named(request, "shop_cache")["TaskTemplate"]["Networks"][0]["Aliases"] == ["cache", "store"]
    assert [spec["Name"] for spec in request.body["Services"]] == [
        "shop_cache",
        "shop_db",
        "shop_migrate",
        "shop_web",
    ]


def test_networks(tmp_path: Path) -> None:
    request = stack(
        tmp_path,
        """
        services:
          web:
            image: box:1
            networks:
              front: {priority: 1}
              back: {aliases: [w], priority: 5, driver_opts: {a: b}}
              outside:
        networks:
          front: {driver: bridge, enable_ipv6: true, labels: {x: y}}
          back:
            internal: true
            attachable: true
            driver_opts: {com.docker.network.driver.mtu: 1400}
            ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.1, ip_range: 10.9.0.128/25}]}
          outside: {external: true, name: other}
        """,
    )
    assert named(request, "shop_web")["TaskTemplate"]["Networks"] == [
        {"Target": "shop_back", "Aliases": ["web", "w"], "DriverOpts": {"a": "b"}},
        {"Target": "shop_front", "Aliases": ["web"]},
        {"Target": "other", "Aliases": ["web"]},
    ]
    back, front = request.body["Networks"]
    assert back == {
        "Name": "shop_back",
        "Driver": "overlay",
        "Attachable": True,
        "Internal": True,
        "EnableIPv6": False,
        "Options": {"com.docker.network.driver.mtu": "1400"},
        "Labels": {"com.docker.stack.namespace": "shop"},
        "IPAM": {"Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.128/25"}]},
    }
    assert (front["Driver"], front["EnableIPv6"], front["Labels"]["x"]) == ("overlay", True, "y")
    assert request.notices == ["network front: driver bridge becomes overlay, as all networks of a stack are"]


def test_volumes(tmp_path: Path) -> None:
    request = stack(
        tmp_path,
        """
        services:
          web:
            image: box:1
            volumes:
              - data:/data
              - {type: volume, source: kept, target: /k, volume: {nocopy: true, subpath: a, labels: {m: n}}}
        volumes:
          data: {driver: local, driver_opts: {type: tmpfs, device: tmpfs, o: size=5}, labels: {x: y}}
          kept: {external: true, name: mine}
        """,
    )
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=5"}
    labels = {"x": "y", "com.docker.stack.namespace": "shop"}
    assert named(request, "shop_web")["TaskTemplate"]["ContainerSpec"]["Mounts"] == [
        {
            "Type": "volume",
            "Source": "shop_data",
            "Target": "/data",
            "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": options}, "Labels": labels},
        },
        {
            "Type": "volume",
            "Source": "mine",
            "Target": "/k",
            "VolumeOptions": {"NoCopy": True, "Subpath": "a", "Labels": {"m": "n"}},
        },
    ]
    assert request.body["Volumes"] == [
        {"Name": "shop_data", "Driver": "local", "DriverOpts": options, "Labels": labels}
    ]


def test_configs_and_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    (tmp_path / "a.txt").write_bytes(b"\xff\x00file")
    (tmp_path / ".env").write_text('TOKEN="of\nmany = lines"\n')
    request = stack(
        tmp_path,
        """
        services:
          web:
            image: box:1
            configs: [plain, {source: filed, target: /etc/f, uid: '5', gid: '6', mode: 0440}]
            secrets: [token, {source: there, target: t, mode: 0400}]
        configs:
          plain: {content: "a$$b ${TOKEN}", template_driver: golang, labels: {x: y}}
          filed: {file: a.txt, name: own}
        secrets:
          token: {environment: TOKEN}
          there: {external: true, name: outside}
        """,
    )
    box = named(request, "shop_web")["TaskTemplate"]["ContainerSpec"]
    assert box["Configs"] == [
        {"File": {"Name": "/etc/f", "UID": "5", "GID": "6", "Mode": 0o440}, "ConfigName": "own"},
        {"File": {"Name": "plain", "UID": "0", "GID": "0", "Mode": 0o444}, "ConfigName": "shop_plain"},
    ]
    assert [(ref["SecretName"], ref["File"]["Name"], ref["File"]["Mode"]) for ref in box["Secrets"]] == [
        ("outside", "t", 0o400),
        ("shop_token", "token", 0o444),
    ]
    filed, plain = request.body["Configs"]
    assert (filed["Name"], filed["Data"]) == ("own", "/wBmaWxl")
    assert plain["Templating"] == {"Name": "golang"}
    assert plain["Labels"] == {"x": "y", "com.docker.stack.namespace": "shop"}
    (token,) = request.body["Secrets"]
    assert (token["Name"], token["Data"]) == ("shop_token", "b2YKbWFueSA9IGxpbmVz")
    assert "many = lines" not in request.body["Source"]["Text"].partition("\nsecrets:")[2]
    assert request.body["Source"]["Origin"].endswith(f":{tmp_path}/compose.yaml")


def test_what_is_built_has_the_name_that_compose_gives_it(tmp_path: Path) -> None:
    request = stack(tmp_path, "services: {web: {build: .}, app: {build: ., image: 'mine:1'}}", build=True)
    images = [spec["TaskTemplate"]["ContainerSpec"]["Image"] for spec in request.body["Services"]]
    assert (images, request.builds) == (["mine:1", "shop-web"], ["app", "web"])


def test_profiles_variables_and_extensions_are_composes_affair(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services: {base: {image: 'box:${TAG:-2}', env_file: a.env}}")
    (tmp_path / "a.env").write_text("A='quoted # value'\n")
    (tmp_path / "more.yaml").write_text("services: {more: {image: 'box:1'}}")
    request = stack(
        tmp_path,
        """
        include: [more.yaml]
        services:
          web: {extends: {file: base.yaml, service: base}}
          debug: {image: "box:1", profiles: [debug]}
        """,
    )
    assert [spec["Name"] for spec in request.body["Services"]] == ["shop_more", "shop_web"]
    box = named(request, "shop_web")["TaskTemplate"]["ContainerSpec"]
    assert (box["Image"], box["Env"]) == ("box:2", ["A=quoted # value"])


def test_standard_input_and_another_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAG", raising=False)
    (tmp_path / "other.env").write_text("TAG=7\nTOKEN=t\n")
    text = """
        services:
          web: {image: "box:${TAG}", secrets: [token]}
        secrets: {token: {environment: TOKEN}}
    """
    asked = ProjectRequest(("-",), ("other.env",), stack="shop", standard_input=dedent(text))
    request = translate(read(COMPOSE, asked), build=False)
    assert named(request, "shop_web")["TaskTemplate"]["ContainerSpec"]["Image"] == "box:7"
    assert request.body["Secrets"][0]["Data"] == "dA=="
    assert request.body["Source"]["Origin"].endswith(":standard input")
