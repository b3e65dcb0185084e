"""What an overlay network is asked to do: its driver's options, and what skerry's own can't do."""

from __future__ import annotations

from skerry.model import mtu
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw


def check(spec: Raw) -> None:
    """Whether skerry can make an overlay network as its spec asks for.

    Options that no driver here knows are kept and shown, as by Swarm. `encrypted` means the way between
    machines, of which there is none. Raises InvalidParameter.
    """
    try:
        mtu.inside(spec.get("Options") or {})
    except ValueError as error:
        raise InvalidParameter(str(error)) from error
