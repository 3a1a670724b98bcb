"""The page of evidence names tests that exist, and every variant that is known to be bad."""

import re

import pytest

from tests.attacks.known_bad import VARIANTS

TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "security-evidence.md").read_text("utf-8")


def rows(page, heading):
    """Return the cells of the table under a heading, without its head."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]


def test_every_test_that_the_page_names_exists(root, page):
    named = TEST.findall(page)
    assert len(named) > 60
    assert [one for one in named if f"def {one[1]}(" not in (root / "tests" / one[0]).read_text("utf-8")] == []


def test_every_property_is_executed_or_says_that_it_is_not(page):
    assert len(rows(page, "Properties")) > 15
    assert [row for row in rows(page, "Properties") if not TEST.search(row[-1]) and "not tested" not in row[-1]] == []


def test_the_page_lists_exactly_the_variants_that_are_known_to_be_bad(page):
    listed = rows(page, "Known to be bad")
    assert [variant for variant, _ in listed] == list(VARIANTS)
    assert all(TEST.search(forgery) for _, forgery in listed)


def test_the_forgeries_on_the_page_are_marked_with_their_variant(root, page):
    for variant, forgery in rows(page, "Known to be bad"):
        for file, test in TEST.findall(forgery):
            source = (root / "tests" / file).read_text("utf-8")
            marks = re.search(rf"((?:^@.*\n(?:[ \])].*\n)*)+)def {test}\(", source, re.M)
            assert marks
            assert f'known_bad("{variant}")' in marks[1]


def test_every_module_of_proofs_that_numbers_its_checks_is_on_the_page(root, page):
    numbered = {
        path.stem
        for path in (root / "zkmargin" / "proofs").glob("*.py")
        if re.search(r"^    \(1\) ", path.read_text("utf-8"), re.M)
    }
    listed = {row[0].strip("`").removeprefix("proofs/") for row in rows(page, "Each check has its attack")}
    assert numbered - {"linear_relation", "relations"} <= listed
