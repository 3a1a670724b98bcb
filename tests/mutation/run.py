"""Break one thing at a time and see whether a test notices: which changes of the code does no test refuse?

From the folder of the repository, on a system that can fork, for all targets or for some of them::

    python -m tests.mutation.run
    python -m tests.mutation.run zkmargin/encoding.py
    python -m tests.mutation.run --again

The repository is copied to a temporary folder first, and nothing outside that folder is changed. What the tests do not
notice is printed, one line each, unless `survivors.txt` already explains it; `--again` tries those that it explains.
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

from tests.mutation.mutants import mutants

ROOT = Path(__file__).resolve().parents[2]
GADGETS = ("tests/circuits/test_gadgets.py", "tests/circuits/test_sizes.py")
MODELS = ("tests/circuits/test_sizes.py", "tests/circuits/test_models.py", "tests/attacks/test_statements.py")
AGAIN = "tests/vectors/test_own.py::test_the_vectors_are_made_again_byte_for_byte"
SYSTEMS = "tests/vectors/test_own.py::test_a_proof_about_a_system_of_an_earlier_release_holds"
RISK = "tests/laws/test_risk.py"
KNOWN = set(Path(__file__).with_name("survivors.txt").read_text("utf-8").splitlines())
TARGETS = {
    "zkmargin/encoding.py": ("tests/unit/test_encoding.py", "tests/unit/test_transcript.py", AGAIN),
    "zkmargin/transcript.py": ("tests/unit/test_transcript.py", AGAIN),
    "zkmargin/algebra/vectors.py": ("tests/unit/algebra/test_vectors.py", "tests/attacks/test_batch.py"),
    "zkmargin/proofs/batch.py": (
        "tests/unit/proofs/test_batch.py",
        "tests/attacks/test_batch.py",
        "tests/attacks/test_batches.py",
    ),
    "zkmargin/proofs/constraints.py": (
        "tests/unit/proofs/test_constraints.py",
        "tests/attacks/test_statements.py",
        SYSTEMS,
    ),
    "zkmargin/proofs/linear.py": (
        "tests/unit/proofs/test_linear.py",
        "tests/attacks/test_linear.py",
        "tests/vectors/test_cfrg_linear.py",
        "tests/vectors/test_linear.py",
    ),
    "zkmargin/proofs/linear_relation.py": (
        "tests/unit/proofs/test_linear_relation.py",
        "tests/attacks/test_linear_relation.py",
        "tests/vectors/test_cfrg_linear.py",
    ),
    "zkmargin/proofs/relations.py": (
        "tests/unit/proofs/test_relations.py",
        "tests/attacks/test_relations.py",
        "tests/vectors/test_linear.py",
    ),
    "zkmargin/proofs/arithmetic.py": (
        SYSTEMS,
        "tests/attacks/test_edges.py",
        "tests/unit/proofs/test_arithmetic.py",
        "tests/attacks/test_arithmetic.py",
        "tests/attacks/test_prepared.py",
        AGAIN,
    ),
    "zkmargin/proofs/identity.py": (
        SYSTEMS,
        "tests/attacks/test_edges.py",
        "tests/unit/proofs/test_arithmetic.py",
        "tests/attacks/test_shared_statements.py",
    ),
    "zkmargin/proofs/masks.py": ("tests/attacks/test_prepared.py", AGAIN),
    "zkmargin/proofs/folding.py": ("tests/unit/proofs/test_folding.py", "tests/attacks/test_folding.py"),
    "zkmargin/proofs/compact.py": (
        "tests/attacks/test_compact.py",
        "tests/unit/proofs/test_compact.py",
        AGAIN,
    ),
    "zkmargin/commitments.py": ("tests/unit/test_commitments.py", AGAIN),
    "circuits/systems.py": (
        "tests/circuits/test_systems.py",
        "tests/circuits/test_gadgets.py",
        "tests/circuits/test_sizes.py",
        "tests/circuits/test_claims.py",
        "tests/circuits/test_rank_one.py",
        "tests/attacks/test_statements.py",
    ),
    "circuits/registration.py": (
        "tests/circuits/test_registration.py",
        "tests/attacks/test_registration.py",
        "tests/circuits/test_sizes.py",
        AGAIN,
    ),
    "circuits/claims.py": (
        "tests/circuits/test_claims.py",
        "tests/attacks/test_batches.py",
        "tests/attacks/test_shared_statements.py",
        "tests/attacks/test_claims.py",
        AGAIN,
    ),
    "circuits/margin/cross.py": MODELS,
    "circuits/margin/scenario.py": MODELS,
    "zkmargin/risk/accounts.py": ("tests/unit/risk/test_accounts.py",),
    "zkmargin/risk/breakers.py": ("tests/unit/risk/test_breakers.py", RISK),
    "zkmargin/risk/chain.py": ("tests/unit/risk/test_chain.py", RISK),
    "zkmargin/risk/clocks.py": ("tests/unit/risk/test_clocks.py", RISK),
    "zkmargin/risk/dynamic_margin.py": ("tests/unit/risk/test_dynamic_margin.py", RISK),
    "zkmargin/risk/liquidation.py": ("tests/unit/risk/test_liquidation.py", RISK),
    "zkmargin/risk/waterfall.py": ("tests/unit/risk/test_waterfall.py", RISK),
    "circuits/gadgets/absolute.py": GADGETS,
    "circuits/gadgets/maximum.py": GADGETS,
    "circuits/gadgets/piecewise.py": GADGETS,
    "circuits/gadgets/ranges.py": GADGETS,
    "circuits/gadgets/square.py": GADGETS,
}
# Loaded once, before the first fork; nothing of the project itself may be among them.
PRELOADED = (
    "galois",
    "QuantLib",
    "hypothesis",
    "json",
    "py_arkworks_bls12381",
    "py_ecc.bls.hash_to_curve",
    "py_ecc.optimized_bls12_381",
)
# Without the plugins that are found by themselves: loading them would take longer than most tests.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "-p", "pytest_timeout")
SECONDS = 30
FOLDERS = ("zkmargin", "circuits", "verifier_api", "tests", "docs", "pyproject.toml")


def passes(folder: Path, tests: tuple[str, ...], *, first: bool = False) -> bool:
    """Return whether the tests pass in a process of their own; one that takes too long does not.

    The first one leaves compiled files behind, so that those after it, which write none, start three times faster.
    """
    child = os.fork()
    if child == 0:
        sys.dont_write_bytecode = not first
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(folder)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        sys.path[:] = [str(folder), *[entry for entry in sys.path if entry not in ("", str(ROOT))]]
        for name in [name for name in sys.modules if name.partition(".")[0] in FOLDERS]:
            del sys.modules[name]
        os._exit(int(pytest.main([*OPTIONS, *tests])))
    return os.waitpid(child, 0)[1] == 0


def survivors(folder: Path, target: str, again: bool) -> None:
    """Print the mutants of a file that its tests let pass: the unknown ones, or those of the known that still do."""
    path, tests = folder / target, TARGETS[target]
    source, start = path.read_bytes(), time.monotonic()
    chosen = [mutant for mutant in mutants(source) if (f"{target} | {mutant.change}" in KNOWN) == again]
    if not passes(folder, tests, first=True):
        raise SystemExit(f"{target}: the tests fail without any change")
    alive = 0
    for mutant in chosen:
        path.write_bytes(mutant.source)
        if passes(folder, tests):
            alive += 1
            say(f"{target} | {mutant.change}")
    path.write_bytes(source)
    say(f"# {target}: {len(chosen) - alive} of {len(chosen)} noticed, {time.monotonic() - start:.0f} s")


def say(line: str) -> None:
    """Print a line at once: a run takes long."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Run the named targets, or all."""
    again = "--again" in arguments
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in FOLDERS:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        for target in [name for name in arguments if name != "--again"] or TARGETS:
            survivors(folder, target, again)


if __name__ == "__main__":
    main(sys.argv[1:])
