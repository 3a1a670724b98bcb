"""Five option strategies on a real chain under four margin models, every cell proved: one table.

    python benchmarks/strategies.py CHAIN.csv [--out strategies.json]

The requirement is what equity must exceed, in USD for one BTC. Each cell is a maintenance claim about a book with
exactly the cash that it needs: the script proves it, verifies the proof, and sees a book with one unit less refused.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from circuits import claims, registration
from zkmargin.amounts import PPM
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import deribit, scan, span, strategies
from zkmargin.margin.portfolio import Book
from zkmargin.market import chains, tables
from zkmargin.market.models import Model
from zkmargin.market.revaluation import Market
from zkmargin.market.scenarios import grid

MODELS = ("reg-t", "span", "grid-27", "deribit")
CALENDAR_PPM = 10_000
ONE = 10  # option lots for one BTC
COIN = 10_000  # collateral lots for one BTC


def market(path):
    """Return the two nearest expiries of a chain with the four models on it."""
    base = chains.from_deribit(path, expiries=2, strikes=6)
    options = [listing.instrument for listing in base.listings if listing.instrument.kind == "option"]
    near, far = sorted({option.underlying for option in options}, key=lambda name: base.listing(name).instrument.expiry)
    strikes = sorted({option.strike_ticks // chains.TICKS_PER_USD for option in options})[1:-1]
    used = [f"{near}-{strike}-{right}" for strike in strikes for right in "CP"] + [f"{far}-{strikes[1]}-C", "BTC"]
    return replace(base, models=_models(path, base, used, near, far)), used, (near, far, strikes)


def _models(path, base, used, near, far):
    def array(scenarios):
        moved = chains.from_deribit(path, expiries=2, strikes=6, scenarios=scenarios).scenario.losses
        return {name: moved[name] for name in used}

    deltas = span.deltas(array(span.ONE_PERCENT))
    months = {month: {name: deltas[name] for name in used if name.startswith(month)} for month in (near, far)}
    minimums = {name: least for name, least in base.scenario.short_minimum_units.items() if name in used}
    commodity = span.Commodity(array(base.scenario.scenarios), minimums, months, CALENDAR_PPM)
    spanned = span.requirement({"btc": commodity})
    gridded = scan.scan("btc", array(grid(160_000, 4)))
    return (
        _deribit(path, base, {*used, near, far}),
        Model("grid-27", 1, gridded, gridded),
        strategies.regulation_t("reg-t", 1, base, {"btc": used}),
        Model("span", 1, spanned, spanned),
    )


def _deribit(path, base, names):
    rows = tables.read(path, chains.CHAIN_COLUMNS)
    volatilities_ppm = {row.text("instrument_name"): row.exact("mark_iv_pct", PPM // 100) for row in rows}
    rule = deribit.Parameters(1, dampener_units=100_000 * chains.UNITS_PER_USD)
    listed = tuple(base.listing(name) for name in sorted(names))
    return deribit.model("deribit", rule, Market(listed, volatilities_ppm, base.valid_from))


def books(near, far, strikes):
    """Return the five strategies on one BTC, and the naked short call, by name."""
    below, at, above, top = strikes
    return {
        "short call": {f"{near}-{above}-C": -ONE},
        "covered call": {f"{near}-{above}-C": -ONE, "BTC": COIN},
        "protective put": {f"{near}-{below}-P": ONE, "BTC": COIN},
        "iron condor": {
            f"{near}-{below}-P": ONE,
            f"{near}-{at}-P": -ONE,
            f"{near}-{above}-C": -ONE,
            f"{near}-{top}-C": ONE,
        },
        "short straddle": {f"{near}-{at}-C": -ONE, f"{near}-{at}-P": -ONE},
        "calendar spread": {f"{near}-{at}-C": -ONE, f"{far}-{at}-C": ONE},
    }


def requirement_units(snapshot, model, lots):
    """Return the requirement of a book, and the least cash with which it is met."""
    outcome = rules.assess(snapshot, Claim("maintenance", model), Book(lots | {"USD": 0}))
    return outcome.requirement_units, -(outcome.slack_scaled // outcome.scale)


def prove(snapshot, model, lots, least_units):
    """Return the bytes of a proof at the boundary, verified; a unit of cash less must be refused."""
    claim, sizes = Claim("maintenance", model), []
    for units in (least_units, least_units - 1):
        opening = Opening.fresh(lots | {"USD": units})
        account = registration.register(snapshot.venue, "desk", opening).account
        try:
            proof = claims.prove(snapshot, claim, account, opening)
        except WitnessError:
            continue
        claims.verify(snapshot, claim, account, proof)
        sizes.append((units, len(proof)))
    if [units for units, _ in sizes] != [least_units]:
        raise SystemExit(f"{model}: proved with {sizes}, expected only {least_units}")
    return sizes[0][1]


def table(snapshot, named):
    """Return the rows of the table in whole dollars, and every cell in units."""
    header = f"| strategy on one BTC | {' | '.join(MODELS)} |\n|---|{'---|' * len(MODELS)}"
    cells = {
        name: {model: requirement_units(snapshot, model, lots) for model in MODELS} for name, lots in named.items()
    }
    rows = [
        f"| {name} | " + " | ".join(f"{-(-row[model][0] // chains.UNITS_PER_USD):,}" for model in MODELS) + " |"
        for name, row in cells.items()
    ]
    return "\n".join([header, *rows]), cells


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chain", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    snapshot, _, series = market(arguments.chain)
    named = books(*series)
    text, cells = table(snapshot, named)
    print(text, flush=True)
    found = []
    for name, row in cells.items():
        for model, (required_units, least_units) in row.items():
            size = prove(snapshot, model, named[name], least_units)
            found.append({"book": name, "model": model, "requirement_units": required_units, "proof_bytes": size})
            print(f"proved: {name} under {model}, {size:,} bytes", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
