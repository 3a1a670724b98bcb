import subprocess
import sys

import pytest

from zkmargin.algebra import group as module
from zkmargin.algebra.group import Arkworks
from zkmargin.algebra.portable import Portable


def chosen(monkeypatch, value):
    monkeypatch.setenv("ZKMARGIN_GROUP", value)
    return module._select().name


def test_either_implementation_can_be_chosen_and_arkworks_is_the_default(monkeypatch):
    assert chosen(monkeypatch, "") == "arkworks"
    assert chosen(monkeypatch, "arkworks") == "arkworks"
    assert chosen(monkeypatch, "py_ecc") == "py_ecc"


def test_another_choice_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="must be arkworks or py_ecc, got 'blst'"):
        chosen(monkeypatch, "blst")


def test_without_the_native_library_the_portable_one_steps_in_unless_arkworks_was_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "py_arkworks_bls12381", None)
    assert chosen(monkeypatch, "") == "py_ecc"
    with pytest.raises(ImportError):
        chosen(monkeypatch, "arkworks")


def test_the_portable_implementation_is_not_loaded_unless_it_is_chosen():
    code = "import sys, zkmargin.algebra.group as g; print(g.group.name, 'py_ecc' in sys.modules)"
    environment = {"ZKMARGIN_GROUP": "arkworks"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["arkworks", "False"], result.stderr


@pytest.mark.parametrize("curve", [Arkworks(), Portable()], ids=lambda curve: curve.name)
def test_an_empty_multi_scalar_multiplication_is_the_identity(curve):
    assert curve.equal(curve.msm([], []), curve.identity())
