"""What is kept under version control is whole, portable and says nothing of the machine it was written on."""

import re
import subprocess
import tomllib

import pytest

# /proc and /dev are the same on every machine; a home, a work folder or a temporary folder is not.
MACHINE_PATH = re.compile(r"(?<![\w.~-])(?:/(?:work|tmp|root|home|Users)/\w|[A-Z]:\\Users\\)")
RELATIVE_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


@pytest.fixture(scope="module")
def tracked(root):
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if listing.returncode != 0:
        pytest.skip("not a git work tree")
    files = [root / path for path in sorted(set(listing.stdout.split("\0"))) if path]
    return [path for path in files if path.is_file()]


def test_no_file_holds_a_path_of_a_machine(root, tracked):
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in tracked
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_no_file_is_large_or_a_link(root, tracked):
    assert [str(path.relative_to(root)) for path in tracked if path.is_symlink()] == []
    assert [str(path.relative_to(root)) for path in tracked if path.stat().st_size > 2**20] == []


def test_every_relative_link_of_a_page_leads_somewhere(root, tracked):
    broken = [
        f"{page.relative_to(root)} -> {target}"
        for page in tracked
        if page.suffix == ".md"
        for target in RELATIVE_LINK.findall(page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_lock_pins_every_package_by_hash_and_names_no_index(root):
    lock = (root / "requirements.lock").read_text("utf-8")
    entries = re.findall(r"^(\S+?)==\S+((?:.*\\\n)+.*)$", lock, re.MULTILINE)
    assert len(entries) > 50
    assert [package for package, rest in entries if "--hash=sha256:" not in rest] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links", lock) == []


def test_the_lock_holds_everything_the_project_asks_for(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *[requirement for extra in extras.values() for requirement in extra]]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (root / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    names = {re.split(r"[\[<>=;\s]", requirement)[0].lower().replace("_", "-") for requirement in asked}
    assert names - locked == {project["name"]}, "dev asks for the other extras by the project's own name"
