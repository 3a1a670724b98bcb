"""Which test throws bytes at which decoder: a mark, so that a test can tell whether one was forgotten."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., None])
PACKAGES = ("zkmargin", "circuits", "verifier_api")


def fuzzes(*decoders: str) -> Callable[[Test], Test]:
    """Mark a test that throws arbitrary input at decoders, each named like "zkmargin/encoding.py:decode_string"."""
    return lambda test: test


def is_decoder(name: str) -> bool:
    """Return whether a function of this name reads what a stranger wrote."""
    return name in ("from_bytes", "from_document", "from_reader", "parse") or name.startswith("decode")


def decoders(root: Path) -> set[str]:
    """Return every public decoder of the project."""
    found = set()
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            file = path.relative_to(root).as_posix()
            if isinstance(node, ast.FunctionDef) and is_decoder(node.name):
                found.add(f"{file}:{node.name}")
            if isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases):
                methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef) and is_decoder(one.name)]
                found |= {f"{file}:{node.name}.{method}" for method in methods}
    return found


def fuzzed(root: Path) -> dict[str, list[str]]:
    """Return the decoders that tests are marked with, and the names of these tests."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            for mark in getattr(node, "decorator_list", []):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "fuzzes":
                    for name in mark.args:
                        found.setdefault(ast.literal_eval(name), []).append(node.name)
    return found
