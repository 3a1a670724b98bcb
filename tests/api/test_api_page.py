"""docs/api.md is true: its examples run against the server that it starts, and its tables are those of the code."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
from dataclasses import fields

import pytest

from verifier_api.problems import KINDS
from verifier_api.settings import PREFIX, Settings

BLOCK = re.compile(r"^```(python|sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "api.md").read_text("utf-8")


def run(language, code, names, folder):
    """Return what an example prints."""
    if language == "sh":
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        return subprocess.run(["bash", "-ec", code], cwd=folder, capture_output=True, text=True, timeout=30).stdout
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(code, names)  # noqa: S102 - the examples of our own page
    return output.getvalue()


def test_the_examples_print_what_the_page_shows(page, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed, shown = {}, "", 0
    for language, code in BLOCK.findall(page):
        if code.startswith("uvicorn "):
            continue  # the fixture has run it
        if language == "json":
            assert json.loads(printed) == json.loads(code)
            printed, shown = "", shown + 1
        else:
            assert printed == "", f"the page does not show {printed}"
            printed = run(language, code.replace("http://127.0.0.1:8000", server), names, tmp_path)
    assert printed == ""
    assert shown >= 4


def test_the_page_lists_every_problem(page):
    rows = [f"| `{kind.type}` | {kind.status.value} | {kind.title} | {kind.meaning} |" for kind in KINDS]
    assert re.findall(r"^\| `/problems/.*$", page, re.MULTILINE) == rows


def test_the_page_lists_every_setting_with_its_default(page):
    listed = dict(re.findall(rf"^\| `({PREFIX}\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    defaults = {PREFIX + field.name.upper(): str(getattr(Settings(), field.name)) for field in fields(Settings)}
    defaults["ZKMARGIN_VERIFICATION_THREADS"] = "one for each core"
    assert listed == defaults
    assert Settings().verification_threads == os.cpu_count()


def test_the_page_lists_every_path_of_the_service(page, send):
    described = send("GET", "/openapi.json").json()["paths"]
    operations = {f"{method.upper()} {path}" for path, item in described.items() for method in item}
    assert set(re.findall(r"^\| `((?:GET|POST) [^`]+)` \|", page, re.MULTILINE)) == operations | {"GET /openapi.json"}
