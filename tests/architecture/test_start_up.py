"""Starting is quick because heavy libraries wait until they are needed; benchmarks/ measures how quick."""

import subprocess
import sys

import pytest

HEAVY = {"QuantLib", "galois", "matplotlib", "numba", "pandas", "scipy"}


@pytest.mark.parametrize("module", ["zkmargin", "zkmargin.cli", "circuits", "circuits.claims", "verifier_api.app"])
def test_importing_a_room_loads_no_heavy_library(module):
    script = f"import {module}, sys; print(*sys.modules, sep='\\n')"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    assert module in loaded
    assert loaded & HEAVY == set()
