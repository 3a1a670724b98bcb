"""Break one thing at a time and see whether a test notices: which changes of the code does no test refuse?

From the folder of the repository, on a system that can fork, for all targets or for some of them::

    python -m tests.mutation.run
    python -m tests.mutation.run zkmargin/encoding.py

The repository is copied to a temporary folder first, and nothing outside that folder is changed. What the tests do not
notice is printed, one line each, in the form in which `survivors.txt` keeps it; README.md says how to read it.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
GADGETS = ("tests/circuits/test_gadgets.py", "tests/circuits/test_sizes.py")
TARGETS = {
    "zkmargin/encoding.py": ("tests/unit/test_encoding.py", "tests/unit/test_transcript.py", "tests/vectors"),
    "zkmargin/transcript.py": ("tests/unit/test_transcript.py", "tests/vectors", "tests/unit/proofs/test_arithmetic.py"),
    "zkmargin/proofs/batch.py": (
        "tests/unit/proofs/test_batch.py",
        "tests/attacks/test_batch.py",
        "tests/attacks/test_batches.py",
    ),
    "zkmargin/proofs/constraints.py": (
        "tests/unit/proofs/test_constraints.py",
        "tests/attacks/test_statements.py",
        "tests/unit/proofs/test_arithmetic.py",
    ),
    "zkmargin/proofs/linear.py": (
        "tests/unit/proofs/test_linear.py",
        "tests/attacks/test_linear.py",
        "tests/vectors/test_cfrg_linear.py",
        "tests/vectors/test_linear.py",
    ),
    "circuits/gadgets/absolute.py": GADGETS,
    "circuits/gadgets/maximum.py": GADGETS,
    "circuits/gadgets/piecewise.py": GADGETS,
    "circuits/gadgets/ranges.py": GADGETS,
    "circuits/gadgets/square.py": GADGETS,
}
# Loaded once, before the first fork; nothing of the project itself may be among them.
PRELOADED = ("hypothesis", "json", "py_arkworks_bls12381", "py_ecc.bls.hash_to_curve", "py_ecc.optimized_bls12_381")
SECONDS = 60
FOLDERS = ("zkmargin", "circuits", "verifier_api", "tests", "docs", "pyproject.toml")


def passes(folder: Path, tests: tuple[str, ...]) -> bool:
    """Return whether the tests pass in a process of their own; one that takes too long does not."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(folder)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        sys.path[:] = [str(folder), *[entry for entry in sys.path if entry not in ("", str(ROOT))]]
        for name in [name for name in sys.modules if name.partition(".")[0] in FOLDERS]:
            del sys.modules[name]
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])))
    return os.waitpid(child, 0)[1] == 0


def survivors(folder: Path, target: str) -> list[Mutant]:
    """Return the mutants of a file that its tests let pass."""
    path, tests = folder / target, TARGETS[target]
    source = path.read_bytes()
    found = list(mutants(source))
    if not passes(folder, tests):
        raise SystemExit(f"{target}: the tests fail without any change")
    alive, start = [], time.monotonic()
    for mutant in found:
        path.write_bytes(mutant.source)
        if passes(folder, tests):
            alive.append(mutant)
            print(f"{target}:{mutant.line}: {mutant.change}", flush=True)
    path.write_bytes(source)
    print(f"# {target}: {len(found) - len(alive)} of {len(found)} noticed, {time.monotonic() - start:.0f} s", flush=True)
    return alive


def main(targets: list[str]) -> None:
    """Run the named targets, or all."""
    sys.dont_write_bytecode = True
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in FOLDERS:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        for target in targets or TARGETS:
            survivors(folder, target)


if __name__ == "__main__":
    main(sys.argv[1:])
