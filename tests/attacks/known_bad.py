"""Variants of the proof system that look harmless and are broken: each by a forgery that somebody has written down.

A test that is marked with a variant's name builds that variant, sees the forgery believed by it and refused by the real
code. `test_known_bad.py` holds that no variant is without one.
"""

from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., None])

VARIANTS = (
    "the statement is not absorbed",
    "digits are committed after the look-up challenge",
    "two commitments share a power of x",
    "there is an error slot at the target degree",
    "a constraint has a constant weight",
    "a coordinate has no bound",
    "unused places have the identity as generator",
    "the norm block stands still in a folding round",
    "lengths are taken from the proof",
    "a batch weight is fixed in advance",
    # Beyond the list that the suite was asked for.
    "right values are committed after rho and w",
    "slots and rows are weighted by one challenge",
    "membership rows are left out",
    "a label occurs twice in a basis",
    "the form of a proof is not absorbed",
    "a point of a folding round is absorbed after its challenge",
    "a batch is compared with the identity without clearing the cofactor",
    "responses are reduced when they are read",
    "a range check may wrap around",
)


def known_bad(variant: str) -> Callable[[Test], Test]:
    """Mark a test as the forgery against a variant."""
    if variant not in VARIANTS:
        raise KeyError(variant)
    return lambda test: test
