"""What a margin rule says about one book. Computed on the account's own machine: every amount in it is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkmargin.amounts import ceil_div


@dataclass(frozen=True, slots=True, repr=False)
class Assessment:
    """The outcome of a claim, exact and for display.

    Args:
        slack_scaled: What the claim requires to be at least zero: an exact integer.
        scale: The positive integer by which it is scaled: ``slack_scaled = scale * (equity - requirement)``.
        equity_units: Equity at the marks.
        parts: Name and requirement in units, rounded up: per instrument (cross) or per scenario (scenario).
        worst: Name of the part with the largest requirement; empty when there is none.
    """

    slack_scaled: int
    scale: int
    equity_units: int
    parts: tuple[tuple[str, int], ...]
    worst: str

    @staticmethod
    def of(slack_scaled: int, scale: int, equity_units: int, requirements_scaled: Mapping[str, int]) -> Assessment:
        """Return the assessment whose parts have the given exact requirements."""
        return Assessment(
            slack_scaled,
            scale,
            equity_units,
            parts=tuple((name, ceil_div(amount, scale)) for name, amount in requirements_scaled.items()),
            worst=max(requirements_scaled, key=lambda name: requirements_scaled[name], default=""),
        )

    @property
    def holds(self) -> bool:
        """Return whether the claim is true."""
        return self.slack_scaled >= 0

    @property
    def surplus_units(self) -> int:
        """Return the equity above the requirement, rounded down; negative when it is missing."""
        return self.slack_scaled // self.scale

    @property
    def shortfall_units(self) -> int:
        """Return the missing equity, rounded up; zero when the claim holds. Cash of this amount cures the book."""
        return max(0, -self.surplus_units)

    @property
    def requirement_units(self) -> int:
        """Return the requirement, with the threshold in it, rounded up."""
        return ceil_div(self.scale * self.equity_units - self.slack_scaled, self.scale)

    def __repr__(self) -> str:
        return "Assessment(amounts hidden)"
