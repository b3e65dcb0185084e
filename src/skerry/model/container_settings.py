"""Settings of a container for which Swarm's API has no place: labels of the container that become fields of
its creation.

What `docker run` and a compose file can say, and a service can't. `skerry deploy` writes these labels for
keys of a compose file; the docker CLI takes them with `--container-label`, or below `labels:`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skerry.model import label_values as values
from skerry.model.label import Label


def _setting(
    name: str, container: str, help: str, allowed: str, read: Callable[[str], Any] = str, engine: str = ""
) -> Label:
    since = f" Older engines than API {engine} ignore it." if engine else ""
    here = "a container there is made without it"
    return Label(f"skerry.{name}", help + since, allowed, read, None, here, container)


def _of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        meant = f"not {words[0]}" if len(words) == 1 else f"none of {', '.join(words)}"
        raise ValueError(f'"{text}" is {meant}')

    return read


_FLAG = "`true`, `false`"
_NUMBER = "a whole number"
_SIZE = "a size such as `64m`"
_LIST = "with commas between, or a JSON array"

SETTINGS = (
    _setting("privileged", "HostConfig.Privileged", "All capabilities and all devices.", _FLAG, values.flag),
    _setting(
        "devices",
        "HostConfig.Devices",
        "Devices of the machine.",
        f"`/dev/fuse` or `/dev/sda:/dev/xvda:rw`, {_LIST}",
        values.devices,
    ),
    _setting(
        "devices.cdi",
        "HostConfig.DeviceRequests",
        "Devices by the names of the Container Device Interface.",
        f"`nvidia.com/gpu=0`, {_LIST}",
        values.cdi,
        "1.46",
    ),
    _setting(
        "devices.cgroup-rules",
        "HostConfig.DeviceCgroupRules",
        "Rules for devices that come later.",
        f"`c 1:3 mr`, {_LIST}",
        values.items,
    ),
    _setting(
        "gpus",
        "HostConfig.DeviceRequests",
        "GPUs, and what else an engine's device drivers give.",
        "`all`, a count, or a JSON array of the engine's device requests",
        values.requests,
    ),
    _setting(
        "network",
        "HostConfig.NetworkMode",
        "No network at all, for a service that joins none.",
        "`none`",
        _of("none"),
    ),
    _setting(
        "ipc",
        "HostConfig.IpcMode",
        "The namespace for shared memory and queues.",
        "`private`, `shareable`, `none`, `host`",
        _of("private", "shareable", "none", "host"),
    ),
    _setting("pid", "HostConfig.PidMode", "The machine's processes are seen.", "`host`", _of("host")),
    _setting(
        "uts", "HostConfig.UTSMode", "The machine's host name is the container's.", "`host`", _of("host")
    ),
    _setting(
        "userns",
        "HostConfig.UsernsMode",
        "No user namespace, where the engine uses one.",
        "`host`",
        _of("host"),
    ),
    _setting(
        "cgroup",
        "HostConfig.CgroupnsMode",
        "The cgroup namespace.",
        "`private`, `host`",
        _of("private", "host"),
    ),
    _setting("cgroup.parent", "HostConfig.CgroupParent", "The cgroup that the container's is in.", "a path"),
    _setting("shm-size", "HostConfig.ShmSize", "The size of /dev/shm.", _SIZE, values.size),
    _setting(
        "security-opt",
        "HostConfig.SecurityOpt",
        "Options of the engine's security modules.",
        f"`apparmor=unconfined`, {_LIST}",
        values.items,
    ),
    _setting("runtime", "HostConfig.Runtime", "The OCI runtime.", "a runtime that the engine knows"),
    _setting(
        "oom.kill-disable",
        "HostConfig.OomKillDisable",
        "No process is killed when memory runs out; with cgroup v2 the engine ignores it.",
        _FLAG,
        values.flag,
    ),
    _setting(
        "oom.score-adj",
        "HostConfig.OomScoreAdj",
        "How soon the kernel ends it when memory runs out.",
        "`-1000` to `1000`",
        values.number,
    ),
    _setting(
        "memory.swap",
        "HostConfig.MemorySwap",
        "Memory and swap together.",
        f"{_SIZE}, or `-1` for all there is",
        values.swap,
    ),
    _setting(
        "memory.swappiness",
        "HostConfig.MemorySwappiness",
        "How readily its memory is swapped; only with cgroup v1.",
        "`0` to `100`",
        values.number,
    ),
    _setting(
        "memory.reservation",
        "HostConfig.MemoryReservation",
        "Memory that is left to it when there is little.",
        _SIZE,
        values.size,
    ),
    _setting("cpu.set", "HostConfig.CpusetCpus", "The processors that it may run on.", "`0-3` or `0,2`"),
    _setting("cpu.shares", "HostConfig.CpuShares", "Its weight beside others.", _NUMBER, values.number),
    _setting("cpu.quota", "HostConfig.CpuQuota", "Microseconds in each period.", _NUMBER, values.number),
    _setting("cpu.period", "HostConfig.CpuPeriod", "Microseconds of a period.", _NUMBER, values.number),
    _setting(
        "cpu.rt-runtime",
        "HostConfig.CpuRealtimeRuntime",
        "Microseconds of the real-time scheduler in each of its periods.",
        _NUMBER,
        values.number,
    ),
    _setting(
        "cpu.rt-period",
        "HostConfig.CpuRealtimePeriod",
        "Microseconds of a real-time period.",
        _NUMBER,
        values.number,
    ),
    _setting(
        "blkio.weight", "HostConfig.BlkioWeight", "Its weight at disks.", "`10` to `1000`", values.number
    ),
    _setting(
        "blkio.weight-device",
        "HostConfig.BlkioWeightDevice",
        "Its weight at one disk.",
        f"`/dev/sda:200`, {_LIST}",
        values.limits("Weight", values.number),
    ),
    *(
        _setting(
            f"blkio.{kind.lower()}-{unit}",
            f"HostConfig.BlkioDevice{kind}{'Bps' if unit == 'bps' else 'IOps'}",
            f"{'Bytes' if unit == 'bps' else 'Operations'} a second that it may {kind.lower()} at a disk.",
            f"`/dev/sda:{'1mb' if unit == 'bps' else '500'}`, {_LIST}",
            values.limits("Rate", values.size if unit == "bps" else values.number),
        )
        for kind in ("Read", "Write")
        for unit in ("bps", "iops")
    ),
    _setting(
        "storage-opt",
        "HostConfig.StorageOpt",
        "Options of the engine's storage driver.",
        "`size=10G`",
        values.mapping,
    ),
    _setting(
        "annotations",
        "HostConfig.Annotations",
        "Annotations for the OCI runtime.",
        "`name=value`, with commas between, or a JSON object",
        values.mapping,
        "1.43",
    ),
    _setting(
        "tmpfs",
        "HostConfig.Tmpfs",
        "Memory at a path, with options of mount.",
        f"`/run:size=64m,uid=1000`, {_LIST}",
        values.tmpfs,
    ),
    _setting("domainname", "Domainname", "The domain of the container's host name.", "a name"),
    _setting(
        "mac-address",
        "MacAddress",
        "The container's address on Ethernet; two replicas on one network can't have the same.",
        "`02:42:ac:11:00:01`",
    ),
)
"""Every one of them."""
