"""The rooms introduce themselves: every package and module says in its first lines what it is for."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("zkmargin", "circuits", "verifier_api")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PROOFS = sorted(path for path in (ROOT / "zkmargin" / "proofs").glob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in MODULES}
    assert [name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_package_ships_its_types():
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is_for(path):
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    summary = docstring.partition("\n\n")[0]
    assert summary.endswith((".", "?", ":")), f"{name(path)} needs a docstring whose first paragraph is one sentence"


@pytest.mark.parametrize("path", PROOFS, ids=name)
def test_every_documented_step_of_a_protocol_is_marked_in_the_code(path):
    source = path.read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    protocol = re.search(r"^Protocol\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    documented = set(re.findall(r"^\s*\((\d+)\)", protocol[1], re.MULTILINE)) if protocol else set()
    marked = {number for comment in re.findall(r"#[^\n]*", source) for number in re.findall(r"\((\d+)\)", comment)}
    assert documented - marked == set()
