"""The page whose proofs are executed here names every test that does it, and no test that does not exist."""

import re

import pytest


@pytest.fixture(scope="module")
def named(root):
    """The tests that the page names, as (file, function)."""
    page = (root / "docs" / "protocols" / "arithmetic.md").read_text("utf-8")
    section = page.split("\n## What is argued, what is tested\n")[1].split("\n## ")[0]
    return set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", section))


def test_every_test_that_the_page_names_exists(root, named):
    missing = [one for one in named if f"def {one[1]}(" not in (root / "tests" / one[0]).read_text("utf-8")]
    assert named
    assert missing == []


def test_the_page_names_every_test_of_this_folder_that_executes_an_argument(root, named):
    folder = root / "tests" / "soundness"
    here = {
        (f"soundness/{path.name}", function)
        for path in folder.glob("test_*.py")
        if path.name != "test_page.py"
        for function in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert sorted(here - named) == []
