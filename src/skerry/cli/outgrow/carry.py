"""Takes the steps of a plan, one call of the Docker API each (a copy of an image: two at once)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from skerry.cli.client import DockerClient, Refused, environment
from skerry.cli.outgrow.cluster_nodes import RemoteSwarm
from skerry.cli.outgrow.move_plan import MoveStep
from skerry.model.labels import MOVED, STOPPED
from skerry.model.objects import Raw

NOWHERE = "node.labels.skerry.moved == away"
"""A constraint that no node meets: how a global service is stopped without being removed."""


class MoveFailed(Exception):
    """A step failed for a reason of its own; the message is a sentence."""


@dataclass(frozen=True)
class Carrier:
    """The two sides. `socket` is where the docker CLI finds home, for pushes."""

    home: DockerClient
    cluster: RemoteSwarm
    socket: str

    def take(self, step: MoveStep) -> None:
        """Do it. Raises Refused, Unreachable, Failed; the next plan finds done what was done."""
        match step.verb, step.kind:
            case "create", "network":
                self.cluster.manager.post("/networks/create", step.body)
            case "create", "config":
                self.cluster.manager.post("/configs/create", step.body)
            case "create", "secret":
                self.cluster.manager.post("/secrets/create", {**step.body, "Data": self._secret(step)})
            case "load", "image":
                self._load(step)
            case "push", "image":
                self._push(step)
            case "create", "service":
                self.cluster.manager.post("/services/create", self._with_ids(step.body))
            case "update", "service":
                where = f"/services/{step.current['ID']}/update?version={step.current['Version']['Index']}"
                self.cluster.manager.post(where, self._with_ids(step.body))
            case _:
                raise AssertionError(step)

    def stop(self, name: str) -> None:
        """Stop a service at home; `docker service rollback` starts it again."""
        service = self.home.get(f"/services/{name}")
        where = f"/services/{service['ID']}/update?version={service['Version']['Index']}"
        self.home.post(where, stopped(service["Spec"]))

    def _secret(self, step: MoveStep) -> str:
        """Its content in base64, which only skerry itself tells, and only root."""
        try:
            return str(self.home.post(f"/skerry/secrets/{step.body['Labels'][MOVED]}/reveal")["Data"])
        except Refused as refused:
            raise MoveFailed(f"its content can't be read here: {refused}") from refused

    def _with_ids(self, spec: Raw) -> Raw:
        """The spec with the IDs that configs and secrets have there."""
        copy: Raw = json.loads(json.dumps(spec))
        container = copy["TaskTemplate"]["ContainerSpec"]
        for kind in ("Config", "Secret"):
            for reference in container.get(f"{kind}s") or []:
                current = self.cluster.manager.get(f"/{kind.lower()}s/{reference[f'{kind}Name']}")
                reference[f"{kind}ID"] = current["ID"]
        return copy

    def _load(self, step: MoveStep) -> None:
        engine = self.cluster.engine(step.where)
        with self.home.download(f"/images/get?names={step.name}") as pieces:
            output = engine.upload("/images/load?quiet=1", pieces, "application/x-tar")
        for line in output.decode(errors="replace").splitlines():
            if line.strip() and "error" in (progress := json.loads(line)):
                raise MoveFailed(str(progress["error"]))

    def _push(self, step: MoveStep) -> None:
        """By the docker CLI, which knows the user's passwords."""
        for words in (["tag", step.name, step.where], ["push", "--quiet", step.where]):
            line = ["docker", "--host", f"unix://{self.socket}", *words]
            done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment())
            if done.returncode:
                raise MoveFailed((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])


def stopped(spec: Raw) -> Raw:
    """The spec of a service that runs nothing, and says that it has moved away."""
    copy: Raw = json.loads(json.dumps(spec))
    copy["Labels"] = {**(copy.get("Labels") or {}), STOPPED: "true"}
    mode = copy["Mode"]
    if "Replicated" in mode:
        mode["Replicated"]["Replicas"] = 0
    else:
        placement = copy["TaskTemplate"].setdefault("Placement", {})
        placement["Constraints"] = [*(placement.get("Constraints") or []), NOWHERE]
    return copy
