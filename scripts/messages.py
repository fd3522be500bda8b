"""Find what the code says to its users, from the code alone: which texts an argument may be.

A text is followed to where it is written: through variables, constants, parameters and what callers give for them,
returned texts, and errors that are caught to be told by others.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from scripts.texts import GAP, Joined, either

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scripts.texts import Words

# Of what a text is followed through.
_MOST_STEPS = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef
Outer = Function | ast.ClassDef | ast.For | ast.ExceptHandler | ast.Module


@dataclass(frozen=True, slots=True)
class Call:
    """A call, and what is around it, the innermost first: loops, functions, classes and such, and last the module."""

    node: ast.Call
    outer: tuple[Outer, ...]

    @property
    def module(self) -> Outer:
        """Where it is."""
        return self.outer[-1]

    def argument(self, name: str, position: int | None) -> ast.expr | None:
        """What it gives for a parameter, None if it gives none; without a position, only by its name."""
        named = (keyword.value for keyword in self.node.keywords if keyword.arg == name)
        by_position = [] if position is None else self.node.args[position : position + 1]
        return next(chain(named, (one for one in by_position if not isinstance(one, ast.Starred))), None)


@dataclass(slots=True)
class Code:
    """Modules, and what is defined, called and assigned in them, by name."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    _own_classes: dict[tuple[Outer, str], ast.ClassDef] = field(default_factory=dict)
    calls: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    _functions: dict[str, list[tuple[Outer, ...]]] = field(default_factory=lambda: defaultdict(list))
    _constants: dict[str, list[tuple[ast.expr, tuple[Outer, ...]]]] = field(default_factory=lambda: defaultdict(list))
    _assigned: dict[tuple[Outer, str], list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    _looped: dict[tuple[Outer, str], list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    _caught: dict[tuple[Outer, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, modules: Iterable[ast.Module]) -> Code:
        """All that these modules have."""
        code = cls()
        for module in modules:
            code._see(module, (module,))
        return code

    def kinds(self, base: str) -> Iterator[ast.ClassDef]:
        """A class, and all that derive from it."""
        yield self.classes[base]
        yield from self.derived(base)

    def derived(self, base: str) -> Iterator[ast.ClassDef]:
        """All that derive from a class, which need not be of this code."""
        for name, kind in self.classes.items():
            if base in map(ast.unparse, kind.bases):
                yield from self.kinds(name)

    def errors(self, kind: ast.ClassDef, calls: Sequence[Call]) -> list[Words]:
        """The messages that errors of a class are made with, by these calls of it."""
        if any(isinstance(node, ast.FunctionDef) and node.name == "__init__" for node in kind.body):
            made = [call for call in self.calls["super.__init__"] if kind in call.outer]
            found: list[tuple[Call, ast.expr | None, ast.expr | None]]
            found = [(call, call.argument("message", 0), None) for call in made]
            # Not that of the class above, but one further up.
            above = [call for call in self.calls["__init__"] if kind in call.outer]
            found += [(call, call.argument("message", 1), None) for call in above]
        else:
            made = [*calls, *(call for call in self.calls["cls"] if kind in call.outer)]
            found = [(call, call.argument("message", 0), call.argument("quoted", 1)) for call in made]
        return [
            Joined((words, either(["", Joined(("; ", self.words(quoted, call.outer)))]))) if quoted else words
            for call, message, quoted in found
            if message is not None
            for words in [self.words(message, call.outer)]
        ]

    def given(self, calls: Iterable[Call], name: str, position: int | None) -> Words:
        """What calls give for a parameter."""
        found = ((call, call.argument(name, position)) for call in calls)
        return either(self.words(value, call.outer) for call, value in found if value is not None)

    def words(self, value: ast.expr, outer: tuple[Outer, ...], seen: tuple[object, ...] = ()) -> Words:  # noqa: C901, PLR0911, PLR0912 - a case for each kind of expression
        """What an expression, with these functions and classes around it, may be as a text."""
        if len(seen) > _MOST_STEPS:
            return GAP

        def follow(one: ast.expr) -> Words:
            return self.words(one, outer, seen)

        match value:
            case ast.Constant(value=str(text)):
                return text
            case ast.Constant(value=None):
                return ""
            case ast.JoinedStr(values=parts):
                return Joined(tuple(map(follow, parts)))
            case ast.FormattedValue(value=inner, conversion=-1):
                return follow(inner)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return Joined((follow(left), follow(right)))
            case ast.IfExp(body=one, orelse=other):
                return either([follow(one), follow(other)])
            case ast.BoolOp(op=ast.Or(), values=values):
                return either(map(follow, values))
            case ast.BoolOp(values=[*_, last]):
                return either(["", follow(last)])
            case ast.NamedExpr(value=inner):
                return follow(inner)
            case ast.Name(id=name):
                return self._named(name, outer, (*seen, value))
            case ast.Subscript(value=ast.Name(id=name)):
                return self._of_table(name, 1, outer, seen)
            case ast.GeneratorExp(elt=inner):
                return follow(inner)
            case ast.Call(func=ast.Attribute(value=ast.Constant() | ast.Name() as text, attr="format")):
                return _with_gaps(follow(text))
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_, default]):
                return either([self._of_table(name, 1, outer, seen), follow(default)])
            case ast.Call(func=ast.Name(id="next"), args=[one, default]):
                return either([follow(one), follow(default)])
            case ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=str(what))]):
                return f"{GAP} {what}s"
            case ast.Call(func=ast.Name(id="str" | "as_typed"), args=[inner]):
                return follow(inner)
            case ast.Call():
                return self._returned(value, outer, (*seen, value))
        return GAP

    def _named(self, name: str, outer: tuple[Outer, ...], seen: tuple[object, ...]) -> Words:
        for number, inner in enumerate(outer):
            around = outer[number:]
            if looped := self._looped.get((inner, name)):
                return either(self._of_table(table, column, around, seen) for table, column in looped)
            if found := self._assigned.get((inner, name)):
                return either(self.words(one, around, (*seen, one)) for one in found if one not in seen)
            if caught := self._caught.get((inner, name)):
                return either(chain.from_iterable(self._told_by_others(one, outer[-1]) for one in caught))
            if isinstance(inner, Function) and name in (names := _parameters(inner, around)):
                return self._parameter(inner, around, names.index(name), name, seen)
        constants = self._constants[name]
        return self.words(*constants[0], seen) if len(constants) == 1 else GAP

    def _told_by_others(self, name: str, module: Outer) -> Iterator[Words]:
        """The messages of an error of its module's own, which is caught there."""
        if name.startswith("_") and (kind := self._own_classes.get((module, name))):
            yield from self.errors(kind, [call for call in self.calls[name] if call.module is module])

    def _parameter(
        self, function: Function, around: tuple[Outer, ...], position: int, name: str, seen: tuple[object, ...]
    ) -> Words:
        kind = around[1] if isinstance(around[1], ast.ClassDef) else None
        if (function, name) in seen:
            return GAP
        if function.name == "__init__" and kind:
            calls = [*self.calls[kind.name], *(call for call in self.calls["cls"] if kind in call.outer)]
        elif len(self._functions[function.name]) == 1:
            calls = self.calls[function.name]
        else:
            calls = [call for call in self.calls[function.name] if call.outer[-1] is around[-1]]
        default, after = _defaults(function).get(name), (*seen, (function, name))
        given = [(call.argument(name, position), call.outer) for call in calls] or [(default, around)]
        found = ((value or default, where if value else around) for value, where in given)
        return either(self.words(value, where, after) for value, where in found if value is not None)

    def _of_table(self, name: str, column: int, outer: tuple[Outer, ...], seen: tuple[object, ...]) -> Words:
        """What is in a column of a constant of the same module: keys or values, or members of tuples."""
        tables = [value for value, around in self._constants[name] if around[-1] is outer[-1]]
        if len(tables) != 1:
            return GAP
        match tables[0]:
            case ast.Dict(keys=keys, values=values):
                cells = keys if column == 0 else values
            case ast.Tuple(elts=rows) | ast.List(elts=rows):
                cells = [row.elts[column] for row in rows if isinstance(row, ast.Tuple) and column < len(row.elts)]
            case _:
                cells = []
        return either(self.words(cell, outer[-1:], seen) for cell in cells if cell is not None)

    def _returned(self, call: ast.Call, outer: tuple[Outer, ...], seen: tuple[object, ...]) -> Words:
        name = _callee(call)
        functions = self._functions[name]
        near = [found for found in functions if found[-1] is outer[-1]]
        found = near if len(near) == 1 else functions
        if len(found) != 1 or found[0] in seen:
            return GAP
        returns = (node for node in ast.walk(found[0][0]) if isinstance(node, ast.Return) and node.value is not None)
        return either(self.words(node.value, found[0], (*seen, found[0])) for node in returns if node.value)

    def _see(self, node: ast.AST, outer: tuple[Outer, ...]) -> None:  # noqa: C901 - a case for each kind of statement
        for child in ast.iter_child_nodes(node):
            inner = outer
            match child:
                case ast.ClassDef():
                    self.classes[child.name] = self._own_classes[outer[-1], child.name] = child
                    inner = (child, *outer)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    inner = (child, *outer)
                    self._functions[child.name].append(inner)
                case ast.Call():
                    for name in self._callees(child, outer):
                        self.calls[name].append(Call(child, outer))
                case ast.Assign(targets=[target], value=value):
                    self._assign(target, value, outer)
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value)
                ):
                    self._assign(target, value, outer)
                case ast.AugAssign(target=ast.Name() as target, op=ast.Add() as plus, value=value):
                    self._assign(target, ast.BinOp(target, plus, value), outer)
                case ast.For(target=target, iter=looped):
                    inner = (child, *outer)
                    self._loop(target, looped, child)
                case ast.comprehension(target=target, iter=looped):
                    self._loop(target, looped, _scope(outer))
                case ast.ExceptHandler(type=ast.expr() as kind, name=str(name)):
                    inner = (child, *outer)
                    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
                    self._caught[child, name] += map(ast.unparse, kinds)
            self._see(child, inner)

    def _callees(self, call: ast.Call, outer: tuple[Outer, ...]) -> list[str]:
        """The last name of what is called; the names that a variable may stand for."""
        assigned = self._assigned.get((_scope(outer), ast.unparse(call.func)), [])
        chosen = [one for value in assigned if isinstance(value, ast.IfExp) for one in (value.body, value.orelse)]
        return list(map(ast.unparse, chosen)) or [_callee(call)]

    def _assign(self, target: ast.expr, value: ast.expr, outer: tuple[Outer, ...]) -> None:
        match target, value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for one, other in zip(targets, values, strict=True):
                    self._assign(one, other, outer)
            case ast.Name(id=name), _:
                self._assigned[_scope(outer), name].append(value)
                if len(outer) == 1:
                    self._constants[name].append((value, outer))

    def _loop(self, target: ast.expr, looped: ast.expr, scope: Outer) -> None:
        match target, looped:
            case ast.Tuple(elts=names), (
                ast.Name(id=table) | ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="items"))
            ):
                for column, name in enumerate(names):
                    self._looped[scope, ast.unparse(name)].append((table, column))
            case ast.Name(id=name), ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="values")):
                self._looped[scope, name].append((table, 1))


def _with_gaps(words: Words) -> Words:
    """A text that is made to be filled in."""
    return re.sub(r"\{\w*[^}]*\}", GAP, words) if isinstance(words, str) else GAP


def _scope(outer: tuple[Outer, ...]) -> Outer:
    """Where a variable belongs that is assigned here."""
    return next(one for one in outer if not isinstance(one, ast.For | ast.ExceptHandler))


def _callee(call: ast.Call) -> str:
    """The last name of what is called; `super.__init__` for that of the class above."""
    name = ast.unparse(call.func)
    return "super.__init__" if name == "super().__init__" else name.rpartition(".")[2]


def _parameters(function: Function, around: Sequence[Outer]) -> list[str]:
    """What a call may give, in this order; not the object or the class itself."""
    every = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    is_static = any(ast.unparse(one) == "staticmethod" for one in function.decorator_list)
    own = every[1:] if len(around) > 1 and isinstance(around[1], ast.ClassDef) and not is_static else every
    return own + [one.arg for one in function.args.kwonlyargs]


def _defaults(function: Function) -> dict[str, ast.expr]:
    """What parameters are if a call gives nothing for them."""
    every, named = function.args.posonlyargs + function.args.args, function.args.kwonlyargs
    last = every[len(every) - len(function.args.defaults) :]
    pairs = chain(zip(last, function.args.defaults, strict=True), zip(named, function.args.kw_defaults, strict=True))
    return {one.arg: value for one, value in pairs if value is not None}
