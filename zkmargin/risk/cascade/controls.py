"""The controls of a venue inside a simulation: throttle, ladder, halts, price band, dynamic margin.

The rules are those of `zkmargin.risk`; here they are parameters, and the engine applies them to arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zkmargin.amounts import PPM
from zkmargin.risk.cascade.parameters import FOREVER, Checked, Limits


@dataclass(frozen=True, slots=True)
class Halts(Checked):
    """Tiered halts: when the price has moved so far from its first mark, the market stops for so many steps."""

    limits: ClassVar[Limits] = {"moves_ppm": (1, 7 * PPM), "steps": (1, FOREVER)}
    moves_ppm: tuple[int, ...] = (70_000, 130_000, 200_000)
    steps: int = 15


@dataclass(frozen=True, slots=True)
class Dynamic(Checked):
    """Margin that follows volatility: the multiple of the first tables.

    Args:
        memory: lambda of the EWMA.
        cap_ppm: Largest multiple.
        rise_ppm: Speed limit: a step may raise the multiple by this share.
        notice_steps: Steps between two versions of the tables.
        grid_ppm: Multiples are published on this grid, rounded up.
        tool: ``"none"``, ``"buffer"`` (25 % always, exhausted in a rise) or ``"stress"`` (25 % weight of the cap).
    """

    limits: ClassVar[Limits] = {
        "memory": (0, 0.9999),
        "cap_ppm": (PPM, 50 * PPM),
        "rise_ppm": (1, 50 * PPM),
        "notice_steps": (1, FOREVER),
        "grid_ppm": (1_000, PPM),
    }
    memory: float = 0.97
    cap_ppm: int = 4 * PPM
    rise_ppm: int = 250_000
    notice_steps: int = 15
    grid_ppm: int = 50_000
    tool: str = "none"


@dataclass(frozen=True, slots=True)
class Controls(Checked):
    """What a venue does about a cascade.

    Args:
        throttle_ppm: Forced flow released in a step, as a share of the depth in calm; None for no throttle.
        slice_ppm: Share of a position in the first slice of the ladder.
        slice_from_units: Accounts with at most this notional are sold at once.
        wait_steps: Steps between the first slice and the rest.
        band_ppm: A price so far from the last mark is refused as a bad tick; None to believe every tick.
        band_steps: After so many refusals in a row the price is believed.
        halts: Tiered halts, or None.
        dynamic: Dynamic margin, or None for static margin.
    """

    limits: ClassVar[Limits] = {
        "throttle_ppm": (1, PPM),
        "slice_ppm": (1, PPM),
        "slice_from_units": (0, 2**52),
        "wait_steps": (0, FOREVER),
        "band_ppm": (1, PPM),
        "band_steps": (1, FOREVER),
    }
    throttle_ppm: int | None = None
    slice_ppm: int = 200_000
    slice_from_units: int = 10_000_000
    wait_steps: int = 1
    band_ppm: int | None = None
    band_steps: int = 3
    halts: Halts | None = None
    dynamic: Dynamic | None = None
