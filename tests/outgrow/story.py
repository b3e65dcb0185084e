"""The whole move, step by step, with everything looked at: `python -m tests.outgrow` tells it."""

from __future__ import annotations

from collections.abc import Callable

from harness.world import wait_until
from tests.outgrow.cluster import NODES
from tests.outgrow.stage import NAME, SECRET, Checks, Stage, soon

MoveStep = Callable[[Stage, Checks], None]


def runs_on_skerry(stage: Stage, check: Checks) -> None:
    """The stack runs on one machine."""
    stage.deploy()
    check("the stack answers on skerry", stage.version_here() == "1.0.0")


def bad_targets(stage: Stage, check: Checks) -> None:
    """What can't be moved to is said, in a sentence, and nothing is done."""
    own, plain = f"unix://{stage.world.socket}", f"unix://{stage.world.run_dir}/engine.sock"
    for what, words, sentence in (
        ("an unreachable target", ["--to", "unix:///nowhere/d.sock"], "can't reach unix:///nowhere/d.sock: "),
        ("an unknown context", ["--to", "elsewhere"], "elsewhere is neither a docker context nor a host"),
        ("an engine that is no swarm", ["--to", plain], f"{plain} is not in swarm mode"),
        (
            "a worker",
            ["--to", "node2"],
            "node2 is a worker of its swarm: name a manager (of 10.98.0.11:2377)",
        ),
        ("skerry itself", ["--to", own], "is this very skerry"),
        ("an unknown stack", ["--to", "node1", "none"], "there is no stack none here; there are: story"),
        ("an unknown node", ["--to", "node1", "--node", "n9=node2"], "no such node there"),
    ):
        code, said = stage.skerry("migrate", *words)
        check(f"{what}: a sentence", code == 1 and sentence in said and said.startswith("Error: "))


def plan_first(stage: Stage, check: Checks) -> None:
    """A plan says what will be done and what will be otherwise, and does nothing."""
    before = stage.here()
    code, said = stage.migrate("--plan", NAME)
    check("--plan exits with 2 when there is something to do", code == 2)
    for sentence in (
        "would create network story_front",
        "would create secret story_password",
        "would load image story-app:1.0.0 on node3",
        "would create service story_web",
        "story_idle: volume story_data is not copied",
        "story_web: start-first on a host-mode port never ends there",
        "label skerry.update.deadline=5m has no effect there",
    ):
        check(f"the plan says: {sentence}", sentence in said)
    check("a plan changes nothing there", stage.cluster.docker("node1", "service", "ls", "-q") == "")
    check("and nothing here", stage.here() == before)
    code, said = stage.skerry("migrate", "--plan", "--to", "node1", "--node", "node2=node3", NAME)
    wrong = "--node node2=node3: the engine there is not that node of this swarm"
    check("a node's engine that is another's is noticed", code == 1 and wrong in said)


def interrupted_then_whole(stage: Stage, check: Checks) -> None:
    """A move that is killed in the middle is finished by a repeat."""
    before = stage.here()
    stage.interrupt("load image story-app:1.0.0 on node2")
    check("killed before its services", stage.cluster.docker("node1", "service", "ls", "-q") == "")
    code, said = stage.migrate(NAME)
    check("a repeat finishes it", code == 0 and "moved: 3 services run on node1" in said)
    check("what was done before is not done again", "create network" not in said)
    check("here nothing has changed", stage.here() == before)
    check("and it still answers", stage.version_here() == "1.0.0")
    code, said = stage.migrate("--plan", NAME)
    check("a plan has nothing to do then", code == 0 and "nothing to do" in said)


def it_runs_there(stage: Stage, check: Checks) -> None:
    """What was moved is what was here."""
    cluster = stage.cluster
    check("app runs on every node", cluster.nodes_of("story_app") == set(NODES))
    check("web runs on every node", cluster.nodes_of("story_web") == set(NODES))
    for node in NODES:
        check(f"{node} answers", stage.answers(node, "1.0.0"))
    node, container = cluster.container("story_app")
    secret = cluster.docker(node, "exec", container, "cat", "/run/secrets/password")
    check("the secret has its content", secret == SECRET)
    check("the config has its content", cluster.curl("node1", "web/conf") == "conf 1\n")
    network = cluster.inspect("network", "story_front")
    check("the network is attachable", network["Attachable"])
    idle = cluster.inspect("service", "story_idle")
    vips = [one for one in idle["Endpoint"]["VirtualIPs"] if one["NetworkID"] == network["Id"]]
    check("a service with a VIP has one", len(vips) == 1)
    node, container = cluster.container("story_app")
    found = cluster.docker(node, "exec", container, "getent", "hosts", "tasks.story_idle", check=False)
    check("and its tasks have a name", len(found.splitlines()) == 1)
    hosts = {
        line for _ in range(30) for line in cluster.curl("node1").splitlines() if line.startswith("Host")
    }
    check("web on one node reaches app on all", len(hosts) == 3)
    check("docker stack ls knows the stack", NAME in cluster.docker("node1", "stack", "ls"))


def only_differences(stage: Stage, check: Checks) -> None:
    """What changes on skerry is what the next move moves."""
    with stage.timed("skerry: service update, 3 tasks, check every 2 s"):
        stage.world.docker("service", "update", "--image", "story-app:1.0.1", "story_app")
    code, said = stage.migrate("--plan", NAME)
    steps = [line for line in said.splitlines() if line.startswith("would ")]
    loads = [line for line in steps if line.startswith("would load image story-app:1.0.1")]
    check("an update here: the image to three nodes, and one service", len(loads) == 3 and len(steps) == 4)
    code, said = stage.migrate(NAME)
    check("the difference moves", code == 0)
    check("and answers", {stage.version_at(node) for node in NODES} == {"1.0.1"})


def docker_goes_on_there(stage: Stage, check: Checks) -> None:
    """Updates and rollbacks there are Docker's own; a later move leaves them alone."""
    cluster = stage.cluster
    kept = "service story_app was changed there since it was moved: left as it is"
    cluster.docker("node1", "service", "scale", "story_app=4", timeout=120)
    code, said = stage.migrate(NAME)
    check(
        "what is scaled there stays so", code == 0 and kept in said and len(cluster.tasks("story_app")) == 4
    )
    cluster.docker("node1", "service", "scale", "story_app=3", timeout=120)
    code, said = stage.migrate("--plan", NAME)
    check("and scaled back, it is as it was", code == 0 and kept not in said)
    with stage.timed("Swarm: service update, 3 tasks, check every 2 s"):
        cluster.docker("node1", "service", "update", "--image", "story-app:1.0.0", "story_app", timeout=180)
    check("docker service update", {stage.version_at(node) for node in NODES} == {"1.0.0"})
    cluster.docker("node1", "service", "rollback", "story_app", timeout=180)
    check("docker service rollback", {stage.version_at(node) for node in NODES} == {"1.0.1"})


def a_node_is_drained(stage: Stage, check: Checks) -> None:
    """Its tasks go elsewhere, the others answer."""
    cluster, version = stage.cluster, stage.version_here()
    cluster.docker("node1", "node", "update", "--availability", "drain", "node3")
    rest = {"node1", "node2"}
    moved = soon(lambda: cluster.nodes_of("story_app") == rest and len(cluster.tasks("story_app")) == 3)
    check("a drained node's tasks run on the others", moved)
    check("web is only there", soon(lambda: cluster.nodes_of("story_web") == rest))
    check("both others answer", all(stage.answers(node, version) for node in rest))
    cluster.docker("node1", "node", "update", "--availability", "active", "node3")
    check("an active node answers again", stage.answers("node3", version, 60))


def a_node_is_cut_off(stage: Stage, check: Checks) -> None:
    """Its tasks are replaced elsewhere, and it comes back."""
    cluster, version = stage.cluster, stage.version_here()
    cluster.cut("node2")
    check("a node that is cut off is down", soon(lambda: cluster.state("node2") == "down"))
    code, said = stage.migrate("--plan", NAME)
    check("a plan says which node would lack an image", code == 0 and "node node2 is down" in said)
    rest = {"node1", "node3"}
    moved = soon(lambda: rest == {task["node"] for task in cluster.tasks("story_app")} - {"node2"}, 90)
    check("its tasks run on the others", moved)
    check("which answer", all(stage.answers(node, version) for node in rest))
    cluster.mend("node2")
    check("it comes back", soon(lambda: cluster.state("node2") == "ready", 90))
    check("and answers", stage.answers("node2", version, 90))


def the_source_is_stopped(stage: Stage, check: Checks) -> None:
    """The last step: the services here end, and can be started again."""
    version = stage.version_here()
    code, said = stage.migrate("--stop-source", NAME)
    check("--stop-source stops what runs there", code == 0 and "stopped here: story_web" in said)
    check("nothing runs here", soon(lambda: not any(map(stage.running, stage.specs()))))
    check("there it runs", all(stage.version_at(node) for node in NODES))
    code, said = stage.migrate(NAME)
    check(
        "a repeat leaves both alone", code == 0 and "was stopped here" in said and stage.version_at("node1")
    )
    for service in stage.specs():
        stage.world.docker("service", "rollback", "--detach", service)
    check("docker service rollback starts them again", soon(lambda: stage.version_here() == version))


def and_back(stage: Stage, check: Checks) -> None:
    """The stack as it is on the cluster, exported and deployed on skerry again."""
    stage.world.docker("service", "rm", "slow")
    before = stage.specs()
    stage.world.docker("stack", "rm", NAME)
    wait_until(lambda: not stage.world.docker("ps", "-aq", "--filter", f"name={NAME}_"), "it is gone")
    folder = stage.world.root / "back"
    code, said = stage.skerry("export", "--from", "node1", "--output", str(folder), NAME)
    check("export from the cluster", code == 0 and "needs secrets: story_password" in said)
    stage.world.docker("secret", "create", "story_password", str(stage.file.parent / "password"))
    stage.deploy(folder / "docker-compose.yml")
    check("the stack answers on skerry again", soon(lambda: stage.version_here() == "1.0.1", 20))
    before["story_web"]["UpdateConfig"]["Order"] = "stop-first"
    for spec in before.values():
        spec["Labels"]["com.docker.stack.image"] = spec["TaskTemplate"]["ContainerSpec"]["Image"]
    check("with the same services", stage.specs() == before)


def both_update(stage: Stage, check: Checks) -> None:
    """The story's update with Docker's default check interval, on both."""
    create = ["service", "create", "--detach", "--name", "slow", "--replicas", "2"]
    network = ["--network", "story_front", "--endpoint-mode", "dnsrr"]
    stage.world.docker(*create, *network, "story-app:1.0.0")
    stage.comes_to("slow", 2)
    code, _ = stage.migrate(timeout=300)
    check("services of no stack move too", code == 0 and len(stage.cluster.tasks("slow")) == 2)
    update = ["service", "update", "--image", "story-app:1.0.1", "slow"]
    with stage.timed("skerry: the story's update, 2 tasks, check every 30 s"):
        stage.world.docker(*update, timeout=120)
    with stage.timed("Swarm: the story's update, 2 tasks, check every 30 s"):
        stage.cluster.docker("node1", *update, timeout=300)
    check("both have updated", {task["image"] for task in stage.cluster.tasks("slow")} == {"story-app:1.0.1"})


SHORT: tuple[MoveStep, ...] = (
    runs_on_skerry,
    bad_targets,
    plan_first,
    interrupted_then_whole,
    it_runs_there,
    a_node_is_drained,
    the_source_is_stopped,
)
WHOLE: tuple[MoveStep, ...] = (
    runs_on_skerry,
    bad_targets,
    plan_first,
    interrupted_then_whole,
    it_runs_there,
    only_differences,
    docker_goes_on_there,
    a_node_is_drained,
    a_node_is_cut_off,
    the_source_is_stopped,
    both_update,
    and_back,
)
