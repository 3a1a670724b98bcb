"""zkmargin simulate replay: a market's candles played against a synthetic population of margined accounts."""

from __future__ import annotations


def run() -> None:
    """Replay candles against a synthetic population: calls, liquidations, and who pays."""
