"""Go's text/template: a text with actions, filled from a value.

Errors have Go's own words, as users look them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from skerry.model.go import fmt
from skerry.model.go.budget import Budget
from skerry.model.go.functions import ANY, VALUE, functions
from skerry.model.go.parser import parse
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
from skerry.model.go.values import Function, Record, TemplateError, encoded, truth, type_name

MOST_INCLUDES = 40
"""Templates inside of templates: 100,000 in Go."""
NO_VALUE = "<no value>"
_NOTHING: Any = object()
"""The result of no command: what the first one of a pipeline gets."""
Positioned = Node | Operand | Command


class _Left(Exception):
    """`break` or `continue`, on its way to the range that it belongs to."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def render(
    name: str, text: str, data: Any, more: Mapping[str, Function] | None = None, budget: Budget | None = None
) -> str:
    """The text filled from `data`. `more` are functions beside Go's own. Raises TemplateError."""
    budget = budget or Budget()
    known = {**functions(budget), **(more or {})}
    templates = parse(name, text, known, budget)
    return _Execution(name, text, templates, known, budget).run(data)


class _Execution:
    """One filling. `_node` is where it is, for errors: the node that was begun last, as in Go."""

    def __init__(
        self,
        name: str,
        text: str,
        templates: Mapping[str, Body],
        known: Mapping[str, Function],
        budget: Budget,
    ) -> None:
        """`templates` are the definitions that the text may include, `known` the functions that it may call;
        `budget` bounds what it may make."""
        self._name, self._text, self._templates = name, text, templates
        self._functions, self._budget = known, budget
        self._template = name
        self._node: Positioned | None = None
        self._variables: list[tuple[str, Any]] = []
        self._parts: list[str] = []
        self._includes = 0
        """How many templates are inside of each other."""

    def run(self, data: Any) -> str:
        """The whole template, filled."""
        self._variables = [("$", data)]
        self._walk(self._templates[self._name], data)
        return "".join(self._parts)

    def _failure(self, reason: str) -> TemplateError:
        node = self._node
        assert node is not None
        before = self._text[: node.at]
        line, column = before.count("\n") + 1, len(encoded(before[before.rfind("\n") + 1 :]))
        where = f"{self._name}:{line}:{column}: executing {quote(self._template)} at <{node}>"
        return TemplateError(f"template: {where}: {reason}")

    def _print(self, text: str) -> None:
        self._budget.make(len(text))
        self._parts.append(text)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What is declared inside is gone afterwards."""
        known = len(self._variables)
        try:
            yield
        finally:
            del self._variables[known:]

    # Bodies.

    def _walk(self, body: Body, dot: Any) -> None:
        with self._budget.deeper():
            for node in body.nodes:
                self._budget.step()
                self._step(node, dot)

    def _step(self, node: Node, dot: Any) -> None:
        """Execute one node. It is noted first, as a failure names the place of the last node begun."""
        self._node = node
        match node:
            case Text(text=text):
                self._print(text)
            case Action(pipeline=pipeline):
                value = self._pipeline(pipeline, dot)
                if not pipeline.variables:
                    self._node = node
                    self._print(self._printed(value))
            case Branch(word="range"):
                self._range(node, dot)
            case Branch():
                self._if_or_with(node, dot)
            case Include():
                self._include(node, dot)
            case Leave(word=word):
                raise _Left(word)

    def _printed(self, value: Any) -> str:
        if value is None:
            return NO_VALUE
        shown = fmt.sprint([value], self._budget)
        pointer = isinstance(value, Record) and value.type_name.startswith("*")
        return shown.removeprefix("&") if pointer else shown

    def _if_or_with(self, branch: Branch, dot: Any) -> None:
        with self._scope():
            value = self._pipeline(branch.pipeline, dot)
            if truth(value):
                self._walk(branch.body, value if branch.word == "with" else dot)
            elif branch.otherwise is not None:
                self._walk(branch.otherwise, dot)

    def _range(self, branch: Branch, dot: Any) -> None:
        with self._scope():
            value = self._pipeline(branch.pipeline, dot)
            any_item = False
            for key, item in self._items(value):
                any_item = True
                if not self._iteration(branch, key, item):
                    return
            if not any_item and branch.otherwise is not None:
                self._walk(branch.otherwise, dot)

    def _items(self, value: Any) -> Iterator[tuple[Any, Any]]:
        if isinstance(value, Mapping):
            for key in sorted(value, key=encoded):
                yield key, value[key]
        elif isinstance(value, int) and not isinstance(value, bool):
            for number in range(value):
                yield number, number
        elif value is not None:
            raise self._failure(
                f"range can't iterate over {fmt.sprint([value], self._budget).removeprefix('&')}"
            )

    def _iteration(self, branch: Branch, key: Any, item: Any) -> bool:
        """One pass of a range; False where it is left."""
        names = branch.pipeline.variables
        for name, value in zip(reversed(names), (item, key), strict=False):
            self._set_declared(name, value, assigns=branch.pipeline.assigns)
        self._budget.step()
        try:
            with self._scope():
                self._walk(branch.body, item)
        except _Left as left:
            return left.word == "continue"
        return True

    def _set_declared(self, name: str, value: Any, *, assigns: bool) -> None:
        """Set the innermost variable of a name: that of the range, which its pipeline has just made."""
        place = max((at for at, (known, _) in enumerate(self._variables) if known == name), default=-1)
        if place < 0:
            raise self._failure(f"undefined variable: {name}")
        self._variables[place] = (name, value)

    def _include(self, node: Include, dot: Any) -> None:
        body = self._templates.get(node.name)
        if body is None:
            raise self._failure(f"template {quote(node.name)} not defined")
        if self._includes == MOST_INCLUDES:
            raise self._failure(f"exceeded maximum template depth ({MOST_INCLUDES})")
        value = None if node.pipeline is None else self._pipeline(node.pipeline, dot)
        outer, self._variables = self._variables, [("$", value)]
        template, self._template = self._template, node.name
        self._includes += 1
        self._walk(body, value)
        self._includes -= 1
        self._variables, self._template = outer, template

    # Values.

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        self._node = pipeline
        value = _NOTHING
        with self._budget.deeper():
            for command in pipeline.commands:
                self._budget.step()
                value = self._command(command, dot, value)
        for name in pipeline.variables:
            if pipeline.assigns:
                self._set_declared(name, value, assigns=True)
            else:
                self._variables.append((name, value))
        return value

    def _command(self, command: Command, dot: Any, final: Any) -> Any:
        """The value of a command. Fields and functions get its other operands and `final`, the value piped
        into it, as arguments; a command of another kind can have none."""
        head, arguments = command.operands[0], command.operands[1:]
        match head:
            case Field() | Chain() | Variable():
                return self._chain(head, dot, arguments, final)
            case Identifier(name=name):
                self._node = head
                return self._call(self._functions[name], name, command, dot, arguments, final)
            case Pipeline():
                self._not_a_function(head, arguments, final)
                return self._pipeline(head, dot)
        self._node = head
        self._not_a_function(head, arguments, final)
        if isinstance(head, Nil):
            raise self._failure("nil is not a command")
        return head.value if isinstance(head, Literal) else dot

    def _not_a_function(self, head: Operand, arguments: tuple[Operand, ...], final: Any) -> None:
        if arguments or final is not _NOTHING:
            raise self._failure(f"can't give argument to non-function {head}")

    def _chain(
        self,
        node: Field | Chain | Variable,
        dot: Any,
        arguments: tuple[Operand, ...] = (),
        final: Any = _NOTHING,
    ) -> Any:
        """Fields one after another; the last may be a method, and gets the arguments."""
        self._node = node
        value = dot
        if isinstance(node, Variable):
            value = next(known for name, known in reversed(self._variables) if name == node.name)
            if not node.names:
                self._not_a_function(node, arguments, final)
                return value
        elif isinstance(node, Chain):
            value = self._argument(node.of, dot, ANY)
        for name in node.names[:-1]:
            value = self._field(value, name, node, dot)
        return self._field(value, node.names[-1], node, dot, arguments, final)

    def _field(
        self,
        value: Any,
        name: str,
        node: Operand,
        dot: Any,
        arguments: tuple[Operand, ...] = (),
        final: Any = _NOTHING,
    ) -> Any:
        """The field of a value, or what its method of this name answers. Unlike Go's default, a key that a
        map lacks is an error, as Swarm sets it for its templates."""
        if value is None:
            raise self._failure(f"nil data; no entry for key {quote(name)}")
        if isinstance(value, Record):
            if name in value.methods:
                return self._call(value.methods[name], name, node, dot, arguments, final)
            known = {**value.promoted, **value.fields}
            if name in known:
                if arguments or final is not _NOTHING:
                    raise self._failure(f"{name} has arguments but cannot be invoked as function")
                return known[name]
        elif isinstance(value, Mapping):
            if arguments or final is not _NOTHING:
                raise self._failure(f"{name} is not a method but has arguments")
            if name not in value:
                raise self._failure(f"map has no entry for key {quote(name)}")
            return value[name]
        raise self._failure(f"can't evaluate field {name} in type {type_name(value)}")

    # Calls.

    def _call(
        self,
        function: Function,
        name: str,
        node: Positioned,
        dot: Any,
        arguments: tuple[Operand, ...],
        final: Any,
    ) -> Any:
        """What a function or method answers. Its arguments are evaluated one by one: `and` and `or` stop at
        what decides. `final`, the value piped into the call, is the last."""
        count = len(arguments) + (final is not _NOTHING)
        if count < function.least or (count > function.least and not function.variadic):
            least = "at least " if function.variadic else ""
            got = len(arguments) if function.variadic else count
            raise self._failure(f"wrong number of args for {name}: want {least}{function.least} got {got}")
        values = []
        for place, argument in enumerate(arguments):
            values.append(self._argument(argument, dot, function.type_of(place)))
            if name in ("and", "or") and truth(values[-1]) == (name == "or"):
                return values[-1]
        if final is not _NOTHING:
            values.append(self._assignable(final, function.type_of(count - 1)))
        self._budget.make(sum(len(value) for value in values if isinstance(value, str | Mapping)))
        try:
            return function.call(*values)
        except (ValueError, TemplateError) as error:
            self._node = node
            raise self._failure(f"error calling {name}: {error}") from error

    def _argument(self, operand: Operand, dot: Any, target: str) -> Any:
        """The value of an argument, as the type `target` that the function takes there. Raises what Go says
        where it can't be that."""
        self._node = operand
        match operand:
            case Dot():
                return self._assignable(dot, target)
            case Nil():
                if target not in (ANY, VALUE):
                    raise self._failure(f"cannot assign nil to {target}")
                return None
            case Field() | Chain() | Variable():
                return self._assignable(self._chain(operand, dot), target)
            case Pipeline():
                return self._assignable(self._pipeline(operand, dot), target)
            case Identifier(name=name):
                result = self._call(self._functions[name], name, operand, dot, (), _NOTHING)
                return self._assignable(result, target)
        if target == "string" and operand.kind != "string":
            raise self._failure(f"expected string; found {operand}")
        return operand.value

    def _assignable(self, value: Any, target: str) -> Any:
        if target in (ANY, VALUE) or type_name(value) == target:
            return value
        if value is None:
            raise self._failure(f"invalid value; expected {target}")
        raise self._failure(f"wrong type for value; expected {target}; got {type_name(value)}")
