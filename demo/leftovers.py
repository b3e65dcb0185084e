"""What skerry left behind on this machine, once it is down and purged: nothing, or a list of it."""

from __future__ import annotations

from pathlib import Path

from demo.settings import Settings
from demo.shell import Shell


def leftovers(settings: Settings, shell: Shell) -> list[str]:
    """A line for each thing that should not be there any more."""
    found = [f"directory {path}" for path in (settings.run_dir, settings.data_dir) if path.exists()]
    tables = shell.ask("nft list tables", ok=None).splitlines()
    found += [f"nft {line}" for line in tables if line.split()[-1:] == [settings.name]]
    spaces = [line.split()[0] for line in shell.ask("ip netns list", ok=None).splitlines() if line.strip()]
    found += [f"network namespace {name}" for name in spaces if name == settings.gate_netns.name]
    links = shell.ask("ip -brief link", ok=None).splitlines()
    found += [f"link {line.split()[0]}" for line in links if line.startswith("sk-")]
    rules = shell.ask("iptables -S", ok=None).splitlines()
    found += [f"iptables {line}" for line in rules if "DOCKER" in line or line == "-P FORWARD DROP"]
    contexts = shell.ask("docker context ls --format '{{.Name}}'", ok=None).splitlines()
    found += [f"docker context {name}" for name in contexts if name == settings.name]
    found += [f"process {pid}: {words}" for pid, words in processes(settings)]
    return found


def processes(settings: Settings) -> list[tuple[int, str]]:
    """Processes whose command line names the run or the data directory; not those that tell the story."""
    places = {str(settings.run_dir), str(settings.data_dir)}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        tells = "demo" in words
        if not tells and any(
            word == place or word.startswith(place + "/") for word in words for place in places
        ):
            found.append((int(entry.name), " ".join(words).strip()[:120]))
    return found
