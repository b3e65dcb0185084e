"""The part of Go's text/template that Swarm's templates use: fields, functions, pipelines, if/else/end.

`parse` reads a text once, `Template.render` fills it. Errors have Go's own words, as users look them up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.model.errors import SkerryError

NAME = "expansion"
"""What Swarm calls every template; it stands in all error texts."""

Function = Callable[..., Any]


class TemplateError(SkerryError):
    """The text is no template, or cannot be filled."""

    status = 400


@dataclass(frozen=True)
class Record:
    """A Go struct: fields that exist and no others. `type_name` is what errors call it."""

    type_name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Token:
    """A word of an action; `at` is its place in the whole text."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Operand:
    """A literal (`value`), a field chain (`names`), a function (`function`) or a pipeline in parentheses."""

    token: Token
    value: Any = None
    names: tuple[str, ...] | None = None
    function: str = ""
    pipeline: Pipeline | None = None


@dataclass(frozen=True)
class Pipeline:
    """Commands, each of which gets the result of the one before as its last argument."""

    commands: tuple[tuple[Operand, ...], ...]


@dataclass
class Branch:
    """`if` with its two bodies."""

    condition: Pipeline
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)
    in_else: bool = False

    @property
    def open_body(self) -> list[Node]:
        """Where what follows belongs."""
        return self.otherwise if self.in_else else self.body


Node = str | Pipeline | Branch

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`) | (?P<number>-?\d+(?:\.\d+)?) | (?P<field>(?:\.[A-Za-z_]\w*)+)
    | (?P<dot>\.) | (?P<word>[A-Za-z_]\w*) | (?P<sign>[|()]) | (?P<bad>\S)
    )""",
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'"}
CONSTANTS: dict[str, Any] = {"true": True, "false": False, "nil": None}


@dataclass(frozen=True)
class Template:
    """A parsed text."""

    text: str
    nodes: tuple[Node, ...]
    functions: Mapping[str, Function]

    def render(self, data: Any) -> str:
        """The text with its actions filled from `data`. Raises TemplateError."""
        return "".join(self._rendered(node, data) for node in self.nodes)

    def _rendered(self, node: Node, data: Any) -> str:
        if isinstance(node, str):
            return node
        if isinstance(node, Pipeline):
            return printed(self._evaluated(node, data))
        chosen = node.body if truth(self._evaluated(node.condition, data)) else node.otherwise
        return "".join(self._rendered(child, data) for child in chosen)

    def _evaluated(self, pipeline: Pipeline, data: Any) -> Any:
        passed: tuple[Any, ...] = ()
        for command in pipeline.commands:
            passed = (self._run(command, passed, data),)
        return passed[0]

    def _run(self, command: tuple[Operand, ...], passed: tuple[Any, ...], data: Any) -> Any:
        head, *rest = command
        if not head.function:
            if rest or passed:
                raise self._failure(head, f"can't give argument to non-function {head.token.text}")
            return self._value(head, data)
        arguments = [self._value(operand, data) for operand in rest]
        try:
            return self.functions[head.function](*arguments, *passed)
        except (TypeError, ValueError, LookupError) as error:
            raise self._failure(head, f"error calling {head.function}: {error}") from error

    def _value(self, operand: Operand, data: Any) -> Any:
        if operand.pipeline is not None:
            return self._evaluated(operand.pipeline, data)
        if operand.names is not None:
            return self._field(operand, data)
        return self._run((operand,), (), data) if operand.function else operand.value

    def _field(self, operand: Operand, data: Any) -> Any:
        for name in operand.names or ():
            if isinstance(data, Record):
                if name not in data.fields:
                    raise self._failure(operand, f"can't evaluate field {name} in type {data.type_name}")
                data = data.fields[name]
            elif isinstance(data, Mapping):
                if name not in data:
                    raise self._failure(operand, f'map has no entry for key "{name}"')
                data = data[name]
            else:
                raise self._failure(operand, f"can't evaluate field {name} in type {type_name(data)}")
        return data

    def _failure(self, operand: Operand, reason: str) -> TemplateError:
        """Go counts the column of a chain of fields from its second one."""
        at = operand.token.at
        if operand.names is not None and len(operand.names) > 1:
            at += len(operand.names[0]) + 1
        before = self.text[:at]
        line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1)
        where = f'{NAME}:{line}:{column}: executing "{NAME}" at <{operand.token.text}>'
        return TemplateError(f"template: {where}: {reason}")


def parse(text: str, functions: Mapping[str, Function]) -> Template:
    """Read a template that may call `functions`. Raises TemplateError where it is none."""
    nodes: list[Node] = []
    open_branches: list[tuple[Branch, bool]] = []
    for piece in _pieces(text):
        target = open_branches[-1][0].open_body if open_branches else nodes
        if isinstance(piece, str):
            target.append(piece)
        elif not piece:
            raise _syntax(text, 0, "missing value for command")
        else:
            _action(text, piece, target, open_branches, functions)
    if open_branches:
        raise _syntax(text, len(text), "unexpected EOF")
    return Template(text, tuple(nodes), functions)


def _pieces(text: str) -> list[str | list[Token]]:
    """The text between actions as strings, and each action as its tokens."""
    pieces: list[str | list[Token]] = []
    at, trim = 0, False
    while (start := text.find("{{", at)) >= 0:
        plain = text[at:start]
        inner = start + 2
        trim_before = text.startswith("{{- ", start)
        comment = re.compile(r"\{\{(?:- )?/\*.*?\*/(?: -)?\}\}", re.DOTALL).match(text, start)
        tokens, end = ([], comment.end()) if comment else _tokens(text, inner + trim_before)
        plain = plain.lstrip() if trim else plain
        pieces.append(plain.rstrip() if trim_before else plain)
        if not comment:
            pieces.append(tokens)
        trim = text.endswith(" -}}", 0, end)
        at = end
    pieces.append(text[at:].lstrip() if trim else text[at:])
    return [piece for piece in pieces if piece != ""]


def _tokens(text: str, at: int) -> tuple[list[Token], int]:
    """The tokens from `at` to the end of the action, and where the text goes on."""
    found: list[Token] = []
    while True:
        closing = re.compile(r"(?:\s-|\s*)\}\}").match(text, at)
        if closing:
            return found, closing.end()
        match = TOKEN.match(text, at)
        if match is None:
            raise _syntax(text, at, "unclosed action")
        kind = str(match.lastgroup)
        if kind == "bad":
            raise _syntax(text, match.start(kind), _bad_character(match[kind]))
        found.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()


def _bad_character(character: str) -> str:
    if character in '"`':
        return "unterminated quoted string" if character == '"' else "unterminated raw quoted string"
    return "variables are not supported" if character == "$" else f"unexpected {character!r} in command"


def _action(
    text: str,
    tokens: list[Token],
    target: list[Node],
    open_branches: list[tuple[Branch, bool]],
    functions: Mapping[str, Function],
) -> None:
    """A control word, or a pipeline to print. A branch that `else if` opened ends with its parent."""
    first, *rest = tokens
    if first.text == "if":
        branch = Branch(_pipeline(text, rest, functions, first))
        target.append(branch)
        open_branches.append((branch, False))
    elif first.text == "else":
        if not open_branches or open_branches[-1][0].in_else:
            raise _syntax(text, first.at, "unexpected {{else}}")
        branch = open_branches[-1][0]
        branch.in_else = True
        if rest and rest[0].text == "if":
            inner = Branch(_pipeline(text, rest[1:], functions, first))
            branch.otherwise.append(inner)
            open_branches.append((inner, True))
    elif first.text == "end":
        if not open_branches:
            raise _syntax(text, first.at, "unexpected {{end}}")
        while open_branches.pop()[1]:
            continue
    elif first.text in ("range", "with", "define", "template", "block", "break", "continue"):
        raise _syntax(text, first.at, f"{{{{{first.text}}}}} is not supported")
    else:
        target.append(_pipeline(text, tokens, functions, first))


def _pipeline(text: str, tokens: list[Token], functions: Mapping[str, Function], near: Token) -> Pipeline:
    reader = _Reader(text, tokens, functions, near)
    pipeline = reader.pipeline()
    if reader.left:
        raise _syntax(text, reader.left[0].at, f"unexpected {reader.left[0].text!r} in command")
    return pipeline


class _Reader:
    """Takes tokens from the front of `left`."""

    def __init__(
        self, text: str, tokens: list[Token], functions: Mapping[str, Function], near: Token
    ) -> None:
        self.left = list(tokens)
        self._text, self._functions, self._near = text, functions, near

    def pipeline(self) -> Pipeline:
        commands = [self._command()]
        while self.left and self.left[0].text == "|":
            self.left.pop(0)
            commands.append(self._command())
        for operand in (command[0] for command in commands[1:]):
            if not operand.function:
                said = f"non executable command in pipeline stage {commands.index((operand,)) + 1}"
                raise _syntax(self._text, operand.token.at, said)
        return Pipeline(tuple(commands))

    def _command(self) -> tuple[Operand, ...]:
        operands = []
        while self.left and (self.left[0].kind == "string" or self.left[0].text not in ("|", ")")):
            operands.append(self._operand(self.left.pop(0)))
        if not operands:
            raise _syntax(self._text, self._near.at, "missing value for command")
        return tuple(operands)

    def _operand(self, token: Token) -> Operand:
        if token.kind == "string":
            return Operand(token, value=_unquoted(token.text))
        if token.kind == "number":
            return Operand(token, value=float(token.text) if "." in token.text else int(token.text))
        if token.kind in ("field", "dot"):
            return Operand(token, names=tuple(part for part in token.text.split(".") if part))
        if token.text == "(":
            inner = self.pipeline()
            if not self.left or self.left.pop(0).text != ")":
                raise _syntax(self._text, token.at, "unclosed left paren")
            return Operand(token, pipeline=inner)
        if token.text in CONSTANTS:
            return Operand(token, value=CONSTANTS[token.text])
        if token.text not in self._functions:
            raise _syntax(self._text, token.at, f'function "{token.text}" not defined')
        return Operand(token, function=token.text)


def _unquoted(literal: str) -> str:
    if literal.startswith("`"):
        return literal[1:-1]
    return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[0]), literal[1:-1])


def _syntax(text: str, at: int, reason: str) -> TemplateError:
    line = text.count("\n", 0, at) + 1
    return TemplateError(f"template: {NAME}:{line}: {reason}")


def truth(value: Any) -> bool:
    """Go's truth: not empty, not zero, not nil."""
    return bool(value.fields) if isinstance(value, Record) else bool(value)


def type_name(value: Any) -> str:
    """What Go would call the type of a value."""
    names = {str: "string", bool: "bool", int: "int", float: "float64"}
    return value.type_name if isinstance(value, Record) else names.get(type(value), "interface {}")


def printed(value: Any) -> str:
    """A value as `{{.}}` prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Record):
        return "{" + " ".join(printed(item) for item in value.fields.values()) + "}"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{printed(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(printed(item) for item in value) + "]"
    return str(value)
