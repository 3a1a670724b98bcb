"""How long a person waits for the command line to answer; the aim is under half a second."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("zkmargin")


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"]], ids=" ".join)
def test_the_command_line_answers(benchmark, arguments):
    benchmark.pedantic(
        subprocess.run,
        args=([PROGRAM, *arguments],),
        kwargs={"check": True, "capture_output": True},
        rounds=10,
        warmup_rounds=1,
    )
