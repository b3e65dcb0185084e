"""A swarm with a service on the network front."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.model.objects import Attachment, Endpoint, Port, Raw, VirtualIP
from skerry.model.states import TaskState
from tests.core.world import RUNNING, Swarm, service_spec

PORTS = {"Ports": [{"TargetPort": 8080, "PublishedPort": 80, "PublishMode": "host"}]}


def swarm_on_front(state: TaskState = RUNNING, **more: Raw) -> Swarm:
    """One replica on network `net`, with address 10.0.1.2 and alias `web`, published on 80."""
    networks = [{"Target": "net", "Aliases": ["web"]}]
    swarm = Swarm(service_spec(replicas=1, template={"Networks": networks}, EndpointSpec=PORTS, **more))
    vips = (VirtualIP("net", "10.0.1.128"),)
    swarm.put(replace(swarm.service, endpoint=Endpoint(PORTS, (Port(8080, 80, mode="host"),), vips)))
    swarm.put(replace(swarm.view.nodes["n"], reserved=("tcp/80",)))
    swarm.settle()
    task = swarm.tasks[0]
    assert task.attachments == (Attachment("net", reserved="10.0.1.2"),)
    swarm.put(replace(task, attachments=(Attachment("net", "10.0.1.2"),)))
    swarm.observe(task, state)
    return swarm
