"""Reads a template: from tokens to nodes, with Go's own words for what is wrong."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from skerry.model.go import lexer, literals
from skerry.model.go.budget import Budget
from skerry.model.go.lexer import Token
from skerry.model.go.strconv import quote
from skerry.model.go.syntax import (
    Action,
    Body,
    Branch,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Include,
    Leave,
    Literal,
    Nil,
    Node,
    Operand,
    Pipeline,
    Text,
    Variable,
)
from skerry.model.go.values import TemplateError

END, ELSE = "{{end}}", "{{else}}"
_OPERANDS = frozenset(
    {
        lexer.BOOL, lexer.CHARACTER, lexer.COMPLEX, lexer.DOT, lexer.FIELD, lexer.WORD, lexer.NUMBER,
        lexer.RAW, lexer.STRING, lexer.VARIABLE, lexer.OPEN,
    }
)  # fmt: skip


def parse(name: str, text: str, functions: Collection[str], budget: Budget) -> dict[str, Body]:
    """The templates of a text: itself by its name, and those that it defines. Raises TemplateError."""
    parser = _Parser(name, text, functions, budget)
    parser.whole()
    return parser.templates


class _Parser:
    """Takes tokens one by one. Only one is ever looked at ahead, but for a variable's sign."""

    def __init__(self, name: str, text: str, functions: Collection[str], budget: Budget) -> None:
        self.templates: dict[str, Body] = {}
        self._name, self._text, self._functions, self._budget = name, text, functions, budget
        self._tokens = lexer.Lexer(text, budget).tokens()
        self._ahead: list[Token] = []
        self._furthest = Token(lexer.EOF, "", 0)
        self._variables = ["$"]
        self._ranges = 0
        self._action_at = 0
        """Where the action under way began."""

    # Tokens.

    def _peek(self, place: int = 0) -> Token:
        while len(self._ahead) <= place:
            self._furthest = next(self._tokens, self._furthest)
            self._ahead.append(self._furthest)
        return self._ahead[place]

    def _take(self) -> Token:
        self._peek()
        return self._ahead.pop(0)

    def _skip_space(self) -> None:
        while self._peek().kind == lexer.SPACE:
            self._ahead.pop(0)

    def _take_word(self) -> Token:
        self._skip_space()
        return self._take()

    def _is(self, *words: str) -> bool:
        """Whether one of these keywords comes next."""
        self._skip_space()
        return self._peek().kind == lexer.KEYWORD and self._peek().text in words

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def _failure(self, reason: str) -> TemplateError:
        return TemplateError(f"template: {self._name}:{self._line(self._furthest.at)}: {reason}")

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind == lexer.ERROR:
            begun = self._line(self._action_at)
            started = f" in action started at {self._name}:{begun}" if begun != self._line(token.at) else ""
            if token.text.endswith(" action"):  # no "action in action"
                started = started.removeprefix(" in action")
            return self._failure(f"{token.text}{started}")
        return self._failure(f"unexpected {token} in {context}")

    def _expect(self, kind: str, context: str) -> Token:
        token = self._take_word()
        if token.kind != kind:
            raise self._unexpected(token, context)
        return token

    # Bodies.

    def whole(self) -> None:
        """The whole text. Definitions may stand at its top level only."""
        body = Body()
        while self._peek().kind != lexer.EOF:
            if self._peek().kind == lexer.LEFT and self._defines():
                self._definition()
                continue
            node = self._text_or_action()
            if isinstance(node, str):
                raise self._failure(f"unexpected {node}")
            body.nodes.append(node)
        self._add(self._name, body)

    def _defines(self) -> bool:
        place = 1
        while self._peek(place).kind == lexer.SPACE:
            place += 1
        token = self._peek(place)
        return token.kind == lexer.KEYWORD and token.text == "define"

    def _definition(self) -> None:
        self._take()
        self._take_word()
        name = self._template_name("define clause")
        self._expect(lexer.RIGHT, "define clause")
        self._add(name, self._own_body("define clause"))

    def _own_body(self, context: str) -> Body:
        """The body of a template of its own, which sees no variables from outside."""
        variables, ranges = self._variables, self._ranges
        self._variables, self._ranges = ["$"], 0
        body, end = self._body()
        if end != END:
            raise self._failure(f"unexpected {end} in {context}")
        self._variables, self._ranges = variables, ranges
        return body

    def _add(self, name: str, body: Body) -> None:
        before = self.templates.get(name)
        if before is None or before.empty:
            self.templates[name] = body
        elif not body.empty:
            raise self._failure(f"template: multiple definition of template {quote(name)}")

    def _body(self) -> tuple[Body, str]:
        """The nodes up to `end` or `else`, and which of them it was."""
        body = Body()
        with self._budget.deeper():
            while self._peek().kind != lexer.EOF:
                node = self._text_or_action()
                if isinstance(node, str):
                    return body, node
                body.nodes.append(node)
        raise self._failure("unexpected EOF")

    def _text_or_action(self) -> Node | str:
        token = self._take_word()
        if token.kind == lexer.TEXT:
            return Text(token.at, token.text)
        if token.kind == lexer.LEFT:
            self._action_at = token.at
            return self._action()
        raise self._unexpected(token, "input")

    def _action(self) -> Node | str:
        self._skip_space()
        token = self._peek()
        if token.kind == lexer.KEYWORD and token.text not in ("nil", "define"):
            self._take()
            return self._control(token)
        return Action(token.at, self._pipeline("command", lexer.RIGHT))

    def _control(self, token: Token) -> Node | str:
        """What a control word begins: a node, or the word itself where it ends the body around it. `break`
        and `continue` are allowed inside a range only."""
        match token.text:
            case "if" | "with" | "range":
                return self._branch(token)
            case "else":
                if not self._is("if", "with"):
                    self._expect(lexer.RIGHT, "else")
                return ELSE
            case "end":
                self._expect(lexer.RIGHT, "end")
                return END
            case "template":
                return self._include(token)
            case "block":
                return self._block(token)
        self._expect(lexer.RIGHT, f"{{{{{token.text}}}}}")
        if not self._ranges:
            raise self._failure(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return Leave(token.at, token.text)

    def _branch(self, token: Token) -> Branch:
        """A control structure whose word was taken; `else if` is another one in its second body."""
        outer = len(self._variables)
        pipeline = self._pipeline(token.text, lexer.RIGHT)
        self._ranges += token.text == "range"
        body, end = self._body()
        self._ranges -= token.text == "range"
        otherwise = None
        if end == ELSE and token.text != "range" and self._is(token.text):
            with self._budget.deeper():
                otherwise = Body([self._branch(self._take())])
        elif end == ELSE:
            otherwise, end = self._body()
            if end != END:
                raise self._failure(f"expected end; found {end}")
        del self._variables[outer:]
        return Branch(pipeline.at, token.text, pipeline, body, otherwise)

    def _template_name(self, context: str) -> str:
        token = self._take_word()
        if token.kind not in (lexer.STRING, lexer.RAW):
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _include(self, token: Token) -> Include:
        self._skip_space()
        at = self._peek().at
        name = self._template_name("template clause")
        self._skip_space()
        if self._peek().kind == lexer.RIGHT:
            self._take()
            return Include(at, name, None)
        return Include(at, name, self._pipeline("template clause", lexer.RIGHT))

    def _block(self, token: Token) -> Include:
        self._skip_space()
        at = self._peek().at
        name = self._template_name("block clause")
        pipeline = self._pipeline("block clause", lexer.RIGHT)
        self._add(name, self._own_body("block clause"))
        return Include(at, name, pipeline)

    # Pipelines.

    def _pipeline(self, context: str, end: str) -> Pipeline:
        """A pipeline up to the token `end`: the variables that it declares or sets, then its commands.
        `context` names the place in messages, in Go's words."""
        self._skip_space()
        at = self._peek().at
        variables, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            self._skip_space()
            token = self._peek()
            if token.kind == end:
                self._take()
                break
            if token.kind not in _OPERANDS and token.text != "nil":
                raise self._unexpected(token, context)
            commands.append(self._command())
        self._check(commands, context)
        return Pipeline(at, tuple(commands), tuple(variables), assigns)

    def _declarations(self, context: str) -> tuple[list[str], bool]:
        """`$x :=`, `$x =`, and of a range `$k, $v :=`."""
        names: list[str] = []
        while self._peek().kind == lexer.VARIABLE:
            place = 1 + (self._peek(1).kind == lexer.SPACE)
            sign = self._peek(place)
            if sign.kind not in (lexer.DECLARE, lexer.ASSIGN) and (sign.kind, sign.text) != (lexer.SIGN, ","):
                break
            names.append(self._take().text)
            self._variables.append(names[-1])
            self._take_word()
            if sign.kind != lexer.SIGN:
                return names, sign.kind == lexer.ASSIGN
            if context != "range" or len(names) > 1:
                raise self._failure(f"too many declarations in {context}")
            self._skip_space()
            if self._peek().kind not in (lexer.VARIABLE, lexer.RIGHT, lexer.CLOSE):
                raise self._failure("range can only initialize variables")
        return names, False

    def _check(self, commands: list[Command], context: str) -> None:
        if not commands:
            raise self._failure(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], Literal | Dot | Nil):
                raise self._failure(f"non executable command in pipeline stage {stage}")

    def _command(self) -> Command:
        """A command: operands with space between them, up to a pipe, which is taken, or to the end of the
        pipeline, which is left to the caller."""
        self._skip_space()
        at = self._peek().at
        operands: list[Operand] = []
        while True:
            self._skip_space()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._peek()
            if token.kind == lexer.SPACE:
                continue
            if token.kind == lexer.PIPE:
                self._take()
            elif token.kind not in (lexer.RIGHT, lexer.CLOSE):
                raise self._unexpected(token, "operand")
            break
        if not operands:
            raise self._failure("empty command")
        return Command(at, tuple(operands))

    def _operand(self) -> Operand | None:
        """A term with the fields behind it; None where none comes."""
        term = self._term()
        if term is None or self._peek().kind != lexer.FIELD:
            return term
        at = self._peek().at
        names: list[str] = []
        while self._peek().kind == lexer.FIELD:
            names.append(self._take().text[1:])
        match term:
            case Field(names=first):
                return Field(at, (*first, *names))
            case Variable(name=name):
                return Variable(at, name, tuple(names))
            case Literal() | Dot() | Nil():
                raise self._failure(f"unexpected . after term {quote(str(term))}")
        return Chain(at, term, tuple(names))

    def _term(self) -> Operand | None:
        """The operand that begins here, without fields behind it; None where none begins."""
        token = self._peek()
        if token.kind not in _OPERANDS and not (token.kind == lexer.KEYWORD and token.text == "nil"):
            return None
        self._take()
        match token.kind:
            case lexer.WORD:
                return self._function(token)
            case lexer.DOT:
                return Dot(token.at)
            case lexer.KEYWORD:
                return Nil(token.at)
            case lexer.FIELD:
                return Field(token.at, (token.text[1:],))
            case lexer.VARIABLE:
                return self._variable(token)
            case lexer.OPEN:
                with self._budget.deeper():
                    return self._pipeline("parenthesized pipeline", lexer.CLOSE)
        return self._literal(token)

    def _function(self, token: Token) -> Identifier:
        if token.text not in self._functions:
            raise self._failure(f"function {quote(token.text)} not defined")
        return Identifier(token.at, token.text)

    def _variable(self, token: Token) -> Variable:
        if token.text not in self._variables:
            raise self._failure(f"undefined variable {quote(token.text)}")
        return Variable(token.at, token.text)

    def _literal(self, token: Token) -> Literal:
        return Literal(token.at, token.text, *self._read(token))

    def _unquoted(self, token: Token) -> str:
        return str(self._read(token)[1])

    def _read(self, token: Token) -> tuple[str, Any]:
        try:
            return literals.read(token)
        except ValueError as error:
            raise self._failure(str(error)) from error
