"""The configs and secrets of one deployment of a stack, within its transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from skerry.control import configs, files, secrets, versions
from skerry.control.faults import Faults
from skerry.core import keeping
from skerry.model.errors import Conflict, SkerryError
from skerry.model.files import File
from skerry.model.objects import Raw, Service
from skerry.model.releases import Made, Release
from skerry.store.store import Tx

KINDS = ("config", "secret")


class StackFiles:
    """What becomes of them. `made` is what is new, and which versions are shown in the place of which."""

    def __init__(self, tx: Tx, by: str, faults: Faults) -> None:
        self._tx, self._by, self._faults = tx, by, faults
        self._renewals: list[versions.Renewal] = []
        self.made: list[Made] = []

    def put(self, kind: str, bodies: Iterable[Raw]) -> None:
        """Write those that are new, or have another content or other labels."""
        there: Mapping[str, File] = {file.name.lower(): file for file in self._shown(kind)}
        for body in bodies:
            name = body.get("Name", "")
            old = there.get(name.lower())
            with self._faults.of(f"{kind} {name}"):
                if old is not None:
                    self._change(kind, old, body)
                else:
                    add = configs.add if kind == "config" else secrets.add
                    self.made.append(Made(kind, add(self._tx, body, self._by).id, name))

    def _change(self, kind: str, old: File, body: Raw) -> None:
        spec, data = files.split(body)
        if versions.renews(old, spec, data):
            renewal = versions.renew(self._tx, old, spec, data, self._by)
            self._renewals.append(renewal)
            self.made.append(Made(kind, renewal.file.id, old.name, old.id))
            return
        try:
            files.check_change(old, spec, data)
        except SkerryError as error:
            raise Conflict(str(error)) from error
        if (old.spec.get("Labels") or {}) != spec["Labels"]:
            files.put_labels(self._tx, old, spec["Labels"])

    def bring_back(self, release: Release) -> None:
        """Show those versions again that the services of an earlier release have."""
        used = keeping.files_of_release(release)
        for kind in KINDS:
            for kept, shown in versions.hidden_behind(self._tx.view, kind, used):
                file = versions.bring_back(self._tx, kept)
                self._renewals.append(versions.Renewal(file, frozenset({shown.id})))
                self.made.append(Made(kind, file.id, file.name, shown.id))

    def keys(self) -> dict[str, dict[str, str]]:
        """IDs by name, of configs and of secrets."""
        return {kind.capitalize(): {file.name: file.id for file in self._shown(kind)} for kind in KINDS}

    def _shown(self, kind: str) -> Iterable[File]:
        return self._tx.view.files(kind).values()

    def roll_others(self, spared: Collection[str]) -> list[Service]:
        """Roll whoever else has a former version of what is shown now; those services."""
        return versions.roll(self._tx, self._renewals, self._by, spared=spared)

    def forget(self) -> None:
        """Let go of former versions that nothing needs, once the release is written."""
        versions.forget(self._tx, self._renewals)
