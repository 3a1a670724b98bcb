"""How fast the cascade simulator is: paths per second, and the speed-up from one worker to two.

    python benchmarks/cascade.py [--paths 256] [--gap 0.05] [--markets one] [--out cascade.json]

The target is 10,000 paths of 3,000 accounts and 240 steps in ten minutes on two cores. The program measures a fraction
of that, a round after the other with one and with two workers, and prints medians: a shared machine is noisy, so each
line also says what ten thousand paths would take at that rate.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median
from time import perf_counter

from zkmargin.risk.cascade import experiments, population, run
from zkmargin.risk.cascade.model import bitcoin, three_assets

TARGET_PATHS = 10_000


def rate(model, books, paths, jobs):
    start = perf_counter()
    run.simulate(model, paths, 1, books=books, jobs=jobs)
    return paths / (perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=256)
    parser.add_argument("--gap", type=float, default=0.05)
    parser.add_argument("--markets", choices=("one", "three"), default="one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    model = bitcoin() if arguments.markets == "one" else three_assets()
    cases = {"calm": model, f"gap of {arguments.gap:g}": experiments.gapped(model, arguments.gap)}
    report = []
    print("| case | paths/s, 1 worker | paths/s, 2 workers | speed-up | 10,000 paths on 2 workers |")
    print("|---|---|---|---|---|")
    for name, case in cases.items():
        books = population.draw(case, 1)
        rate(case, books, 64, 2)  # starts the workers
        rounds = [[rate(case, books, arguments.paths, jobs) for jobs in (1, 2)] for _ in range(arguments.rounds)]
        one, two = (median(column) for column in zip(*rounds, strict=True))
        minutes = TARGET_PATHS / two / 60
        print(f"| {name} | {one:.1f} | {two:.1f} | {two / one:.2f} | {minutes:.1f} min |", flush=True)
        report.append({"case": name, "one": one, "two": two, "rounds": rounds})
    if arguments.out:
        machine = {"machine": os.uname().nodename, "cores": os.cpu_count(), "load": os.getloadavg()}
        arguments.out.write_text(json.dumps(machine | {"paths": arguments.paths, "cases": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
