"""Configs and secrets: the content of the one is shown, that of the other never."""

from __future__ import annotations

import base64

from skerry.api.wire.common import meta
from skerry.model.objects import Config, Raw, Secret


def config(obj: Config) -> Raw:
    """A config, content included."""
    spec = {**obj.spec, "Name": obj.name, "Labels": obj.spec.get("Labels") or {}}
    return {**meta(obj), "Spec": {**spec, "Data": base64.b64encode(obj.data).decode()}}


def secret(obj: Secret) -> Raw:
    """A secret, never its content."""
    spec = {**obj.spec, "Name": obj.name, "Labels": obj.spec.get("Labels") or {}}
    spec.pop("Data", None)
    return {**meta(obj), "Spec": spec}
