"""The combined identity: every constraint of a system, weighted by a challenge and added up.

Slot i has the weight mu^(i+1), the look-up row w, row j w^(j+2); no weight is constant and no two are equal. Collected,
the constraints say

    sum_i mu^(i+1) a_i b_i + <lambda_a,a> + <lambda_b,b> + <lambda_m,m> + sum_k <lambda_k, q^(k)> + kappa = 0

and the verifier's polynomial, whose coefficient at X^T is twice this, is

    t(X) = X^(T-3) sum_i mu^(i+1) g_i^2 + 2 X^(T-1) (<lambda_a,g> + <lambda_m,m^>) + 2 X^(T-2) <lambda_b,g>
         + 2 sum_k X^(T-3-k) <lambda_k, q^> + 2 kappa X^T

A prover needs the lambdas; a verifier of an opened proof only t(x), which is cheaper to evaluate row by row.

Reference: the project's docs/protocols/arithmetic.md, "The combined identity".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from zkmargin.algebra.scalars import ORDER, geometric_sum, inverse, inverses, power_sum, powers
from zkmargin.proofs.constraints import System


class Weights:
    """The weights of a system's constraints under the challenges alpha, rho and w; mu = rho^2."""

    def __init__(self, system: System, alpha: int, rho: int, w: int) -> None:
        digits, products = system.digits, len(system.products)
        self.alpha = alpha
        self.rho = rho
        self.mu = rho * rho % ORDER
        self.w = w
        on_products = powers(self.mu, products, first=pow(self.mu, digits + 1, ORDER))
        self.forms = powers(w, len(system.constraints), first=w * w) + [-weight for weight in on_products]
        self.kappa = sum(map(mul, self.forms, system.constants))
        if digits:
            self.kappa -= geometric_sum(self.mu, digits) + w * digits * inverse(alpha)

    def collect(self, system: System) -> tuple[list[int], list[int], list[int], list[list[int]]]:
        """Return lambda_a (n), lambda_b (n), lambda_m (w) and lambda_1..lambda_K (|P| each)."""
        left, right, wires, *books = [
            [value % ORDER for value in section.combine(self.forms)] for section in system.sections
        ]
        digit_rights = [(weight * self.alpha + self.w) % ORDER for weight in powers(self.mu, system.digits, self.mu)]
        at = reciprocals(system, self.alpha)
        multiplicities = [self.w * (at[0] - value) % ORDER for value in at[1:]]
        return left, digit_rights + right, multiplicities + wires, books


@dataclass(frozen=True, slots=True)
class Received:
    """What t(x) is evaluated on.

    Args:
        weights: The weights of the system's constraints.
        g: n slots.
        m: w wires.
        q: |P| coordinates.
        x_powers: x^0 .. x^T.
    """

    weights: Weights
    g: Sequence[int]
    m: Sequence[int]
    q: Sequence[int]
    x_powers: Sequence[int]


def evaluate(system: System, received: Sequence[Received]) -> list[int]:
    """Return t(x) for each proof of one system; what the public rows have in common is done for all at once."""
    digits, counted = system.digits, system.multiplicities
    left, right, wires, *books = system.sections
    forms = [item.weights.forms for item in received]
    on_left = left.evaluate_each(forms, [item.g for item in received])
    on_right = right.evaluate_each(forms, [item.g[digits:] for item in received])
    on_wires = wires.evaluate_each(forms, [item.m[counted:] for item in received])
    on_books = [section.evaluate_each(forms, [item.q for item in received]) for section in books]
    linear = zip(on_left, on_right, on_wires, zip(*on_books, strict=True), strict=True)
    return [_polynomial(system, item, *parts) for item, parts in zip(received, linear, strict=True)]


def _polynomial(
    system: System, item: Received, on_left: int, on_right: int, on_wires: int, on_books: Sequence[int]
) -> int:
    """Return t(x), given the weighted rows on each section of the responses."""
    T, digits, weights, x_powers = system.commitments + 3, system.digits, item.weights, item.x_powers
    on_left += on_wires + weights.w * look_up(weights.alpha, item.m[: system.multiplicities])
    on_right += weights.w * sum(item.g[:digits])
    # mu^(i+1) stands before g_i^2 and, as part of a digit's lambda_b, before 2 x alpha g_i.
    shift = 2 * x_powers[1] * weights.alpha % ORDER
    weighted = [value * (value + shift) for value in item.g[:digits]] + [value * value for value in item.g[digits:]]
    total: int = x_powers[T - 3] * power_sum(weights.mu, weighted)
    total += 2 * (x_powers[T - 1] * on_left + x_powers[T - 2] * on_right + x_powers[T] * weights.kappa)
    for k, on_book in enumerate(on_books, start=1):
        total += 2 * x_powers[T - 3 - k] * on_book
    return total % ORDER


def reciprocals(system: System, alpha: int) -> list[int]:
    """Return 1/(alpha + t) for every digit t; nothing without digit slots."""
    return inverses([alpha + t for t in range(system.base)]) if system.digits else []


def look_up(alpha: int, multiplicities: Sequence[int]) -> int:
    """Return ``sum_t m_t (1/alpha - 1/(alpha + t))`` for t = 1 .. base-1, as fractions with a single inversion.

    Terms t and base - t go together: their denominators multiply to ``alpha (alpha + base) + t (base - t)``.
    """
    base = len(multiplicities) + 1
    square = alpha * (alpha + base) % ORDER
    numerator, denominator = 0, 1
    for t in range(1, base // 2 + 1):
        near = multiplicities[t - 1]
        far = multiplicities[base - t - 1] if 2 * t < base else 0  # in the middle the term is its own partner
        top = (near + far) * alpha + near * (base - t) + far * t
        bottom = square + t * (base - t)
        numerator = (numerator * bottom + top * denominator) % ORDER
        denominator = denominator * bottom % ORDER
    top = sum(multiplicities) * denominator - numerator * alpha
    return top * inverse(denominator * alpha) % ORDER if multiplicities else 0
