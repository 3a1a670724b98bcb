"""How fast the cascade simulator is: paths per second, and the speed-up from one worker to two.

    python benchmarks/cascade.py [--paths 256] [--gap 0.05] [--markets one] [--out cascade.json]

The target is 10,000 paths of 3,000 accounts and 240 steps in ten minutes on two cores. The program measures a fraction
of that, a round after the other with one and with two workers, and prints medians. A shared machine is noisy: the
processor time of a path, measured in the process itself, is steadier than the wall time, and the speed-up says as much
about the other jobs of the machine as about this program.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from zkmargin.risk.cascade import experiments, population, run
from zkmargin.risk.cascade.model import bitcoin, three_assets

TARGET_PATHS = 10_000


def rate(model, books, paths, jobs):
    """Return paths per second of wall time, and milliseconds of processor time a path in this process."""
    start, used = perf_counter(), process_time()
    run.simulate(model, paths, 1, books=books, jobs=jobs)
    return paths / (perf_counter() - start), 1e3 * (process_time() - used) / paths


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
    print("| case | CPU time a path | paths/s, 1 worker | paths/s, 2 workers | speed-up | 10,000 paths on 2 workers |")
    print("|---|---|---|---|---|---|")
    for name, case in cases.items():
        books = population.draw(case, 1)
        rate(case, books, 64, 2)  # starts the workers
        rounds = [
            [*rate(case, books, arguments.paths, 1), rate(case, books, arguments.paths, 2)[0]]
            for _ in range(arguments.rounds)
        ]
        one, used, two = (median(column) for column in zip(*rounds, strict=True))
        minutes = TARGET_PATHS / two / 60
        print(f"| {name} | {used:.1f} ms | {one:.1f} | {two:.1f} | {two / one:.2f} | {minutes:.1f} min |", flush=True)
        report.append({"case": name, "one": one, "two": two, "rounds": rounds})
    if arguments.out:
        machine = {"machine": os.uname().nodename, "cores": os.cpu_count(), "load": os.getloadavg()}
        arguments.out.write_text(json.dumps(machine | {"paths": arguments.paths, "cases": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
