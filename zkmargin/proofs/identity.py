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
from itertools import pairwise
from operator import mul

from zkmargin.algebra.scalars import ORDER, inverse, inverses, power_sum, powers
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
        self.kappa = sum(map(mul, self.forms, [form.constant for form in system.forms]))
        if digits:
            self.kappa -= power_sum(self.mu, [1] * digits) + w * digits * inverse(alpha)

    def collect(self, system: System) -> tuple[list[int], list[int], list[int], list[list[int]]]:
        """Return lambda_a (n), lambda_b (n), lambda_m (w) and lambda_1..lambda_K (|P| each)."""
        flat = [0] * system.variables
        for weight, form in zip(self.forms, system.forms, strict=True):
            for index, coefficient in zip(form.indices, form.coefficients, strict=True):
                flat[index] += weight * coefficient
        flat = [value % ORDER for value in flat]
        starts = [system.book_start(number) for number in range(system.commitments + 1)]
        digit_rights = [(weight * self.alpha + self.w) % ORDER for weight in powers(self.mu, system.digits, self.mu)]
        at = reciprocals(system, self.alpha)
        multiplicities = [self.w * (at[0] - value) % ORDER for value in at[1:]]
        return (
            flat[: system.right_start],
            digit_rights + flat[system.right_start : system.wire_start],
            multiplicities + flat[system.wire_start : starts[0]],
            [flat[start:end] for start, end in pairwise(starts)],
        )

    def evaluate(
        self, system: System, g: Sequence[int], m: Sequence[int], q: Sequence[int], x_powers: Sequence[int]
    ) -> int:
        """Return t(x) on the responses g (n), m^ (w) and q^ (|P|), given x^0 .. x^T."""
        T, digits, counted = system.commitments + 3, system.digits, system.multiplicities
        left, right, wires, *books = system.sections
        on_left = left.evaluate(self.forms, g) + wires.evaluate(self.forms, m[counted:])
        on_left += self.w * look_up(self.alpha, m[:counted])
        on_right = right.evaluate(self.forms, g[digits:]) + self.w * sum(g[:digits])
        # mu^(i+1) stands before g_i^2 and, as part of a digit's lambda_b, before 2 x alpha g_i.
        shift = 2 * x_powers[1] * self.alpha % ORDER
        weighted = [value * (value + shift) for value in g[:digits]] + [value * value for value in g[digits:]]
        total: int = x_powers[T - 3] * power_sum(self.mu, weighted)
        total += 2 * (x_powers[T - 1] * on_left + x_powers[T - 2] * on_right + x_powers[T] * self.kappa)
        for k, section in enumerate(books, start=1):
            total += 2 * x_powers[T - 3 - k] * section.evaluate(self.forms, q)
        return total % ORDER


def reciprocals(system: System, alpha: int) -> list[int]:
    """Return 1/(alpha + t) for every digit t; nothing without digit slots."""
    return inverses([alpha + t for t in range(system.base)]) if system.digits else []


def look_up(alpha: int, multiplicities: Sequence[int]) -> int:
    """Return ``sum_t m_t (1/alpha - 1/(alpha + t))``, added up as fractions with a single inversion."""
    numerator, denominator = 0, 1
    for point, count in enumerate(multiplicities, start=alpha + 1):
        numerator = (numerator * point + count * denominator) % ORDER
        denominator = denominator * point % ORDER
    top = sum(multiplicities) * denominator - numerator * alpha
    return top * inverse(denominator * alpha) % ORDER if multiplicities else 0
