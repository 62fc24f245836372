"""Mutants of a module: its syntax tree with one thing changed at a time.

Which changes there are is said here; which modules are changed, and which tests should notice, in `mutations`. Left as
they are: annotations, decorators, `assert`, all text but the words of `_WORDS`, what a refusal tells, and what is only
said to be sure (`_SAID_ANYWAY`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITE = {
    **{ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
_ARITHMETIC = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr},
}
_FUNCTIONS = {
    **{"min": "max", "max": "min", "any": "all", "all": "any"},
    **{"minimum": "maximum", "maximum": "minimum", "bisect_left": "bisect_right", "bisect_right": "bisect_left"},
    **{"LOCK_EX": "LOCK_SH", "LOCK_SH": "LOCK_EX"},
}
_SYMMETRIC = {
    "value",
    "_commission",
    "clip",
    "min",
    "max",
    "minimum",
    "maximum",
    "samestat",
    "isinstance",
    "compare_digest",
    "same",
}
_WORDS = {
    **{"block": "warning", "warning": "block", "cut": "block", "accepted": "refused", "refused": "accepted"},
    **{"halt": "resume", "resume": "halt"},
}
_ROUNDINGS = {"EPSILON", "ROUNDING"}
_SAID_ANYWAY = {"dtype", "encoding", "remedy", "strict"}
_KEPT_FIELDS = {"annotation", "returns", "decorator_list", "format_spec"}
_REFUSALS = ("Error", "Exception")


@dataclass(frozen=True)
class Mutant:
    """One change of a module's tree, which stays as it is but while `tree` is in use.

    `inside` is the function whose body is changed, by qualified name and first line; None for what is executed when the
    module is imported. `lines` are those of the statement, or of the head of a compound one.
    """

    file: str
    lines: range
    inside: tuple[str, int] | None
    _original: ast.Module
    _slot: tuple[ast.AST, str, int | None]
    _node: ast.AST
    _other: ast.AST

    def __str__(self) -> str:
        line: int = self._node.lineno  # type: ignore[attr-defined]
        return f"{self.file}:{line}  {_told(self._node)}  ->  {_told(self._other)}"

    @contextmanager
    def tree(self) -> Iterator[ast.Module]:
        _put(*self._slot, self._other)
        try:
            yield self._original
        finally:
            _put(*self._slot, self._node)


def mutants(path: Path, file: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its tree."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        Mutant(file, place.lines, place.inside, tree, slot, node, ast.fix_missing_locations(ast.copy_location(o, node)))
        for slot, node, place in list(_nodes(tree, _Place()))
        for o in _others(node, slot[1])
    ]


@dataclass(frozen=True)
class _Place:
    lines: range = range(0)
    inside: tuple[str, int] | None = None
    name: str = ""


def _nodes(node: ast.AST, place: _Place) -> Iterator[tuple[tuple[ast.AST, str, int | None], ast.AST, _Place]]:
    """What may be changed below a node, each with the slot that it stands in."""
    for field, value in ast.iter_fields(node):
        if field in _KEPT_FIELDS:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _is_kept(child, node):
                continue
            here = _place(child, node, field, place)
            if isinstance(child, ast.expr | ast.stmt):
                yield (node, field, index if isinstance(value, list) else None), child, here
            yield from _nodes(child, here)


def _place(child: ast.AST, parent: ast.AST, field: str, place: _Place) -> _Place:
    lines, inside, name = place.lines, place.inside, place.name
    if isinstance(parent, ast.FunctionDef) and field == "body" and inside is None and not _compiled(parent):
        inside = (name, min([parent.lineno, *(decorator.lineno for decorator in parent.decorator_list)]))
    if isinstance(child, ast.FunctionDef | ast.ClassDef):
        name = f"{name}.{child.name}" if name else child.name
    if isinstance(child, ast.stmt):
        body = getattr(child, "body", None)
        last = max(child.lineno, body[0].lineno - 1) if body else child.end_lineno or child.lineno
        lines = range(child.lineno, last + 1)
    return _Place(lines, inside, name)


def _compiled(function: ast.FunctionDef) -> bool:
    """Nobody sees its lines being executed, and its code cannot be exchanged: it is changed where it is imported."""
    return any(isinstance(one, ast.Call) and _called(one) == "njit" for one in function.decorator_list)


def _is_kept(node: ast.AST, parent: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.keyword(arg=name) if name in _SAID_ANYWAY:
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Call() if isinstance(parent, ast.Raise) or _called(node).endswith(_REFUSALS):
            return True
        case ast.Call() if _called(node) in ("TypeVar", "cast", "create_model", "ConfigDict", "Registry"):
            return True
        case ast.Assign(value=ast.Subscript(value=ast.Name(id="Literal" | "Mapping" | "Callable" | "dict"))):
            return True
    return False


def _others(node: ast.AST, field: str) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                for table in (_BOUNDARY, _OPPOSITE):
                    if type(op) in table and not (table is _BOUNDARY and _is_rounding(node.comparators[index])):
                        changed = [*ops[:index], table[type(op)](), *ops[index + 1 :]]
                        yield ast.Compare(node.left, changed, node.comparators)
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in _ARITHMETIC and not _is_text(left) and not _is_text(right):
                yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.AugAssign(op=op, value=value):
            if type(op) in _ARITHMETIC and not _is_text(value):
                yield ast.AugAssign(node.target, _ARITHMETIC[type(op)](), value)
            yield ast.Pass()
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for index in range(len(values)):
                kept = [*values[:index], *values[index + 1 :]]
                yield ast.BoolOp(op, kept) if len(kept) > 1 else kept[0]
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if value in _WORDS:
            yield ast.Constant(_WORDS[value])
        case ast.Attribute(attr=attr) if attr in _FUNCTIONS:
            yield ast.Attribute(node.value, _FUNCTIONS[attr], node.ctx)
        case ast.Name(id=name) if name in _FUNCTIONS:
            yield ast.Name(_FUNCTIONS[name], node.ctx)
        case ast.Call():
            yield from _other_calls(node)
        case ast.Return(value=value) if value is not None and not _is_nothing(value):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
    if field in ("test", "ifs") and isinstance(node, ast.expr) and not isinstance(node, ast.Compare | ast.UnaryOp):
        yield ast.UnaryOp(ast.Not(), node)
    if field == "ifs":
        yield ast.Constant(True)


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    name, plain = _called(node), node.args
    if name == "abs" and plain:
        yield plain[0]
    if name not in _SYMMETRIC:
        for index in range(len(plain) - 1):
            one, other = plain[index : index + 2]
            if isinstance(one, ast.Starred) or isinstance(other, ast.Starred) or ast.dump(one) == ast.dump(other):
                continue
            yield ast.Call(node.func, [*plain[:index], other, one, *plain[index + 2 :]], node.keywords)
    for index, keyword in enumerate(node.keywords):
        if keyword.arg not in (None, *_SAID_ANYWAY):
            yield ast.Call(node.func, plain, [*node.keywords[:index], *node.keywords[index + 1 :]])


def _called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_rounding(node: ast.AST) -> bool:
    """Whether a figure is compared with what rounding may do to it: it never stands exactly there."""
    return any(isinstance(part, ast.Name) and part.id in _ROUNDINGS for part in ast.walk(node))


def _is_nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _told(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 110 else f"{words[:107]}..."
