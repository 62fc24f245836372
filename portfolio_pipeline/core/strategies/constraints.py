"""What has to hold between parameters, as it is written: `fast < slow`, `slow >= 2 * fast`.

A constraint compares sums and products of numeric parameters and numbers. It is read with Python's own parser and
then put together from the few operations listed here, so nothing that is written can do more than compare.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Reckoning = Callable[[Mapping[str, Any]], Any]

_FORM = "a comparison such as `fast < slow` or `slow >= 2 * fast`"
_LONGEST = 200
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class ConstraintWrongError(ValueError):
    """A constraint that cannot be understood, and what was expected."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """One comparison; `names` are the parameters it is about."""

    text: str
    names: tuple[str, ...]
    reckoning: Reckoning

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the values keep to it; what cannot be reckoned (a division by zero) does not."""
        try:
            return bool(self.reckoning(values))
        except ZeroDivisionError:
            return False

    def broken_by(self, values: Mapping[str, Any]) -> str:
        """In words, for values that do not keep to it."""
        return f"{self.text} does not hold ({', '.join(f'{name} {values[name]}' for name in self.names)})"


def constraint(text: str, numeric: Iterable[str], others: Iterable[str] = ()) -> Constraint:
    """Understand a constraint between `numeric` parameters; `others` are parameters that are no numbers."""
    numbers, known = set(numeric), [*numeric, *others]
    names: dict[str, None] = {}

    def amount(node: ast.expr) -> Reckoning:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return lambda values: number
            case ast.Name(id=name) if name in numbers:
                names[name] = None
                return operator.itemgetter(name)
            case ast.Name(id=name) if name in known:
                raise ConstraintWrongError(f"only numbers can be compared, and {name} is none")
            case ast.Name(id=name):
                close = difflib.get_close_matches(name, known, n=1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                raise ConstraintWrongError(f"{name} is no parameter{hint}, expected some of {', '.join(known)}")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = amount(operand)
                return lambda values: -inner(values)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                first, combine, second = amount(left), _ARITHMETIC[type(op)], amount(right)
                return lambda values: combine(first(values), second(values))
        raise ConstraintWrongError(f"{ast.unparse(node)!r} is not understood, expected {_FORM}")

    if len(text) > _LONGEST:
        raise ConstraintWrongError(f"longer than {_LONGEST} characters, expected {_FORM}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConstraintWrongError(f"not understood, expected {_FORM}") from None
    if not isinstance(tree, ast.Compare) or any(type(op) not in _COMPARISONS for op in tree.ops):
        raise ConstraintWrongError(f"expected {_FORM}")
    sides = [amount(side) for side in (tree.left, *tree.comparators)]
    steps = [(left, _COMPARISONS[type(op)], right) for left, op, right in zip(sides, tree.ops, sides[1:], strict=False)]
    if not names:
        raise ConstraintWrongError(f"names no parameter, expected {_FORM}")
    return Constraint(text.strip(), tuple(names), _all_of(steps))


def _all_of(steps: list[tuple[Reckoning, Callable[[Any, Any], bool], Reckoning]]) -> Reckoning:
    if len(steps) == 1:
        left, compare, right = steps[0]
        return lambda values: compare(left(values), right(values))
    return lambda values: all(compare(left(values), right(values)) for left, compare, right in steps)
