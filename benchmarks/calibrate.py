"""Which published figures of three crashes the simulator can match, and which of its parameters they fix.

    python benchmarks/calibrate.py [--draws 400] [--accounts 1000] [--event 2025-10-10] [--out calibration.json]

For each event the program draws parameters at random from stated ranges, simulates two paths of each draw, and counts
the draws whose mean is within the tolerance of each figure, and of all of them together. What the accepted draws have
in common is fixed by the figures; a parameter that spans nearly its whole range among them is not identifiable. Figures
and their sources are in docs/models/calibration.md. Everything is in-sample: this is a test of what the model can and
cannot do, not a validation.
"""

import argparse
import json
import random
from dataclasses import dataclass, replace
from math import exp, log
from pathlib import Path

import numpy as np

from zkmargin.risk.cascade import engine, population
from zkmargin.risk.cascade.model import BILLION, bitcoin
from zkmargin.risk.cascade.parameters import Crowd, Impact

PATHS = 2
# name: (lowest, highest, logarithmic)
RANGES = {
    "depth / open interest": (1.0, 100.0, True),
    "depth withdrawal gamma": (0.0, 1.0, False),
    "least depth": (0.02, 0.5, True),
    "outside shock / fall": (0.1, 1.0, False),
    "steps of the shock": (1.0, 60.0, True),
    "fading share of impact": (0.0, 1.0, False),
    "tilt to low leverage": (-1.0, 2.0, False),
}


@dataclass(frozen=True)
class Figure:
    """A published figure: a value, how far a match may be away from it, and whether a joint match needs it."""

    value: float
    tolerance: float
    joint: bool = True


EVENTS = {
    # name: (figures, seconds of a step, steps)
    "2025-10-10": (
        {
            "fall": Figure(log(117 / 104), 0.015),
            "open interest closed": Figure(0.35, 0.05),
            "busiest minute / forced": Figure(0.34, 0.06),
            "longs / forced": Figure(0.839, 0.05, joint=False),
        },
        60,
        90,
    ),
    "2021-05-19": (
        {"fall": Figure(log(43_943 / 30_000), 0.03), "open interest closed": Figure(0.5, 0.06)},
        360,
        240,
    ),
    "2020-03-12": (
        {
            "fall": Figure(log(7_300 / 3_867), 0.05),
            "open interest closed": Figure(1 - 55 / 115, 0.06),
            "bad debt / open interest": Figure(2_606 / 115_000, 0.008),
        },
        240,
        240,
    ),
}


def draw(generator):
    """Return one set of parameters."""
    found = {}
    for name, (low, high, logarithmic) in RANGES.items():
        found[name] = exp(generator.uniform(log(low), log(high))) if logarithmic else generator.uniform(low, high)
    return found


def made(parameters, fall, seconds, steps, accounts):
    """Return the model that a draw describes."""
    leverages = (2, 3, 5, 10, 20, 50)
    weights = tuple(leverage ** -parameters["tilt to low leverage"] for leverage in leverages)
    interest = 20 * BILLION
    crowd = Crowd(accounts=accounts, open_interest_units=interest, leverages=leverages, weights=weights)
    base = bitcoin(int(interest * parameters["depth / open interest"]), crowd)
    shock_steps = round(parameters["steps of the shock"])
    each = -fall * parameters["outside shock / fall"] / shock_steps
    return replace(
        base,
        steps=steps,
        step_seconds=seconds,
        fund_units=int(interest * 0.3),
        shocks=replace(base.shocks, volatility=6e-4 * (seconds / 60) ** 0.5, path=((each,),) * shock_steps),
        impact=Impact(
            withdrawal=parameters["depth withdrawal gamma"],
            least_depth=parameters["least depth"],
            transient=parameters["fading share of impact"],
        ),
    )


def figures(model, books, seed):
    """Return what the model says about each figure, the mean of its paths."""
    closed, longs = [], []
    first = np.maximum(books.lots, 0).sum()

    def watch(state):
        if state.step == model.steps:
            sold = first - np.maximum(state.lots[0], 0).sum(axis=1)
            bought = np.maximum(-books.lots[0], 0).sum() - np.maximum(-state.lots[0], 0).sum(axis=1)
            closed.append(sold / first)
            longs.append(sold / np.maximum(1, sold + bought))

    outcome = engine.run(model, books, seed, range(PATHS), watch)
    forced, interest = outcome.forced.sum(axis=1), outcome.open_interest.sum(axis=1)
    return {
        "fall": float(outcome.fall[:, 0].mean()),
        "open interest closed": float(np.mean(closed)),
        "busiest minute / forced": float((outcome.peak / np.maximum(1, forced)).mean()),
        "longs / forced": float(np.mean(longs)),
        "bad debt / open interest": float((outcome.counter("bad_debt") / interest).mean()),
        "gains cut": float((outcome.counter("haircut") > 0).mean()),
    }


def search(name, draws, accounts):
    """Return the draws of an event with what they say, and which figures they match."""
    wanted, seconds, steps = EVENTS[name]
    generator = random.Random(f"calibrate/{name}")
    rows = []
    for number in range(draws):
        parameters = draw(generator)
        model = made(parameters, wanted["fall"].value, seconds, steps, accounts)
        said = figures(model, population.draw(model, number), number)
        matched = {key: abs(said[key] - figure.value) <= figure.tolerance for key, figure in wanted.items()}
        rows.append({"parameters": parameters, "said": said, "matched": matched})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--event", choices=EVENTS, action="append", help="one of the events; all, if left out")
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = {}
    for name in arguments.event or EVENTS:
        wanted = EVENTS[name][0]
        rows = search(name, arguments.draws, arguments.accounts)
        report[name] = rows
        needed = [key for key, figure in wanted.items() if figure.joint]
        accepted = [row for row in rows if all(row["matched"][key] for key in needed)]
        print(f"\n## {name}: {len(accepted)} of {len(rows)} draws match {', '.join(needed)} together\n")
        print("| figure | published | tolerance | draws within | model, 5 % to 95 % |\n|---|---|---|---|---|")
        for key, figure in wanted.items():
            said = np.quantile([row["said"][key] for row in rows], (0.05, 0.95))
            count = sum(row["matched"][key] for row in rows)
            print(f"| {key} | {figure.value:.3f} | {figure.tolerance} | {count} | {said[0]:.3f} to {said[1]:.3f} |")
        cut = np.mean([row["said"]["gains cut"] for row in accepted]) if accepted else float("nan")
        print(f"\ngains were cut on {cut:.2f} of the paths of accepted draws\n")
        print("| parameter | range | accepted | share of the range |\n|---|---|---|---|")
        for key, (low, high, logarithmic) in RANGES.items():
            values = [row["parameters"][key] for row in accepted]
            if values:
                scale = log if logarithmic else float
                share = (scale(max(values)) - scale(min(values))) / (scale(high) - scale(low))
                print(
                    f"| {key} | {low:g} to {high:g} | {min(values):.3g} to {max(values):.3g} | {share:.0%} |",
                    flush=True,
                )
    if arguments.out:
        arguments.out.write_text(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
