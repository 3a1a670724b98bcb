"""What the proof of soundness is executed on: small constraint systems, one with everything in it, chosen challenges.

Flat numbering, as in zkmargin.proofs.constraints: left values, right values of product slots, wires, books.
"""

from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript


class Programmed(Transcript):
    """A transcript whose challenges are chosen."""

    __slots__ = ("chosen",)

    def __init__(self, **chosen):
        super().__init__(b"soundness")
        self.chosen = chosen

    def challenge(self, name):
        return self.chosen[name]


def _equal(one, other):
    return Affine((one, other), (1, -1), 0)


ROOT = System(("USD",), (("USD",),), 0, 2, (Affine((), (), 5),), 0, (_equal(0, 2), _equal(1, 2)), 9)
"""q^2 = 5, which is true of no number modulo 13. Left 0, right 1, q 2."""

UNIT = System(("USD",), (("USD",),), 0, 2, (Affine((), (), 1),), 0, (_equal(0, 2), _equal(1, 2)), 9)
"""q^2 = 1."""

BOTH = System(("USD",), (("USD",),) * 2, 0, 2, (Affine((), (), 1),), 0, (_equal(0, 2), _equal(1, 2), _equal(2, 3)), 9)
"""The square of q is 1, and the second book is equal to the first. Left 0, right 1, the books 2 and 3."""

BIT = System(("USD",), (("USD",),), 1, 2, (), 0, (_equal(0, 1),), 9)
"""q is a digit of base 2. Digit 0, q 1."""

PAIR = System(
    ("BTC", "USD"),
    (("BTC", "USD"), ("USD",)),
    0,
    2,
    (Affine((), (), 0),),
    0,
    (Affine((2, 4), (1, 1), 0), Affine((0,), (1,), 0), Affine((1,), (1,), 0)),
    9,
)
"""The BTC of the second book cancels that of the first; the second is over USD alone, so there is none.

Left 0, right 1, first book 2 and 3, second book 4 and 5.
"""

TWO = System(
    ("USD",),
    (("USD",),),
    0,
    2,
    (Affine((), (), 5), Affine((), (), -3)),
    0,
    tuple(_equal(index, 4) for index in range(4)),
    9,
)
"""q^2 = 5 and q^2 = -3; the first is true of no number modulo 13. Left 0 and 1, right 2 and 3, q 4."""


def everything(commitments):
    """Return a system with digits, a product, a wire and rows, for K = 2 also a membership row; and values for it.

    q = a_0 + 3 a_1; the wire is q^2 and the second coordinate; a second book holds -q and nothing else. Digits 0 and 1,
    left 2, right 3, wire 4, first book 5 and 6, second book 7 and 8.
    """
    rows = [Affine((0, 1, 5), (1, 3, -1), 0), _equal(2, 5), _equal(3, 5), _equal(4, 6)]
    if commitments == 2:
        rows.append(Affine((5, 7), (1, 1), 0))
    members = (("BTC", "USD"), ("BTC",))[:commitments]
    system = System(("BTC", "USD"), members, 2, 3, (Affine((4,), (1,), 0),), 1, tuple(rows), 9)
    return system, [2, 1, 5, 5, 25, 5, 25, -5, 0][: system.variables]
