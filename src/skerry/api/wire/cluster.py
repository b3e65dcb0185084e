"""The swarm and its node."""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from skerry.api.wire.common import meta
from skerry.control.access import LOCKED
from skerry.core.view import View
from skerry.model import defaults
from skerry.model.objects import Cluster, Node, Raw


def node(view: View, obj: Node) -> Raw:
    """A node; the only one is the leader."""
    cluster = view.cluster
    spec = {**obj.spec, "Labels": obj.spec.get("Labels") or {}}
    description = {"Hostname": obj.hostname, **obj.description}
    if cluster is not None and cluster.ca_cert:
        description["TLSInfo"] = tls_info(cluster.ca_cert)
    return {
        **meta(obj),
        "Spec": spec,
        "Description": description,
        "Status": {"State": "ready", "Addr": obj.address},
        "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": manager_address(cluster, obj)},
    }


def manager_address(cluster: Cluster | None, obj: Node) -> str:
    """Where other managers would reach this one."""
    listen = cluster.listen_addr if cluster is not None else ""
    return f"{obj.address}:{listen.rpartition(':')[2] or defaults.MANAGER_PORT}"


@lru_cache(maxsize=4)
def _issuer(certificate: str) -> tuple[str, str]:
    loaded = x509.load_pem_x509_certificate(certificate.encode())
    key = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(loaded.subject.public_bytes()).decode(), base64.b64encode(key).decode()


def tls_info(certificate: str) -> Raw:
    """The swarm's trust root."""
    if not certificate:
        return {}
    subject, key = _issuer(certificate)
    return {"TrustRoot": certificate, "CertIssuerSubject": subject, "CertIssuerPublicKey": key}


def cluster_info(obj: Cluster) -> Raw:
    """The swarm, as /info has it."""
    return {
        **meta(obj),
        "Spec": {**obj.spec, "Labels": obj.spec.get("Labels") or {}},
        "TLSInfo": tls_info(obj.ca_cert),
        "RootRotationInProgress": False,
        "DefaultAddrPool": list(obj.address_pools) or None,
        "SubnetSize": obj.subnet_size,
        "DataPathPort": obj.data_path_port,
    }


def local_state(view: View) -> str:
    """This machine's part in the swarm, in a word."""
    if view.cluster is None:
        return "inactive"
    return "locked" if view.locked else "active"


def local_info(view: View) -> Raw:
    """`.Swarm` of /info: this machine's part in the swarm."""
    cluster, here = view.cluster, view.node
    if cluster is None or here is None:
        return {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        }
    if view.locked:
        return {
            "NodeID": "",
            "NodeAddr": here.address,
            "LocalNodeState": "locked",
            "ControlAvailable": False,
            "Error": LOCKED,
            "RemoteManagers": None,
        }
    return {
        "NodeID": here.id,
        "NodeAddr": here.address,
        "LocalNodeState": "active",
        "ControlAvailable": True,
        "Error": "",
        "RemoteManagers": [{"NodeID": here.id, "Addr": manager_address(cluster, here)}],
        "Nodes": len(view.nodes),
        "Managers": len(view.nodes),
        "Cluster": cluster_info(cluster),
    }
