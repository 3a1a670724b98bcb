"""Named moves of every price and every volatility, as a clearing house publishes them.

A scenario moves all prices by the factor ``1 + price`` and all implied volatilities by the factor ``1 + volatility``;
only the fraction `cover` of the loss counts, which is how very large moves are asked about without being charged in
full. The sets follow SPAN (Standard Portfolio Analysis of Risk): fourteen moves inside the price range, ordered by
size, and two extreme ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zkmargin.amounts import MAX_SCENARIOS, PPM, bounded, ceil_div
from zkmargin.documents import Reader, identifier

MAX_SHIFT_PPM = 10 * PPM


@dataclass(frozen=True, slots=True)
class Scenario:
    """One joint move.

    Args:
        name: Identifier, unique in its set.
        price_ppm: Relative move of every price, above -10^6 and at most 10^7.
        volatility_ppm: Relative move of every implied volatility, -10^6 to 10^7.
        cover_ppm: Fraction of the loss that counts, 1 to 10^6.
    """

    name: str
    price_ppm: int
    volatility_ppm: int
    cover_ppm: int = PPM

    def __post_init__(self) -> None:
        identifier("scenario name", self.name)
        bounded(f"{self.name}.price_ppm", self.price_ppm, 1 - PPM, MAX_SHIFT_PPM)
        bounded(f"{self.name}.volatility_ppm", self.volatility_ppm, -PPM, MAX_SHIFT_PPM)
        bounded(f"{self.name}.cover_ppm", self.cover_ppm, 1, PPM)

    @staticmethod
    def from_reader(fields: Reader) -> Scenario:
        """Return the scenario described by `fields`."""
        return Scenario(
            fields.identifier("name"),
            fields.integer("price_ppm", 1 - PPM, MAX_SHIFT_PPM),
            fields.integer("volatility_ppm", -PPM, MAX_SHIFT_PPM),
            fields.integer("cover_ppm", 1, PPM),
        )

    def to_document(self) -> dict[str, Any]:
        """Return the scenario as a JSON object."""
        return {
            "name": self.name,
            "price_ppm": self.price_ppm,
            "volatility_ppm": self.volatility_ppm,
            "cover_ppm": self.cover_ppm,
        }


UNSHOCKED = Scenario("unshocked", 0, 0)


def span16(
    price_range_ppm: int = 160_000,
    volatility_range_ppm: int = 250_000,
    *,
    extreme_multiple: int = 2,
    extreme_cover_ppm: int = 350_000,
) -> tuple[Scenario, ...]:
    """Return the sixteen scenarios of SPAN in its order.

    Args:
        price_range_ppm: The price scan range; the moves are 0, 1/3, 2/3 and 3/3 of it, rounded away from zero.
        volatility_range_ppm: The volatility scan range, relative to the implied volatility.
        extreme_multiple: Scenarios 15 and 16 move prices by this multiple of the range and leave volatility alone.
        extreme_cover_ppm: Fraction of the loss that counts in scenarios 15 and 16.

    Example:
        >>> [scenario.name for scenario in span16()][:4]
        ['flat:vol-up', 'flat:vol-down', 'up-1/3:vol-up', 'up-1/3:vol-down']
        >>> span16(160_000)[4].price_ppm, span16(160_000)[15]
        (-53334, Scenario(name='extreme-down', price_ppm=-320000, volatility_ppm=0, cover_ppm=350000))
    """
    moves = [("flat", 0)]
    for third in (1, 2, 3):
        size = ceil_div(price_range_ppm * third, 3)
        moves += [(f"up-{third}/3", size), (f"down-{third}/3", -size)]
    volatilities = (("vol-up", volatility_range_ppm), ("vol-down", -volatility_range_ppm))
    scan = [Scenario(f"{move}:{name}", price, shift) for move, price in moves for name, shift in volatilities]
    far = extreme_multiple * price_range_ppm
    up = Scenario("extreme-up", far, 0, extreme_cover_ppm)
    down = Scenario("extreme-down", -far, 0, extreme_cover_ppm)
    return (*scan, up, down)


def grid(
    price_range_ppm: int, steps: int, volatilities_ppm: tuple[int, ...] = (-250_000, 0, 250_000)
) -> tuple[Scenario, ...]:
    """Return every pair of an equally spaced price move and a volatility move.

    Args:
        price_range_ppm: Largest price move; node j of `steps` on each side moves j/steps of it, away from zero.
        steps: Nodes on each side, 1 to 511, so that there are ``2*steps + 1`` price moves.
        volatilities_ppm: The volatility moves, each once.

    Raises:
        StatementError: if there would be more than 1,024 scenarios.

    Example:
        >>> len(grid(160_000, 4)), grid(160_000, 4)[0].name
        (27, 'price-down-160000:vol-down-250000')
    """
    bounded("steps", steps, 1, MAX_SCENARIOS)
    bounded("number of scenarios", (2 * steps + 1) * len(volatilities_ppm), 1, MAX_SCENARIOS)
    sizes = [ceil_div(price_range_ppm * step, steps) for step in range(1, steps + 1)]
    moves = [-size for size in reversed(sizes)] + [0] + sizes
    return tuple(
        Scenario(f"price{_sign(price)}{abs(price)}:vol{_sign(shift)}{abs(shift)}", price, shift)
        for price in moves
        for shift in volatilities_ppm
    )


def _sign(value: int) -> str:
    return "-down-" if value < 0 else "-up-"
