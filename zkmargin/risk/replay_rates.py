"""The margin rates of a replay: seeded by the warm-up, moved by the marks, published with notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isqrt

from zkmargin.amounts import PPM, ceil_div
from zkmargin.market.candles import Series
from zkmargin.market.parameters import TierTable
from zkmargin.risk import dynamic_margin, volatility
from zkmargin.risk.dynamic_margin import Liquidity, Procyclicality
from zkmargin.risk.replay_rules import ReplayRules


class Rates:
    """The margin rate of every instrument: what was published, and what is in effect."""

    def __init__(self, market: Sequence[Series], rules: ReplayRules) -> None:
        self.market, self.rules, self.step = market, rules, market[0].step_seconds
        self.rule = rules.rates(self.step)
        self.closes: dict[str, list[int]] = {}
        self.volatility_ppm: dict[str, int] = {}
        self.published: dict[str, list[tuple[int, int]]] = {}
        self.effect: dict[str, list[int]] = {}
        start = market[0].candles[rules.warm_up].time
        for series in market:
            closes = [candle.close for candle in series.candles[: rules.warm_up]]
            seed = _deviation_ppm(closes)
            rate = dynamic_margin.next_rate(self.rule, dynamic_margin.model_ppm(self.rule, seed), None)
            self.volatility_ppm[series.name], self.closes[series.name] = seed, [closes[-1]]
            self.published[series.name], self.effect[series.name] = [(start, rate)], []

    def current(self, now: int) -> dict[str, int]:
        """Return the rates in effect."""
        return {name: dynamic_margin.in_effect(self.rule, rows, now) for name, rows in self.published.items()}

    def table(self, series: Series, rate_ppm: int) -> TierTable:
        """Return the tier table of a rate: rates rise beyond what the warm-up's volume could take."""
        volume_units = self.volumes_units()[series.name] * self.rule.horizon
        return dynamic_margin.concentrated(rate_ppm, Liquidity(max(10, volume_units)))

    def volumes_units(self) -> dict[str, int]:
        """Return the mean notional that a candle of the warm-up traded, by instrument id."""
        found = {}
        for series in self.market:
            calm = series.candles[: self.rules.warm_up]
            lots = sum(candle.volume_lots for candle in calm) // len(calm)
            found[series.name] = lots * series.instrument.multiplier * calm[-1].close
        return found

    def close(self, now: int, marks: Mapping[str, int]) -> None:
        """Take the last mark of a candle, and publish what follows from it."""
        for name, rate in self.current(now).items():
            self.effect[name].append(rate)
            self.closes[name].append(marks[name])
            pair, seed = self.closes[name][-2:], self.volatility_ppm[name]
            moved = volatility.ewma(pair, seed_ppm=seed, decay_ppm=self.rules.decay_ppm)[-1]
            self.volatility_ppm[name] = moved
            if self.rules.policy != "static":
                model, latest = dynamic_margin.model_ppm(self.rule, moved), self.published[name][-1][1]
                following = dynamic_margin.next_rate(self.rule, model, latest)
                if following != latest:
                    self.published[name].append((now, following))

    def measures(self) -> dict[str, Procyclicality]:
        """Return how procyclical the rates in effect were, and how often they were too low."""
        return {
            name: dynamic_margin.procyclicality(effect, dynamic_margin.moves(self.closes[name][1:], self.rule.horizon))
            for name, effect in self.effect.items()
        }


def _deviation_ppm(closes: Sequence[int]) -> int:
    """Return the root mean square move from close to close in ppm, rounded up."""
    moves = [ceil_div(abs(after - before) * PPM, before) for before, after in pairwise(closes)]
    return isqrt(sum(move * move for move in moves) // len(moves)) + 1
