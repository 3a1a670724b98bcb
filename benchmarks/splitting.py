"""The figure of docs/models/groups.md: what spreading a position saves, and what a group claim takes back.

python benchmarks/splitting.py [--out docs/assets/splitting.svg]
"""

import argparse
from pathlib import Path

from zkmargin.amounts import PPM
from zkmargin.margin.expressions import value
from zkmargin.margin.families import addons
from zkmargin.market.forms import Marks

VOLUME_UNITS = 100_000_000
STEPS = [(0, 0), (100_000, 20_000), (300_000, 50_000), (500_000, 100_000)]
POSITION_UNITS = 80_000_000
ACCOUNTS = range(1, 13)


def charge(notional_units):
    """Return the concentration charge of one account, in units."""
    part = addons.concentration({"PERP": addons.volume_table(VOLUME_UNITS, STEPS)})
    return value(part, Marks({"PERP": 1}, {}), {"PERP": notional_units}) / part.scale


def spread(accounts):
    """Return the charge of the position spread evenly over so many accounts."""
    share, rest = divmod(POSITION_UNITS, accounts)
    return sum(charge(share + (number < rest)) for number in range(accounts))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/assets/splitting.svg"))
    arguments = parser.parse_args()
    import matplotlib  # start-up time: a second

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "zkmargin"  # the same figure is the same file
    from matplotlib import pyplot

    apart, whole = [spread(count) / PPM for count in ACCOUNTS], charge(POSITION_UNITS) / PPM
    for count, found in zip(ACCOUNTS, apart, strict=True):
        print(f"{count:2d} accounts: {found:.2f} million apart, {whole:.2f} million as a group")
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    axes.bar(ACCOUNTS, apart, color="#5b8fb9", label="a claim for each account")
    axes.axhline(whole, color="#b03a2e", label="one claim for the group")
    axes.set_xlabel("accounts that an 80 million position is spread over evenly")
    axes.set_ylabel("concentration charge, millions")
    axes.set_xticks(ACCOUNTS)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
