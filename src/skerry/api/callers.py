"""What a caller is called: in the audit log, and in a stack's releases."""

from __future__ import annotations

import pwd

from skerry.core.view import View
from skerry.model.caller import Caller


def name_of(view: View, caller: Caller) -> str:
    """The name of a user, or of the account whose process it is; its number where that has no name, and ""
    where it is not known."""
    if caller.user:
        user = view.users.get(caller.user)
        return user.name if user is not None else caller.user
    if caller.uid < 0:
        return ""
    try:
        return pwd.getpwuid(caller.uid).pw_name
    except KeyError:
        return str(caller.uid)
