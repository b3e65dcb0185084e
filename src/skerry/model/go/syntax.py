"""What a template is made of once it is read. As text, each is what Go's errors show of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skerry.model.go.strconv import quote


@dataclass(frozen=True)
class Literal:
    """A value that stands in the template; `kind` is what a parameter's type is held against."""

    at: int
    text: str
    kind: str
    value: Any

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Dot:
    """`.`: where the template is."""

    at: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True)
class Nil:
    """`nil`, which may only be an argument."""

    at: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True)
class Identifier:
    """The name of a function."""

    at: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Field:
    """`.A.B` of what the template is at."""

    at: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True)
class Variable:
    """`$x`, or `$x.A.B`."""

    at: int
    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True)
class Chain:
    """Fields of a pipeline in parentheses, or of what a function returns."""

    at: int
    of: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.of})" if isinstance(self.of, Pipeline) else str(self.of)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True)
class Command:
    """Operands, of which the first may be called with the rest."""

    at: int
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(
            f"({operand})" if isinstance(operand, Pipeline) else str(operand) for operand in self.operands
        )


@dataclass(frozen=True)
class Pipeline:
    """Commands, each of which gets the result of the one before as its last argument."""

    at: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False

    def __str__(self) -> str:
        names = ", ".join(self.variables)
        sign = f"{names} {'=' if self.assigns else ':='} " if names else ""
        return sign + " | ".join(map(str, self.commands))


Operand = Literal | Dot | Nil | Identifier | Field | Variable | Chain | Pipeline


@dataclass(frozen=True)
class Text:
    """What stands outside of actions."""

    at: int
    text: str


@dataclass(frozen=True)
class Action:
    """A pipeline whose value is printed, unless it goes into variables."""

    at: int
    pipeline: Pipeline

    def __str__(self) -> str:
        return f"{{{{{self.pipeline}}}}}"


@dataclass
class Body:
    """What stands between two control words."""

    nodes: list[Node] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it but space."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.nodes)


@dataclass(frozen=True)
class Branch:
    """`if`, `with` or `range`, with its two bodies."""

    at: int
    word: str
    pipeline: Pipeline
    body: Body
    otherwise: Body | None

    def __str__(self) -> str:
        return f"{{{{{self.word} {self.pipeline}}}}}"


@dataclass(frozen=True)
class Leave:
    """`break` or `continue`."""

    at: int
    word: str

    def __str__(self) -> str:
        return f"{{{{{self.word}}}}}"


@dataclass(frozen=True)
class Include:
    """`template`: another one, filled from a value."""

    at: int
    name: str
    pipeline: Pipeline | None

    def __str__(self) -> str:
        value = f" {self.pipeline}" if self.pipeline else ""
        return f"{{{{template {quote(self.name)}{value}}}}}"


Node = Text | Action | Branch | Leave | Include
