"""The container of a service: from the keys of a compose file to Swarm's ContainerSpec.

What stands there as it is follows from the declarations of the fields; here is what takes another form.
"""

from __future__ import annotations

from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.declare import Declared, Raw, declared_fields
from skerry.model.specs import ContainerSpec, DNSConfig, Healthcheck
from skerry.model.times import duration

RUN_SECRETS = "/run/secrets/"


def declared(struct: type[Declared], service: SpecReader) -> Raw:
    """The fields of a struct that a compose file has as they are, by Docker's names."""
    fields = {}
    for name, (_, go) in declared_fields(struct).items():
        if go.compose and (value := service.take(go.compose)) is not None:
            fields[name] = duration(value) if go.is_duration else value
    return fields


def container(service: SpecReader) -> Raw:
    """What the container is; labels, mounts, configs and secrets are added by others."""
    spec = declared(ContainerSpec, service)
    resolver = declared(DNSConfig, service) | {"Options": service.take("dns_opt")}
    return given(
        {
            **spec,
            "Env": _environment(service.take("environment") or {}),
            "Hosts": _hosts(service.take("extra_hosts") or []),
            "Groups": [str(group) for group in service.take("group_add") or []],
            "Healthcheck": _healthcheck(service.inner("healthcheck")),
            "Ulimits": _ulimits(service.take("ulimits") or {}),
            "DNSConfig": given(resolver),
            "Privileges": _privileges(service.take("credential_spec")),
        }
    )


def _environment(variables: dict[str, str | None]) -> list[str]:
    """A name alone takes an image's variable away."""
    return [name if value is None else f"{name}={value}" for name, value in sorted(variables.items())]


def _hosts(lines: list[str] | dict[str, list[str] | str]) -> list[str]:
    """`name=IP` as `IP name`, as in /etc/hosts."""
    if isinstance(lines, dict):
        listed = {name: [value] if isinstance(value, str) else value for name, value in lines.items()}
        return [f"{address} {name}" for name, addresses in listed.items() for address in addresses]
    pairs = (line.partition("=" if "=" in line else ":") for line in lines)
    return [f"{address} {name}" for name, _, address in pairs]


def _healthcheck(check: SpecReader) -> Raw:
    if check.take("disable"):
        list(map(check.take, ("test", "interval", "timeout", "start_period", "start_interval", "retries")))
        return {"Test": ["NONE"]}
    return given({"Test": check.take("test")}) | declared(Healthcheck, check)


def _ulimits(limits: Raw) -> list[Raw]:
    """A number is both limits."""
    both = {
        name: value if isinstance(value, dict) else {"soft": value, "hard": value}
        for name, value in sorted(limits.items())
    }
    return [{"Name": name, "Soft": int(v["soft"]), "Hard": int(v["hard"])} for name, v in both.items()]


def _privileges(credentials: Raw | None) -> Raw:
    if not credentials:
        return {}
    return {"CredentialSpec": {name.capitalize(): value for name, value in credentials.items()}}


def references(kind: str, service: SpecReader, names: dict[str, str]) -> list[Raw]:
    """Configs or secrets that the container gets; `names` are those that they have in the swarm."""
    entries = []
    for entry in service.take(f"{kind.lower()}s") or []:
        source = entry["source"]
        target = entry.get("target") or source
        mode = entry.get("mode")
        file = {
            "Name": target.removeprefix(RUN_SECRETS) if kind == "Secret" else target,
            "UID": str(entry.get("uid") or "0"),
            "GID": str(entry.get("gid") or "0"),
            "Mode": 0o444
            if mode is None
            else int(str(mode).removeprefix("0o"), 8)
            if isinstance(mode, str)
            else mode,
        }
        entries.append({"File": file, f"{kind}Name": names[source]})
    return sorted(entries, key=lambda entry: str(entry[f"{kind}Name"]))


def given(fields: Raw) -> Raw:
    """Without what says nothing."""
    return {name: value for name, value in fields.items() if value not in (None, [], {}, "")}
