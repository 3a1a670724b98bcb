"""What mutation testing says is about the code as it is: no explanation outlives the line that it explains."""

from itertools import groupby

import pytest

from tests.mutation.mutants import mutants
from tests.mutation.run import TARGETS


@pytest.fixture(scope="module")
def explained(root):
    """Lines of the list of survivors by file, without the reasons."""
    lines = (root / "tests" / "mutation" / "survivors.txt").read_text("utf-8").splitlines()
    known = sorted(line for line in lines if line and not line.startswith("#"))
    return {file: list(found) for file, found in groupby(known, lambda line: line.split(" | ")[0])}


def test_every_explained_survivor_is_a_change_of_the_code_as_it_is(root, explained):
    for file, lines in explained.items():
        possible = {f"{file} | {one.change}" for one in mutants((root / file).read_bytes())}
        assert [line for line in lines if line not in possible] == []


def test_survivors_are_those_of_files_that_are_changed(explained):
    assert explained.keys() <= TARGETS.keys()


def test_every_file_that_is_changed_and_every_test_that_is_asked_exists(root):
    for file, tests in TARGETS.items():
        assert (root / file).is_file()
        for test in tests:
            path, _, name = test.partition("::")
            assert (root / path).is_file()
            assert not name or f"def {name}(" in (root / path).read_text("utf-8")


def test_every_module_of_proofs_is_changed(root):
    modules = {f"zkmargin/proofs/{path.name}" for path in (root / "zkmargin" / "proofs").glob("*.py")}
    assert modules - {"zkmargin/proofs/__init__.py"} <= TARGETS.keys()


def test_every_group_of_survivors_has_a_reason(root):
    blocks = (root / "tests" / "mutation" / "survivors.txt").read_text("utf-8").split("\n\n")
    assert all(block.startswith("# ") for block in blocks)
