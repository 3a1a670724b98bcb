"""The arrows of the map: the import contracts of pyproject.toml hold, and each of them can break."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("zkmargin", "circuits", "verifier_api")


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-logo", "--no-cache", *options], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_every_contract_holds(root):
    result = lint_imports(root)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "contract, module, line",
    [
        ("floors", "zkmargin/margin/portfolio.py", "import circuits"),
        ("floors", "circuits/builder.py", "import verifier_api"),
        ("floors", "zkmargin/errors.py", "import zkmargin.documents"),
        ("floors", "zkmargin/algebra/scalars.py", "from zkmargin import cli"),
        ("rooms", "zkmargin/attic.py", ""),
        ("cryptography", "zkmargin/encoding.py", "import zkmargin.transcript"),
        ("cryptography", "zkmargin/commitments.py", "import zkmargin.proofs"),
        ("finance", "zkmargin/market/snapshot.py", "import zkmargin.margin"),
        ("finance", "zkmargin/margin/claim.py", "import zkmargin.risk"),
        ("finance-without-cryptography", "zkmargin/market/snapshot.py", "import zkmargin.algebra"),
        ("finance-without-cryptography", "zkmargin/risk/clocks.py", "import zkmargin.transcript"),
        ("cryptography-without-finance", "zkmargin/proofs/__init__.py", "import zkmargin.market"),
        ("cryptography-without-finance", "zkmargin/proofs/__init__.py", "import zkmargin.risk"),
        ("front-door", "zkmargin/__init__.py", "import circuits.builder"),
        ("no-circles", "zkmargin/encoding.py", "import zkmargin.commitments"),
        ("web", "zkmargin/documents.py", "import pydantic"),
        ("web", "circuits/builder.py", "import sqlalchemy"),
        ("service", "verifier_api/service/__init__.py", "import starlette"),
        ("service", "verifier_api/store/__init__.py", "import fastapi"),
        ("store", "verifier_api/service/__init__.py", "import sqlalchemy"),
        ("use-cases", "verifier_api/store/__init__.py", "import verifier_api.service"),
        ("routes", "verifier_api/routes/__init__.py", "import sqlalchemy"),
        ("curves", "zkmargin/commitments.py", "import py_ecc"),
        ("steps", "zkmargin/ledger/keys.py", "import zkmargin.ledger.steps"),
    ],
)
def test_an_import_against_the_arrows_breaks_its_contract(root, tmp_path, contract, module, line):
    for package in PACKAGES:
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    result = lint_imports(tmp_path, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 broken" in result.stdout
