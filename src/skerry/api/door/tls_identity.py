"""What the API shows to whoever connects over the network, and whom it knows."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from skerry.api.door.tls import Admit, TlsSession


@dataclass(frozen=True)
class TlsIdentity:
    """What the API shows at an address, and by which authority it knows others."""

    context: ssl.SSLContext
    authority: str
    names: tuple[str, ...]
    made_at: int

    def session(self, admit: Admit, ended: Callable[[TlsSession], None]) -> TlsSession:
        """Somebody connects there."""
        return TlsSession(self.context, admit, ended)


def server_context(authority: str, certificate: str) -> ssl.SSLContext:
    """Shows a certificate (in PEM, its key behind it) to clients that an authority (in PEM) has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a user's own authority may be no root
    context.options |= ssl.OP_NO_TICKET  # each connection shows its certificate anew
    context.num_tickets = 0
    context.load_verify_locations(cadata=authority)
    _load(context, certificate)
    return context


def _load(context: ssl.SSLContext, pem: str) -> None:
    """Give a certificate and its key to OpenSSL, which reads files: one in memory."""
    handle = os.memfd_create("skerry-certificate", os.MFD_CLOEXEC)
    try:
        os.write(handle, pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
