"""The picture of a loss that is not linear: a short straddle that passes a linear rule and fails the grid.

    python benchmarks/short_gamma.py [--out docs/assets/short-gamma.svg]

At every price the market of the sample is published anew, and three things are asked of one book: what it is worth, and
whether it meets a rule that charges its net delta, and the grid. `regions` is what the tests compare with proofs.
"""

import argparse
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from zkmargin.amounts import PPM
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import deribit, moves
from zkmargin.margin.portfolio import Book
from zkmargin.market import chains, sample
from zkmargin.market.expressions import Part, Size
from zkmargin.market.models import Model
from zkmargin.market.revaluation import Market
from zkmargin.market.snapshot import Snapshot

USD = chains.UNITS_PER_USD
BOOK = Book({"BTC-27FEB26-80000-P": -100, "BTC-27FEB26-100000-C": -100, "BTC-PERP": 2_500, "USD": -61_000 * USD})
MOVES_PPM = tuple(range(-300_000, 300_001, 10_000))
GRID = deribit.Parameters(1, dampener_units=100_000 * USD)
DELTA_PPM = 200_000


def market(move_ppm):
    """Return the sample market after a move of every price, its options revalued, with both rules."""
    before = sample.revaluation()
    listings = []
    for item in before.listings:
        if item.instrument.kind == "option":
            volatility = before.volatilities_ppm[item.id]
            units = before.option_value(item.instrument, move_ppm, volatility)
            listings.append(replace(item, mark_ticks=int(units) // item.instrument.multiplier, funding_ticks=0))
        else:
            listings.append(replace(item, mark_ticks=item.mark_ticks * (PPM + move_ppm) // PPM))
    held = Market(tuple(listings), before.volatilities_ppm, before.now)
    charged = Part("net-delta", Size(moves.deltas(held, held.ids, Fraction(DELTA_PPM, PPM))))
    models = (deribit.model("grid", GRID, held), Model("linear", 1, charged, charged))
    cash = sample.snapshot().listing("USD")
    return Snapshot("demo", 1, before.now, tuple(sorted([*listings, cash], key=lambda i: i.id)), models=models)


def regions(book=BOOK, shifts=MOVES_PPM):
    """Return (move, equity, linear requirement, grid requirement) of the book at every price, in units."""
    found = []
    for move_ppm in shifts:
        held = market(move_ppm)
        linear, grid = (rules.assess(held, Claim("maintenance", model), book) for model in ("linear", "grid"))
        found.append((move_ppm, linear.equity_units, linear.requirement_units, grid.requirement_units))
    return found


def draw(out):
    """Write the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "zkmargin", "font.size": 9, "svg.fonttype": "none"})
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    found = regions()
    price = [90_000 * (PPM + move) / PPM for move, *_ in found]
    equity, linear, grid = ([row[column] / USD / 1_000 for row in found] for column in (1, 2, 3))
    figure, axes = pyplot.subplots(figsize=(7.6, 4.2))
    for index in range(len(price) - 1):
        passes = [min(equity[k] - rule[k] for k in (index, index + 1)) >= 0 for rule in (linear, grid)]
        colour = COLOURS[sum(passes)]
        axes.axvspan(price[index], price[index + 1], color=colour, linewidth=0)
    axes.plot(price, equity, color="black", linewidth=2, label="equity of the book")
    axes.plot(price, linear, color="tab:blue", linestyle="--", label="linear rule: 20 % of net delta")
    axes.plot(price, grid, color="tab:red", label="grid: worst of 27 + 8 scenarios, roll shock")
    axes.axvline(90_000, color="gray", linewidth=0.8, linestyle=":")
    axes.set(xlabel="price of BTC (USD)", ylabel="thousand USD", xlim=(price[0], price[-1]))
    axes.margins(x=0)
    regions_shown = [Patch(color=colour, label=label) for colour, label in zip(COLOURS, LABELS, strict=True)]
    lines, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[*lines, *reversed(regions_shown)], fontsize=8, loc="upper center", ncol=2)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.42 * (high - low))
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


COLOURS = ("#f4c7c3", "#fde9b8", "#cfe8cf")
LABELS = ("refused by both", "accepted by the linear rule, refused by the grid", "accepted by both")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/assets/short-gamma.svg"))
    draw(parser.parse_args().out)


if __name__ == "__main__":
    main()
