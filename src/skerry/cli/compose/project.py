"""A project as Compose reads it: files, variables, profiles, includes and extensions, all resolved."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from skerry.cli.compose.program import ComposeAnswer, ComposeFailed, ComposeProgram
from skerry.cli.compose.where import STANDARD_INPUT, KeyLocations, SourceFile, read_files
from skerry.model.objects import Raw

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = tuple(
    f"{name}.override.{ending}" for name in ("compose", "docker-compose") for ending in ("yml", "yaml")
)
_PATH = re.compile(r"\b(?:services|networks|volumes|configs|secrets)(?:\.[\w-]+)+")
_LINE = re.compile(r"\bat L(\d+)\.C")
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""That of libyaml, where PyYAML has it."""
VARIABLE = "COMPOSE_FILE"
NO_KEY = "false schema"
"""What Compose says of a key that is none."""


@dataclass(frozen=True)
class ProjectRequest:
    """What the user says of a project; all of it is passed on to Compose."""

    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    stack: str = ""
    """Its name; empty for the project's own."""
    standard_input: str | None = None
    """The text of the file `-`."""

    def words(self) -> list[str]:
        """The options of Compose's command line."""
        words = [word for file in self.files for word in ("--file", file)]
        words += [word for file in self.env_files for word in ("--env-file", file)]
        words += [word for profile in self.profiles for word in ("--profile", profile)]
        return [*words, *(["--project-name", self.stack] if self.stack else [])]


@dataclass(frozen=True)
class Project:
    """A project that Compose has read."""

    model: Raw
    """What `docker compose config` prints."""
    places: KeyLocations
    text: str = ""
    """The same as a compose file, without the contents of secrets, for the record of what was deployed."""
    files: list[SourceFile] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    """Of the variables that configs and secrets are made of."""
    warnings: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where its first file is."""
        first = next((file.name for file in self.files), "")
        return Path(first).parent if first != STANDARD_INPUT else Path()

    @property
    def name(self) -> str:
        """The project's name, which is the stack's."""
        return str(self.model["name"])


def read(compose: ComposeProgram, request: ProjectRequest) -> Project:
    """Let Compose read it. Raises ComposeFailed with what Compose says against it."""
    words = [*request.words(), "config", "--format", "json"]
    try:
        answer = compose.run(words, request.standard_input)
    except ComposeFailed as error:
        files = read_files(request.files or _default_files(), request.standard_input)
        raise ComposeFailed(_explained(str(error), KeyLocations(files))) from error
    model = _decoded(answer)
    names = _file_names(compose, request)
    files = read_files(names, request.standard_input)
    variables = sorted(_variables(model))
    values = _values(compose, request, names, variables) if variables else {}
    text = yaml.dump(json.loads(answer.text), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    return Project(model, KeyLocations(files), text, files, values, answer.warnings)


def _explained(message: str, places: KeyLocations) -> str:
    """What Compose says, with the place of the key that it names."""
    text = message.replace(NO_KEY, "is no key of the compose specification")
    if places.broken and (line := _LINE.search(text)):
        return f"{places.broken}:{line[1]}: {text}"
    match = _PATH.search(text)
    place = places.of(match[0].split(".")) if match else ""
    return f"{place}: {text}" if place else text


def _decoded(answer: ComposeAnswer) -> Raw:
    """Compose doubles every dollar sign of what it prints, so that it can be read again."""
    model: Raw = json.loads(answer.text.replace("$$", "$"))
    for service in (model.get("services") or {}).values():
        _spell(service.get("blkio_config") or {})
    return model


def _spell(blkio: Raw) -> None:
    """Here Compose prints names of Go's, `Path` for `path`."""
    for name, limits in blkio.items():
        if isinstance(limits, list):
            blkio[name] = [{key.lower(): value for key, value in limit.items()} for limit in limits]


def _file_names(compose: ComposeProgram, request: ProjectRequest) -> list[str]:
    """The files that Compose has read, for lines and the record of what was deployed."""
    if request.files:
        return list(request.files)
    files = _default_files()
    folders = {Path(file).parent for file in files}
    env_files = [*map(Path, request.env_files), *(folder / ".env" for folder in folders)]
    if VARIABLE not in os.environ and not any(map(_names_files, env_files)):
        return files
    environment = compose.run([*request.words(), "config", "--environment"]).text
    values = dict(line.split("=", 1) for line in environment.splitlines() if "=" in line)
    separator = values.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    return values[VARIABLE].split(separator) if values.get(VARIABLE) else files


def _names_files(env_file: Path) -> bool:
    """Whether an env file may say which the compose files are."""
    try:
        return VARIABLE in env_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _default_files() -> list[str]:
    """The files that Compose looks for where none is named."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        present = [folder / name for name in NAMES if (folder / name).exists()][:1]
        if present:
            present += [folder / name for name in OVERRIDES if (folder / name).exists()][:1]
            return [os.path.relpath(path) for path in present]
    return []


def _variables(model: Raw) -> set[str]:
    """The variables that configs and secrets are made of: Compose prints their names, not their values."""
    entries = [*(model.get("secrets") or {}).values(), *(model.get("configs") or {}).values()]
    return {entry["environment"] for entry in entries if entry.get("environment")}


def _values(
    compose: ComposeProgram, request: ProjectRequest, names: Sequence[str], variables: Sequence[str]
) -> dict[str, str]:
    """Compose's own answer to what they are, its `.env` included: it fills them into one more file.

    Raises ComposeFailed where one is not set.
    """
    references = {name: f"${{{name}?a config or secret is made of this variable}}" for name in variables}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="skerry-") as file:
        file.write(yaml.safe_dump({"services": {}, "x-skerry": references}))
        file.flush()
        files = [word for name in (*names, file.name) for word in ("--file", name)]
        rest = ProjectRequest((), request.env_files, request.profiles, request.stack).words()
        try:
            answer = compose.run([*files, *rest, "config", "--format", "json"], request.standard_input)
        except ComposeFailed as error:
            raise ComposeFailed(str(error).replace(f"{file.name}: ", "")) from error
    return dict(_decoded(answer)["x-skerry"])
