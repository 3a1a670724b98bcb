"""The pages whose proofs are executed here name every test that does it, and no test that does not exist."""

import re

import pytest

PAGES = ("arithmetic.md", "folding.md", "linear.md")


def named(root, page):
    """The tests that a page names, as (file, function)."""
    text = (root / "docs" / "protocols" / page).read_text("utf-8")
    section = text.split("\n## What is argued, what is tested\n")[1].split("\n## ")[0]
    return set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", section))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(root, page):
    missing = [one for one in named(root, page) if f"def {one[1]}(" not in (root / "tests" / one[0]).read_text("utf-8")]
    assert named(root, page)
    assert missing == []


def test_the_pages_name_every_test_of_this_folder_that_executes_an_argument(root):
    folder = root / "tests" / "soundness"
    here = {
        (f"soundness/{path.name}", function)
        for path in folder.glob("test_*.py")
        if path.name != "test_page.py"
        for function in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert sorted(here.difference(*(named(root, page) for page in PAGES))) == []
