"""New content under an old name: a config or secret of a stack gets another version, and whoever uses it is
rolled to that. Each in the transaction of its caller.

Nowhere else are the references of a service rewritten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from skerry.control import access, configs, files, secrets, services
from skerry.core import keeping, revisions
from skerry.core.parts import stack_in
from skerry.core.versions import is_other, kind_of, next_number, referring, users_of, versions_of
from skerry.core.view import View
from skerry.model.errors import NotFound, out_of_sequence
from skerry.model.files import Config, File, KeptFile, kept_of, shown_of
from skerry.model.objects import Raw, Service
from skerry.model.releases import Made
from skerry.store.store import Store, Tx


def find(view: View, kind: str, ref: str) -> list[File | KeptFile]:
    """The versions of a config or secret, the first one first, by its name, or by the ID of one of them.
    Raises NotFound."""
    kept = _kept(view, kind, ref)
    named = versions_of(view, kind, ref if kept is None else kept.name)
    return named or versions_of(view, kind, _finder(kind)(view, ref).name)


@dataclass(frozen=True)
class Renewal:
    """A version that is shown from now on, and those, by ID, in whose place it comes."""

    file: File
    former: frozenset[str]


async def update(store: Store, kind: str, ref: str, version: str | None, body: Raw, by: str = "") -> None:
    """Replace the spec of a config or secret: other labels, or of a stack's another content too. Raises
    RpcError where anything else differs, or the version is stale."""
    spec, data = files.split(body)
    number = access.version_number(version, kind)

    def write(tx: Tx) -> None:
        old = _meant(tx.view, kind, ref)
        new_content = renews(old, spec, data)
        if not new_content:
            files.check_change(old, spec, data)
        if number != old.version:
            raise out_of_sequence()
        if new_content:
            renewals = [renew(tx, old, spec, data, by)]
            roll(tx, renewals, by, settles=True)
            forget(tx, renewals)
        else:
            files.put_labels(tx, old, spec["Labels"])

    await store.update(write)


def _meant(view: View, kind: str, ref: str) -> File:
    """What a client means to change. What is only kept by now, it has read before that."""
    try:
        return _finder(kind)(view, ref)
    except NotFound:
        if _kept(view, kind, ref) is not None:
            raise out_of_sequence() from None
        raise


def _finder(kind: str) -> files.Find:
    return configs.find if kind == "config" else secrets.find


def renews(file: File, spec: Raw, data: bytes) -> bool:
    """Whether a spec makes another version of a config or secret: its content is another one, its name is the
    same, and it is and stays of one stack. What is of no stack keeps its content for ever, as in Swarm."""
    stack = _stack_of(file)
    stays = bool(stack) and stack_in(spec["Labels"]) == stack and spec.get("Name", "") == file.name
    return stays and is_other(file, spec, data)


def renew(tx: Tx, old: File, spec: Raw, data: bytes, by: str) -> Renewal:
    """Show another content under the name of a config or secret, whose own is kept. A content that another
    version has which is kept is that version again, so that nothing which has it is rolled."""
    (configs if isinstance(old, Config) else secrets).check(spec, data)
    versions = versions_of(tx.view, kind_of(old), old.name)
    former = frozenset(row.id for row in versions)
    again = [row for row in versions if isinstance(row, KeptFile) and not is_other(row, spec, data)]
    if again:
        labelled = replace(again[-1], spec={**again[-1].spec, "Labels": spec["Labels"]})
        return Renewal(bring_back(tx, labelled), former - {labelled.id})
    number = next_number(tx.view, kind_of(old), old.name)
    _put_away(tx, old)
    return Renewal(tx.put(type(old)(tx.new_id(), old.name, spec, data, number=number, by=by)), former)


def hidden_behind(view: View, kind: str, used: Collection[str]) -> list[tuple[KeptFile, File]]:
    """Which of the versions in `used` are only kept while another one of the same stack is shown, with that
    one; of several of a name the newest, unless that is what is shown."""
    kept = view.kept_files(kind)
    names = {row.name.lower() for row in kept.values() if row.id in used}
    pairs = (_behind(versions_of(view, kind, name), used) for name in sorted(names))
    return [pair for pair in pairs if pair is not None]


def _behind(versions: Iterable[File | KeptFile], used: Collection[str]) -> tuple[KeptFile, File] | None:
    shown = newest = None
    for row in versions:
        shown = row if isinstance(row, File) else shown
        newest = row if row.id in used else newest
    if shown is None or not isinstance(newest, KeptFile) or not _stack_of(shown):
        return None
    return (newest, shown) if _stack_of(shown) == _stack_of(newest) else None


def _stack_of(file: File | KeptFile) -> str:
    return stack_in(file.spec.get("Labels") or {})


def bring_back(tx: Tx, kept: KeptFile) -> File:
    """Show a version that is only kept; the one that was shown is kept in its place."""
    for row in versions_of(tx.view, kind_of(kept), kept.name):
        if isinstance(row, File):
            _put_away(tx, row)
    tx.delete(kept)
    return tx.put(shown_of(kept))


def _put_away(tx: Tx, file: File) -> None:
    tx.delete(file)
    tx.put(kept_of(file))


def roll(
    tx: Tx,
    renewals: Sequence[Renewal],
    by: str,
    *,
    spared: Collection[str] = (),
    settles: bool = False,
) -> list[Service]:
    """Roll all services that have a former version to what is shown, each once, but for those that are
    `spared`. With `settles`, their tasks stay what they are for a moment, as the rest of a deployment may
    follow."""
    return [
        services.refer(tx, service, _renewed(service.spec.raw, renewals), by, settles=settles)
        for service in _users(tx.view, renewals)
        if service.id not in spared
    ]


def _users(view: View, renewals: Sequence[Renewal]) -> list[Service]:
    return users_of(view, _former(renewals)) if renewals else []


def _former(renewals: Sequence[Renewal]) -> frozenset[str]:
    return frozenset().union(*(renewal.former for renewal in renewals))


def _renewed(spec: Raw, renewals: Sequence[Renewal]) -> Raw:
    for renewal in renewals:
        spec = referring(spec, kind_of(renewal.file), renewal.former, renewal.file.id)
    return spec


def forget(tx: Tx, renewals: Sequence[Renewal]) -> None:
    """Delete those former versions that nothing needs."""
    for row in keeping.files_needless(tx.view) if renewals else ():
        if row.id in _former(renewals):
            tx.delete(row)


def take_back(tx: Tx, made: Iterable[Made]) -> None:
    """Show again what was shown before a release that made these, and give it to the services that have got
    its versions and nothing else since. What somebody else has shown meanwhile stays."""
    renewals = [_return(tx, rows) for rows in _by_name(made)]
    returned = [renewal for renewal in renewals if renewal is not None]
    for service in _users(tx.view, returned):
        before, back = revisions.previous_spec(tx.view, service), _renewed(service.spec.raw, returned)
        if before is not None and _renewed(before.raw, returned) == back:
            services.refer(tx, service, back, "")
    forget(tx, returned)


def _by_name(made: Iterable[Made]) -> Iterable[list[Made]]:
    """The versions that were shown one after the other under one name, the last one first."""
    names: dict[tuple[str, str], list[Made]] = {}
    for row in made:
        if row.replaces:
            names.setdefault((row.kind, row.name.lower()), []).append(row)
    return names.values()


def _return(tx: Tx, shown: list[Made]) -> Renewal | None:
    """Show what was shown before these."""
    first, keys = shown[-1], frozenset(row.id for row in shown)
    kept = _kept(tx.view, first.kind, first.replaces)
    if kept is None or keys.isdisjoint(tx.view.files(first.kind)):
        return None
    return Renewal(bring_back(tx, kept), keys)


def _kept(view: View, kind: str, key: str) -> KeptFile | None:
    return view.kept_files(kind).get(key)
