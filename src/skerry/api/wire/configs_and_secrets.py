"""Configs and secrets: the content of the one is shown, that of the other never."""

from __future__ import annotations

import base64
from hashlib import sha256

from skerry.api.wire.common import meta
from skerry.core.versions import kind_of, same_before, uses_of
from skerry.core.view import View
from skerry.model.files import Config, File, KeptConfig, KeptFile, KeptSecret, Secret
from skerry.model.objects import Raw
from skerry.model.times import timestamp


def config(obj: Config | KeptConfig) -> Raw:
    """A config, content included."""
    spec = {**obj.spec, "Name": obj.name, "Labels": obj.spec.get("Labels") or {}}
    return {**meta(obj), "Spec": {**spec, "Data": base64.b64encode(obj.data).decode()}}


def secret(obj: Secret | KeptSecret) -> Raw:
    """A secret, never its content."""
    spec = {**obj.spec, "Name": obj.name, "Labels": obj.spec.get("Labels") or {}}
    spec.pop("Data", None)
    return {**meta(obj), "Spec": spec}


def version(view: View, row: File | KeptFile) -> Raw:
    """One version of a config or secret, with who uses it. Of a secret no digest is told, by which a short
    one could be guessed, but whether its content is that of a version before it."""
    uses = uses_of(view, row.id)
    shown: Raw = {
        "Number": row.number,
        "ID": row.id,
        "At": timestamp(row.created_at),
        "By": row.by,
        "Shown": isinstance(row, File),
        "SameAs": same_before(view, row),
        "Services": list(uses.services),
        "Revisions": [{"Service": name, "Number": number} for name, number in uses.revisions],
        "Releases": [{"Stack": stack, "Number": number} for stack, number in uses.releases],
    }
    return (
        {**shown, "Digest": f"sha256:{sha256(row.data).hexdigest()}"} if kind_of(row) == "config" else shown
    )
