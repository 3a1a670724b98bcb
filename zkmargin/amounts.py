"""Integers with a unit, a range and a rounding rule: the only place where money is made from text.

Units
-----
    units    smallest unit of the settlement asset, for example 10^-6 USD
    ticks    price steps of an instrument
    lots     signed quantity steps of an instrument
    ppm      parts per million, for rates, haircuts and box widths

Rounding
--------
    Losses and requirements round up, values round down. Every conversion names its direction; there is no default.

Bounds
------
    |quantity| < 2^64 lots (cash: units), |coefficient| < 2^96 units a lot. With at most 4,096 coordinates no
    sum can reach the group order: see "No wrap-around" in docs/protocols/arithmetic.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation, localcontext
from enum import Enum
from math import gcd

from zkmargin.errors import StatementError

PPM = 1_000_000
QUANTITY_BITS = 64
COEFFICIENT_BITS = 96
MAX_COORDINATES = 4_096
MAX_SCENARIOS = 1_024


class Rounding(Enum):
    """The direction of a conversion to an integer."""

    UP = ROUND_CEILING
    DOWN = ROUND_FLOOR


def bounded(field: str, value: int, low: int, high: int) -> int:
    """Return `value` if ``low <= value <= high``.

    Raises:
        StatementError: naming the field, the bounds and the value. Use it for public values only.

    Example:
        >>> bounded("haircut_ppm", 50_000, 0, 1_000_000)
        50000
    """
    if not low <= value <= high:
        raise StatementError(f"{field} must be between {low} and {high}, got {value}")
    return value


def from_decimal(field: str, text: str, units_per_whole: int, rounding: Rounding) -> int:
    """Return the decimal number `text` times `units_per_whole`, rounded to an integer in the stated direction.

    Args:
        field: Name used in errors.
        text: A finite decimal literal of at most 64 characters, for example ``"92529.80"`` or ``"3.5e-05"``.
        units_per_whole: Positive integer scale.
        rounding: Direction: `Rounding.UP` is towards plus infinity.

    Raises:
        StatementError: if `text` is not a finite decimal number below 2^127.

    Example:
        >>> from_decimal("mark", "0.1234567", 1_000_000, Rounding.DOWN)
        123456
        >>> from_decimal("loss", "0.1234567", 1_000_000, Rounding.UP)
        123457
    """
    if len(text) > 64:
        raise StatementError(f"{field} must have at most 64 characters, got {len(text)}")
    with localcontext() as context:
        context.prec = 160
        try:
            # Decimal itself would also take the digits of other scripts, white space around them and 1_000.
            number = Decimal(text if text.isascii() and text.isprintable() and not {" ", "_"} & set(text) else "")
        except InvalidOperation:
            raise StatementError(f"{field} must be a decimal number, got {text!r}") from None
        if not number.is_finite() or number.adjusted() > 38 or number.adjusted() < -38:
            if number.is_zero():
                return 0
            raise StatementError(f"{field} must be a finite number between 1e-38 and 1e38 in size, got {text!r}")
        return int((number * units_per_whole).to_integral_value(rounding=rounding.value))


def exact_decimal(field: str, text: str, units_per_whole: int, rule: str) -> int:
    """Return the decimal number `text` times `units_per_whole`, which must be an integer.

    Args:
        field: Name used in errors.
        text: As in `from_decimal`.
        units_per_whole: Positive integer scale.
        rule: What the error says the number must be.

    Raises:
        StatementError: as `from_decimal`, or if the product is not an integer.

    Example:
        >>> exact_decimal("width", "0.05", 1_000_000, "must be whole ppm")
        50000
    """
    value = from_decimal(field, text, units_per_whole, Rounding.DOWN)
    if value != from_decimal(field, text, units_per_whole, Rounding.UP):
        raise StatementError(f"{field} {rule}, got {text!r}")
    return value


def ceil_div(numerator: int, denominator: int) -> int:
    """Return the quotient rounded towards plus infinity; the denominator is positive.

    Example:
        >>> ceil_div(7, 2), ceil_div(-7, 2)
        (4, -3)
    """
    return -(-numerator // denominator)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A positive public fraction in lowest terms, used for claim thresholds.

    Example:
        >>> Ratio.of(11_000, 10_000)
        Ratio(numerator=11, denominator=10)
    """

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        bounded("threshold numerator", self.numerator, 1, PPM)
        bounded("threshold denominator", self.denominator, 1, PPM)
        if gcd(self.numerator, self.denominator) != 1:
            raise StatementError(f"threshold must be in lowest terms, got {self.numerator}/{self.denominator}")

    @staticmethod
    def of(numerator: int, denominator: int) -> Ratio:
        """Return numerator/denominator reduced to lowest terms; both positive."""
        bounded("threshold numerator", numerator, 1, 2**32)
        bounded("threshold denominator", denominator, 1, 2**32)
        divisor = gcd(numerator, denominator)
        return Ratio(numerator // divisor, denominator // divisor)

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"
