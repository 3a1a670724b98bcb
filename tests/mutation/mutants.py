"""Every small change of a source file that should matter: operators, comparisons, constants, statements left out.

A change replaces a few bytes of the source and leaves the rest as it stands, comments included: some tests read them.
What a reader sees but no program decides is left alone: docstrings, annotations, decorators, the text of errors and
`__repr__`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "+"),
    ast.Pow: ("**", "*"),
    ast.BitXor: ("^", "|"),
    ast.BitOr: ("|", "&"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "little": "big", "big": "little"}


@dataclass(frozen=True)
class Mutant:
    """A changed source, and how it differs: in words that stay the same while other lines come and go."""

    source: bytes
    change: str


def mutants(source: bytes) -> Iterator[Mutant]:
    """Yield every mutant of a source file, in the order of the text."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    seen = set()
    for low, high, new in _changes(ast.parse(source), source, starts):
        old = source[low:high]
        if (low, high, new) not in seen and old != new:
            seen.add((low, high, new))
            start = source.rfind(b"\n", 0, low) + 1
            line = source[start : source.find(b"\n", low)].decode().strip()
            change = f"{' '.join(old.decode().split())} -> {new.decode()}"
            yield Mutant(source[:low] + new + source[high:], f"{line} | {low - start}: {change}")


def _changes(tree: ast.AST, source: bytes, starts: list[int]) -> Iterator[tuple[int, int, bytes]]:
    for node in _decisive(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                yield from _operator(source, _end(left, starts), _start(right, starts), operator)
        elif isinstance(node, ast.BinOp):
            yield from _operator(source, _end(node.left, starts), _start(node.right, starts), node.op)
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from _operator(source, _end(left, starts), _start(right, starts), node.op)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield _start(node, starts), _start(node.operand, starts), b""
        elif isinstance(node, ast.Constant | ast.Name):
            for new in _leaf(node):
                yield _start(node, starts), _end(node, starts), new.encode()
        elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Yield)):
            yield _start(node, starts), _end(node, starts), b"pass"


def _decisive(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that decide something."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
        return
    yield node
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return
    hidden = {"annotation", "returns", "decorator_list", "bases"}
    for name, value in ast.iter_fields(node):
        if name not in hidden:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _decisive(child)


def _operator(source: bytes, low: int, high: int, operator: ast.AST) -> Iterator[tuple[int, int, bytes]]:
    if type(operator) in OPERATORS:
        old, new = (text.encode() for text in OPERATORS[type(operator)])
        place = source.find(old, low, high)
        if place >= 0:
            yield place, place + len(old), new


def _leaf(node: ast.Constant | ast.Name) -> Iterator[str]:
    value = node.id if isinstance(node, ast.Name) else node.value
    if isinstance(value, bool):
        yield repr(not value)
    elif isinstance(value, int):
        yield repr(value + 1)
    elif isinstance(value, bytes):
        yield repr(value + b"!")
    elif isinstance(value, str) and value in NAMES:
        yield NAMES[value] if isinstance(node, ast.Name) else f'"{NAMES[value]}"'
    elif isinstance(value, str) and isinstance(node, ast.Constant):
        yield repr(value + "!")


def _start(node: ast.AST, starts: list[int]) -> int:
    return starts[node.lineno - 1] + node.col_offset


def _end(node: ast.AST, starts: list[int]) -> int:
    return starts[node.end_lineno - 1] + node.end_col_offset
