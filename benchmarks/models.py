"""What a proof of each margin model costs: one table over the families, for the page of each.

    python benchmarks/models.py [--runs 5] [--model NAME ...]

A family adds a function to `CASES` that returns a snapshot with one model, and a book: the measured claim is its
maintenance claim, at the least cash. Figures are medians after a warm-up, on one thread, with whatever else the machine
is doing; compiling the statement is not in them, it is done once an epoch.
"""

import argparse
from dataclasses import replace
from statistics import median
from time import perf_counter

from circuits import claims, registration
from circuits.sizes import measure
from zkmargin.commitments import Opening
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import boxes, deribit, derive, grids, risk, scan, span, strategies, tims
from zkmargin.margin.portfolio import Book
from zkmargin.market import pricing, sample
from zkmargin.market.models import Model
from zkmargin.market.scenarios import span16
from zkmargin.market.shocks import DIRECTIONS, VegaPower

LOTS = {"BTC-PERP": -700, "BTC-27FEB26-100000-C": -20, "BTC-27FEB26-80000-P": 15, "BTC-27MAR26-100000-C": 9}
DOLLARS = deribit.Parameters(1, dampener_units=10**11, delta_threshold_units=2 * 10**13, delta_slope_ppm=300_000)
GRID = grids.Parameters(
    1, tuple(range(-100_000, 100_001, 20_000)), DIRECTIONS, VegaPower(330_000, 250_000), short_option_ppm=5_000
)


def of_sample(model):
    """Return the sample market with one model, and a book of options over everything that the model knows."""
    market = replace(sample.snapshot(), models=(model,))
    return market, dict.fromkeys(rules.held(market, model.model), 0) | LOTS


FUTURES = {"BTC-27MAR26": -400, "BTC-PERP": 1_000}
MONTHS = {"march": {"BTC-27MAR26": 90_900_000}, "perpetual": {"BTC-PERP": 90_000_000}}


def of_rule(rule, lots=None):
    """Return the sample market with a model of one rule, and a book of two futures or the one given."""
    return replace(sample.snapshot(), models=(Model("house", 1, rule, rule),)), (lots or FUTURES) | {"USD": 0}


def losses(scenarios=None):
    """Return the risk array of the two futures, for SPAN's scenarios or others."""
    return pricing.losses([sample.snapshot().listing(name) for name in FUTURES], {}, 0, scenarios or span16())


def of_strategies():
    """Return a covered call with a put, in a class of four options and the coin."""
    market = sample.snapshot()
    options = {item.id: 0 for item in market.listings if item.id.startswith("BTC-27FEB26")}
    sold = {"BTC": 10_000, "BTC-27FEB26-100000-C": -10, "BTC-27FEB26-80000-P": 5}
    return of_rule(strategies.strategies("btc", market, ["BTC", *options]), options | sold)


def of_span():
    """Return a commodity with every charge."""
    commodity = span.Commodity(losses(), {}, MONTHS, 10_000, {"BTC-PERP": 50_000})
    return of_rule(span.requirement({"btc": commodity}))


def of_paired():
    """Return outright charges and one spread."""
    spread = span.Spread("roll", {"BTC-27MAR26": -1, "BTC-PERP": 1}, 12_000_000)
    return of_rule(span.paired("btc", dict.fromkeys(FUTURES, 15_000_000), [spread]))


def of_covariance():
    """Return value at risk with two factors."""
    covariance = ((40_000**2, 1_500 * 10**6), (1_500 * 10**6, 50_000**2))
    exposures = {"BTC-27MAR26": (90_900_000, 0), "BTC-PERP": (0, 90_000_000)}
    return of_rule(risk.parametric("btc", covariance, exposures, risk.VALUE_AT_RISK_PPM[990_000]))


def of_points():
    """Return valuation points with two classes."""
    classes = {name: {name: row} for name, row in losses(tims.points(150_000, 150_000)).items()}
    return of_rule(tims.group("btc", classes, dict.fromkeys(FUTURES, 40_000), 500_000))


CASES = {
    "deribit": lambda: of_sample(deribit.model("deribit", DOLLARS, sample.revaluation())),
    "deribit, box of 1 %": lambda: of_sample(
        deribit.boxed("deribit-box", DOLLARS, sample.revaluation(), boxes.Box(10_000, 10_000))
    ),
    "derive": lambda: of_sample(derive.model("derive", derive.Parameters(1), sample.revaluation())),
    "grid of 33": lambda: of_sample(grids.model("grid", GRID, sample.revaluation())),
    "grid of 33, box of 1 %": lambda: of_sample(
        grids.boxed("grid-box", GRID, sample.revaluation(), boxes.Box(10_000, 10_000))
    ),
    "strategies": of_strategies,
    "span": of_span,
    "futures": lambda: of_rule(span.futures("btc", MONTHS, 150_000, 10_000)),
    "paired": of_paired,
    "shortfall of 16": lambda: of_rule(scan.shortfall("btc", losses(), 250_000)),
    "covariance": of_covariance,
    "valuation points": of_points,
}


def measured(case, runs):
    """Return ids, numbers, rows, milliseconds to prove and to verify, and bytes."""
    market, lots = case()
    (model,) = market.models
    claim = Claim("maintenance", model.model)
    without = rules.assess(market, claim, Book(lots | {"USD": 0}))
    opening = Opening.fresh(lots | {"USD": -(without.slack_scaled // without.scale)})
    account = registration.register(market.venue, "holder", opening).account
    proof = claims.prove(market, claim, account, opening)
    claims.verify(market, claim, account, proof)
    prove_ms = timed(lambda: claims.prove(market, claim, account, opening), runs)
    verify_ms = timed(lambda: claims.verify(market, claim, account, proof), runs)
    sizes = measure(claims.circuit(market, claim, account.basis), len(account.basis))
    return len(account.basis), sizes.numbers, sizes.rows, prove_ms, verify_ms, len(proof)


def timed(job, runs):
    """Return the median milliseconds of a job."""
    times = []
    for _ in range(runs):
        start = perf_counter()
        job()
        times.append((perf_counter() - start) * 1e3)
    return median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", action="append", choices=list(CASES))
    arguments = parser.parse_args()
    print("| model | ids | numbers | rows | prove | verify | bytes |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.model or CASES:
        ids, numbers, rows, prove_ms, verify_ms, size = measured(CASES[name], arguments.runs)
        print(
            f"| {name} | {ids} | {numbers} | {rows} | {prove_ms:.0f} ms | {verify_ms:.0f} ms | {size:,} |", flush=True
        )


if __name__ == "__main__":
    main()
