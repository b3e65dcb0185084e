"""Services, with defaults where asked and the count of their tasks."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.api.wire.common import meta, port, with_length
from skerry.api.wire.networks import shows
from skerry.control.convert import networks_of_task
from skerry.core.attach import networks_of
from skerry.core.jobs import completed_slots
from skerry.core.revisions import previous_spec
from skerry.core.view import View
from skerry.model import defaults
from skerry.model.objects import Port, Raw, Service, Task, VirtualIP
from skerry.model.specs import CONTENT, EndpointSpec, Replicated
from skerry.model.states import TaskState
from skerry.model.times import timestamp


def service(view: View, obj: Service, *, insert_defaults: bool = False, status: bool = False) -> Raw:
    """A service; `status` adds the count of its tasks, as `service ls` wants it."""
    spec = service_spec(obj.spec.raw)
    shown = {**meta(obj), "Spec": with_defaults(spec) if insert_defaults else spec}
    previous = previous_spec(view, obj)
    if previous is not None:
        shown["PreviousSpec"] = service_spec(previous.raw)
    shown["Endpoint"] = endpoint(view, obj)
    if obj.update is not None:
        shown["UpdateStatus"] = {
            "State": obj.update.state,
            "StartedAt": timestamp(obj.update.started_at),
            "Message": obj.update.message,
        }
        if obj.update.completed_at:
            shown["UpdateStatus"]["CompletedAt"] = timestamp(obj.update.completed_at)
    if status:
        shown["ServiceStatus"] = service_status(view, obj)
    if obj.is_job:
        iteration = {"Index": obj.job_iteration} if obj.job_iteration else {}
        shown["JobStatus"] = {"JobIteration": iteration, "LastExecution": timestamp(obj.last_execution)}
    return shown


def service_spec(spec: Raw) -> Raw:
    """A service's spec with the few fields that are never absent."""
    template = task_spec(spec.get("TaskTemplate") or {})
    template.setdefault("Runtime", "container")
    if "Networks" in template and not networks_of_task(spec):
        del template["Networks"]
    return {**spec, "Labels": spec.get("Labels") or {}, "TaskTemplate": template}


def task_spec(template: Raw) -> Raw:
    """A task template with the few fields that are never absent."""
    shown = {"ForceUpdate": 0, **template}
    container = shown.get("ContainerSpec")
    if container is not None:
        container = {key: value for key, value in container.items() if key != CONTENT}
        shown["ContainerSpec"] = {"Isolation": "default", **container}
        privileges = container.get("Privileges")
        if privileges is not None:
            always = {"CredentialSpec": None, "SELinuxContext": None}
            shown["ContainerSpec"]["Privileges"] = {**always, **privileges}
    return shown


_UPDATE_CONFIG = {
    "Parallelism": defaults.PARALLELISM,
    "FailureAction": defaults.FAILURE_ACTION,
    "Monitor": defaults.MONITOR,
    "MaxFailureRatio": 0,
    "Order": defaults.UPDATE_ORDER,
}
_RESTART_POLICY = {
    "Condition": defaults.RESTART_CONDITION,
    "Delay": defaults.RESTART_DELAY,
    "MaxAttempts": 0,
}


def with_defaults(spec: Raw) -> Raw:
    """`insertDefaults=true`: the values that stand where the user gave none."""
    template = dict(spec["TaskTemplate"])
    if "ContainerSpec" in template:
        grace = {"StopGracePeriod": defaults.STOP_GRACE_PERIOD, "DNSConfig": {}}
        template["ContainerSpec"] = {**grace, **template["ContainerSpec"]}
    template = {"Resources": {}, "Placement": {}, **template}
    policy = template.get("RestartPolicy")
    template["RestartPolicy"] = (
        dict(_RESTART_POLICY) if policy is None else {"Delay": defaults.RESTART_DELAY, **policy}
    )
    shown = {**spec, "TaskTemplate": template}
    for key in ("UpdateConfig", "RollbackConfig"):
        config = spec.get(key)
        shown[key] = dict(_UPDATE_CONFIG) if config is None else {"Monitor": defaults.MONITOR, **config}
    return shown


def endpoint(view: View, obj: Service) -> Raw:
    """What was allocated; a dnsrr service shows no VIP, though one is reserved for held connections."""
    vips = _virtual_ips(view, obj, obj.spec.typed.endpoint_spec)
    if not vips and not obj.endpoint.ports:
        return {"Spec": {}}
    shown: Raw = {"Spec": obj.spec.raw.get("EndpointSpec") or {}}
    if obj.endpoint.ports:
        shown["Ports"] = [_port(entry, obj.endpoint.spec) for entry in obj.endpoint.ports]
    if vips:
        shown["VirtualIPs"] = vips
    return shown


def _virtual_ips(view: View, obj: Service, spec: EndpointSpec) -> list[Raw]:
    """By network, in the order of the spec; on the engine's own `host` a swarm shows one without address."""
    if spec.mode == "dnsrr":
        return []
    shown = [
        {"NetworkID": vip.network_id, "Addr": with_length(view.networks.get(vip.network_id), vip.address)}
        for vip in obj.endpoint.vips
        if _shows(view, vip, spec)
    ]
    named = networks_of(view, obj)
    on_host = [{"NetworkID": network.id} for network in named if not network.subnet]
    if not on_host:
        return shown
    places = {network.id: place for place, network in enumerate(named) if not network.ingress}
    return sorted(shown + on_host, key=lambda entry: places.get(entry["NetworkID"], -1))


def _port(entry: Port, spec: Raw) -> Raw:
    """A published port. A number of host mode that the spec leaves open is shown by the tasks alone."""
    requested = {
        (port_spec.get("Protocol") or "tcp", port_spec.get("PublishedPort"))
        for port_spec in spec.get("Ports") or ()
    }
    left_open = entry.mode == "host" and (entry.protocol, entry.published) not in requested
    return port(replace(entry, published=0) if left_open else entry)


def _shows(view: View, vip: VirtualIP, spec: EndpointSpec) -> bool:
    network = view.networks.get(vip.network_id)
    return network is None or shows(network, spec)


def service_status(view: View, obj: Service) -> Raw:
    """How many tasks run and how many should; of a job, those of its current iteration."""
    tasks = [
        task for task in view.tasks_of(obj.id) if not obj.is_job or task.job_iteration == obj.job_iteration
    ]
    return {
        "RunningTasks": sum(task.status.state == TaskState.RUNNING for task in tasks),
        "DesiredTasks": _desired(obj, tasks),
        "CompletedTasks": completed_slots(obj, tasks) if obj.is_job else 0,
    }


def _desired(obj: Service, tasks: list[Task]) -> int:
    mode = obj.spec.typed.mode
    if mode.global_ is not None:
        return sum(task.desired == TaskState.RUNNING for task in tasks)
    if mode.global_job is not None:
        unfinished = (task for task in tasks if task.status.state < TaskState.COMPLETE)
        return sum(task.desired == TaskState.COMPLETE for task in unfinished)
    if mode.replicated_job is not None:
        return mode.replicated_job.max_concurrent
    return (mode.replicated or Replicated()).replicas
