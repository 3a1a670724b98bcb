"""What the documentation shows a reader works as shown.

A page is played from top to bottom in a folder that holds the published parameter files and nothing else. ```sh blocks
run in bash, which stops at the first command that fails; ```python blocks run one after the other in one session, like
the cells of a notebook. A ```text block is the output of the block before it: timings may differ, and ``...`` stands
for anything. Blocks without a language are not played.
"""

import doctest
import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from zkmargin import cli

PAGES = (
    "cli.md",
    "ledger.md",
    "models/addons.md",
    "models/breakers.md",
    "models/cascade.md",
    "models/collateral.md",
    "models/cross.md",
    "models/deribit.md",
    "models/derive.md",
    "models/dynamic-margin.md",
    "models/grids.md",
    "models/groups.md",
    "models/liquidation.md",
    "models/own.md",
    "models/perpetual.md",
    "models/replay.md",
    "models/risk-measures.md",
    "models/scenario.md",
    "models/span.md",
    "models/strategies.md",
    "quickstart.md",
    "testing.md",
    "venue.md",
    "wallet.md",
)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMING = re.compile(r"\b\d+\.\d+ (m?s)\b")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PLAIN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Step(NamedTuple):
    language: str
    source: str
    shown: str | None


def steps(page: str) -> list[Step]:
    """Return what a page runs, each with the output that it shows, if it shows one."""
    found: list[Step] = []
    for language, body in FENCE.findall(page):
        if language in ("sh", "python"):
            found.append(Step(language, body, None))
        elif language == "text":
            last = found.pop()
            assert last.shown is None, f"no command stands before this output:\n{body}"
            found.append(last._replace(shown=body))
    return found


def run_shell(source: str) -> str:
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "80"}
    result = subprocess.run(
        ["bash", "-e", "-c", source],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, f"{source}\n{result.stdout}"
    return result.stdout


def run_python(source: str, names: dict[str, object]) -> str:
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, "<page>", "exec"), names)  # noqa: S102 - our own pages
    return printed.getvalue()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_what_it_shows(root, tmp_path, monkeypatch, name):
    shutil.copytree(root / "docs" / "models" / "parameters", tmp_path / "parameters")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    played = steps((root / "docs" / name).read_text("utf-8"))
    assert played
    for step in played:
        printed = run_shell(step.source) if step.language == "sh" else run_python(step.source, names)
        if step.shown is not None:
            shown, got = (TIMING.sub(r"# \1", text) for text in (step.shown, printed))
            same = doctest.OutputChecker().check_output(shown, got, PLAIN)
            assert same, f"{step.source}\nshown:\n{step.shown}\nprinted:\n{printed}"


def evidence(root: Path) -> list[tuple[str, str]]:
    """Return the claims of the threat model, each with its cell of evidence."""
    section = (root / "docs" / "threat-model.md").read_text("utf-8").split("\n## Claims and evidence\n")[1]
    rows = re.findall(r"^\| (.+) \| (.+) \|$", section.split("\n## ")[0], re.MULTILINE)
    return [row for row in rows if row != ("claim", "evidence")]


def test_every_claim_of_the_threat_model_names_a_test_or_says_that_there_is_none(root):
    assert len(evidence(root)) > 20
    assert [claim for claim, cell in evidence(root) if not TEST.search(cell) and "not tested" not in cell] == []


def test_every_test_that_the_threat_model_names_exists(root):
    named = [test for _, cell in evidence(root) for test in TEST.findall(cell)]
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (root / file).is_file() or f"def {test}(" not in (root / file).read_text("utf-8")
    ]
    assert missing == []


def commands(group: typer.core.TyperGroup, path: str = "") -> dict[str, typer.core.TyperCommand]:
    """Return every command by the words that call it, those of groups included: `simulate replay`."""
    found: dict[str, typer.core.TyperCommand] = {}
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found |= commands(command, f"{path}{name} ") if inner else {f"{path}{name}": command}
    return found


COMMANDS = commands(typer.main.get_command(cli.app))


def section_of(root: Path, command: str) -> str:
    page = (root / "docs" / "cli.md").read_text("utf-8")
    return page.split(f"\n## zkmargin {command}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_reference_lists_exactly_the_options_of_a_command(root, command):
    listed = re.findall(r"^\| (`-.+?) \|", section_of(root, command), re.MULTILINE)
    options = [option for option in COMMANDS[command].params if option.param_type_name == "option"]
    expected = [", ".join(f"`{form}`" for form in option.opts) for option in options if "--help" not in option.opts]
    assert sorted(listed) == sorted(expected)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_reference_states_the_default_of_every_option(root, command):
    rows = dict(re.findall(r"^\| `(--[\w-]+)`.*? \| (.*?) \|", section_of(root, command), re.MULTILINE))
    stated = {
        option.opts[0]: f"`{option.default}`"
        for option in COMMANDS[command].params
        if option.param_type_name == "option" and option.default not in (None, "", False)
    }
    assert {name: rows[name] for name in stated} == stated


def test_the_reference_has_a_section_for_every_command(root):
    page = (root / "docs" / "cli.md").read_text("utf-8")
    assert sorted(re.findall(r"^## zkmargin ([\w -]+)$", page, re.MULTILINE)) == sorted(COMMANDS)
