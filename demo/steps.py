"""The steps of the story, in order. Each verifies what it should have done; StepFailed otherwise."""

from __future__ import annotations

import time

from demo.images import base_tar, import_line
from demo.story import Step, Story, expect
from demo.watch import nothing_replaced, wait_for

WEB, APP = "story_web", "story_app"
MEMORY = 64 * 1024 * 1024


def start(story: Story) -> None:
    """skerry itself, and the docker context it makes."""
    story.here.run("docker --version")
    story.here.run(story.settings.skerry("up --detach"))
    story.here.run(story.settings.skerry("status"))
    version = story.here.run(
        f"docker --context {story.settings.name} version --format '{{{{.Server.Version}}}}'"
    )
    expect(version.output.strip(), "the docker context answers")
    story.docker.run(import_line(base_tar()))


def swarm_init(story: Story) -> None:
    """Swarm mode on."""
    story.docker.run("docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377")
    # clients since 18.09 indent the line
    seen = story.docker.run("docker info 2>/dev/null | grep '^ *Swarm'")
    expect("Swarm: active" in seen.output, "the swarm is active")
    story.docker.run("docker node ls")


def compose_build(story: Story) -> None:
    """The images of the first version."""
    build(story, "docker-compose build", "story-app:1.0.0", "story-web:1.0.0")


def build(story: Story, line: str, *images: str) -> None:
    """Build, and look whether the images are there."""
    story.docker.run(line, timeout=300)
    for image in images:
        expect(story.docker.ask(f"docker image inspect --format '{{{{.Id}}}}' {image}"), f"{image} is built")


def compose_up(story: Story) -> None:
    """The same file as a plain compose project first."""
    story.docker.run("docker-compose up -d")
    story.docker.run("docker-compose ps")
    wait_for(lambda: "Version: 1.0.0" in ask_quietly(story), "docker-compose up answers", 30)
    expect("Version: 1.0.0" in story.curl(), "version 1.0.0 answers")
    story.docker.run("docker-compose down")
    left = story.docker.ask("docker ps -aq --filter label=com.docker.compose.project=story")
    expect(not left, "docker-compose down leaves no container")


def ask_quietly(story: Story) -> str:
    """One request by curl, not shown; "" where nothing answers."""
    words = [*story.settings.inside, "curl", "-s", "--max-time", "10", story.settings.url]
    return story.docker.ask(" ".join(words), ok=None)


def stack_deploy(story: Story) -> None:
    """The stack; clients start at its first 200."""
    story.load.start()
    story.docker.run("docker stack deploy --compose-file docker-compose.yml story")
    story.load.wait_first(60)
    wait_for(lambda: len(running(story, APP)) == 2 and len(running(story, WEB)) == 1, "all tasks run", 60)
    story.versions.append("1.0.0")
    story.expect_version("1.0.0")
    color = story.curl("color")
    expect("blue" in color, "/color is blue")
    history = story.api.tasks(WEB)
    expect(len(history) == 1, f"the web task came up at once, not after {len(history) - 1} others")


def running(story: Story, service: str) -> list[str]:
    """IDs of a service's tasks that run."""
    return [task["ID"] for task in story.api.live(service) if task["Status"]["State"] == "running"]


def look(story: Story) -> None:
    """What there is to see."""
    expect("story" in story.docker.run("docker stack ls").output, "the stack is listed")
    expect(story.docker.run("docker stack ps story").output.count("Running") >= 3, "three tasks run")
    services = story.docker.run("docker stack services story").output
    expect("2/2" in services, "2/2 replicas in stack services")
    seen = story.docker.run("docker service ls").output
    expect(f"*:{story.settings.port}->80/tcp" in seen or "1/1" in seen, "service ls shows web")
    ps = story.docker.run("docker ps").output
    expect(ps.count("(healthy)") == 3, "three healthy containers in docker ps")
    expect(f"0.0.0.0:{story.settings.port}->80/tcp" in ps, "docker ps shows the published port")
    now = time.time()  # with its fraction: the deploy may have taken less than a second
    events = story.docker.run(
        f"docker events --since {now - 120:.3f} --until {now:.3f} --filter type=service"
    ).output
    expect("service create" in events, "docker events tells of services")


def update_app(story: Story) -> None:
    """1.0.0 -> 1.0.1 by the image."""
    build(story, "VERSION=1.0.1 COLOR=green docker-compose build app 2>&1 | tail -n 2", "story-app:1.0.1")
    with story.rollout(APP, story.replicas) as rollout:
        story.docker.run(f"docker service update --image story-app:1.0.1 {APP}")
        story.times["app_update_s"] = rollout.wait()
    story.replaced += rollout.replaced
    arrive(story, "1.0.1")
    expect("green" in story.curl("color"), "/color is green")


def arrive(story: Story, version: str) -> None:
    """This version is live now, and its update is over."""
    story.settled(APP)
    story.docker.run(f"docker service ps {APP}")
    story.versions.append(version)
    story.expect_version(version)


def redeploy(story: Story, line: str, version: str) -> None:
    """A stack deploy that replaces the tasks of app and leaves web alone."""
    with nothing_replaced(story.api, WEB):
        with story.rollout(APP, story.replicas) as rollout:
            story.docker.run(line)
            rollout.wait()
        story.replaced += rollout.replaced
        arrive(story, version)


def redeploy_edited(story: Story) -> None:
    """Another version written into the compose file."""
    story.docker.run("sed -i 's/{VERSION:-1.0.0}/{VERSION:-1.0.2}/' docker-compose.yml")
    build(story, "docker-compose build app 2>&1 | tail -n 2", "story-app:1.0.2")
    redeploy(story, "docker stack deploy --compose-file docker-compose.yml story", "1.0.2")


def redeploy_variable(story: Story) -> None:
    """Another version by the environment."""
    build(story, "VERSION=1.0.3 docker-compose build app 2>&1 | tail -n 2", "story-app:1.0.3")
    redeploy(story, "VERSION=1.0.3 docker stack deploy --compose-file docker-compose.yml story", "1.0.3")


def memory_of_tasks(story: Story) -> set[int]:
    """The memory limits of app's containers; 0 is none."""
    found = story.api.containers(APP)
    return {int(story.api.get(f"/containers/{one['Id']}/json")["HostConfig"]["Memory"]) for one in found}


def redeploy_memory(story: Story) -> None:
    """A memory limit."""
    limit = r"      resources:\n        limits:\n          memory: 64M"
    story.docker.run(rf"sed -i '/replicas: 2/a\{limit}' docker-compose.yml")
    redeploy(story, "VERSION=1.0.3 docker stack deploy --compose-file docker-compose.yml story", "1.0.3")
    expect(memory_of_tasks(story) == {MEMORY}, "each container of app may use 64 MB")


def rollback(story: Story) -> None:
    """Back to the spec before."""
    version = story.versions[-2]
    with story.rollout(APP, story.replicas) as rollout:
        story.docker.run(f"docker service rollback {APP}")
        story.times["rollback_s"] = rollout.wait()
    story.replaced += rollout.replaced
    story.settled(APP, "rollback_completed")
    story.versions.append(version)
    story.expect_version(version)
    expect(memory_of_tasks(story) == {0}, "no container of app has a memory limit")


def scale(story: Story) -> None:
    """A third task; the two others stay."""
    before = set(running(story, APP))
    with story.rollout(APP, 3, replaces=False) as rollout:
        story.docker.run(f"docker service scale {APP}=3")
        story.times["scale_s"] = rollout.wait()
    story.replicas = 3
    expect(before <= set(running(story, APP)), "the two tasks that ran still do")
    expect("3/3" in story.docker.run("docker service ls").output, "3/3 replicas")


def update_web(story: Story) -> None:
    """nginx itself, the next one beside the old one on the same port."""
    build(story, "WEB_VERSION=1.0.1 docker-compose build web 2>&1 | tail -n 2", "story-web:1.0.1")
    with nothing_replaced(story.api, APP), story.rollout(WEB, 1) as rollout:
        story.docker.run(f"docker service update --image story-web:1.0.1 --update-order start-first {WEB}")
        story.times["web_update_s"] = rollout.wait()
    story.replaced += rollout.replaced
    story.settled(WEB)
    expect("X-Web-Version: 1.0.1" in story.curl("", "-si"), "the new nginx answers")


def change_config(story: Story) -> None:
    """Another nginx configuration."""
    story.docker.run("sed 's/conf 1/conf 2/' web/site.conf > site-2.conf")
    story.docker.run("docker config create site-2 site-2.conf")
    target = "/etc/nginx/conf.d/site.conf"
    change = f"--config-rm story_site --config-add source=site-2,target={target}"
    with story.rollout(WEB, 1) as rollout:
        story.docker.run(f"docker service update {change} {WEB}")
        rollout.wait()
    story.replaced += rollout.replaced
    story.settled(WEB)
    expect(story.curl("web/conf") == "conf 2\n", "the new configuration answers")
    story.docker.run("docker config ls")


def broken_image(story: Story) -> None:
    """An image that never gets healthy: the update rolls itself back."""
    version, since = story.versions[-1], time.monotonic()
    build(story, "VERSION=broken docker-compose build app 2>&1 | tail -n 2", "story-app:broken")
    health = "--health-interval 1s --health-timeout 2s --health-retries 2"
    wish = f"--image story-app:broken {health} --update-failure-action rollback"
    # the client's exit code says that the service was rolled back
    story.docker.run(f"docker service update {wish} {APP}", ok=None)
    story.settled(APP, "rollback_completed")
    story.replaced += 2  # the task that made way for the broken one, and the broken one itself
    wait_for(lambda: len(running(story, APP)) == story.replicas, "all replicas are back", 60)
    history = story.docker.run(f"docker service ps {APP}").output.splitlines()
    broken = [line for line in history if "story-app:broken" in line]
    expect(
        broken and not any(" Running  " in line.partition("Shutdown")[2] for line in broken),
        "the history shows the broken task",
    )
    story.expect_version(version)
    seen = {one.version for one in story.load.between(since, time.monotonic())}
    expect("broken" not in seen, "no client saw the broken version")


def stack_rm(story: Story) -> None:
    """The end of the stack; its clients have gone home before."""
    story.load.stop()
    story.docker.run("docker stack rm story")
    if not story.settings.short:
        story.docker.run("docker config rm site-2")
    label = "label=com.docker.stack.namespace=story"
    wait_for(lambda: not story.docker.ask(f"docker ps -aq --filter {label}"), "no container is left", 60)
    wait_for(lambda: not story.docker.ask(f"docker network ls -q --filter {label}"), "no network is left", 30)
    expect(not story.docker.ask("docker service ls -q"), "no service is left")
    expect(not story.docker.ask("docker config ls -q"), "no config is left")


STEPS = (
    Step("skerry up", start, short=True),
    Step("docker swarm init", swarm_init, short=True),
    Step("docker-compose build", compose_build, short=True),
    Step("docker-compose up, down", compose_up),
    Step("docker stack deploy", stack_deploy, short=True),
    Step("look at it", look),
    Step("update app to 1.0.1", update_app, change=True, short=True),
    Step("redeploy: an edited compose file", redeploy_edited, change=True),
    Step("redeploy: an environment variable", redeploy_variable, change=True),
    Step("redeploy: a memory limit", redeploy_memory, change=True),
    Step("roll app back", rollback, change=True, short=True),
    Step("scale app to 3", scale, change=True),
    Step("update web, start-first", update_web, change=True, short=True),
    Step("another nginx configuration", change_config, change=True),
    Step("an image that never gets healthy", broken_image, change=True),
    Step("docker stack rm", stack_rm, short=True),
)
