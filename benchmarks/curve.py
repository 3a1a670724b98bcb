"""How the costs grow: one JSON file and one table over scenarios, committed ids and rounds.

    python benchmarks/curve.py [--out curve.json] [--runs 11]

Every line is measured by `zkmargin bench` in this process: medians, with the floors of the same run. The first line is
the reference workload; each of the others changes one size of it.
"""

import argparse
import json
import os
from pathlib import Path

from zkmargin.cli.bench import measure
from zkmargin.testing.workloads import workload

SCENARIOS = (4, 16, 64, 256)
COORDINATES = (8, 33, 128, 1_024)
ROUNDS = (0, 1, 2, 3, 4, 5, 6)


def sizes():
    """Yield (ids, scenarios, rounds), each combination once."""
    yield from [(33, scenarios, 0) for scenarios in SCENARIOS]
    yield from [(coordinates, 16, 0) for coordinates in COORDINATES if coordinates != 33]
    yield from [(33, 16, rounds) for rounds in ROUNDS if rounds]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--runs", type=int, default=11)
    arguments = parser.parse_args()
    reports = []
    print("| ids | scenarios | rounds | prove | to floor | verify | to floor | of a batch of 64 | bytes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for coordinates, scenarios, rounds in sizes():
        work = workload("W", 64, coordinates=coordinates, scenarios=scenarios)
        report = measure(work, arguments.runs, [64], rounds) | {"machine": os.uname().nodename}
        reports.append(report)
        prove, verify = report["prove_ms"], report["verify_ms"]
        ratios = prove / report["prove_floor_ms"], verify / report["verify_floor_ms"]
        print(
            f"| {coordinates:,} | {scenarios} | {rounds} | {prove:.1f} ms | {ratios[0]:.2f} x | {verify:.1f} ms "
            f"| {ratios[1]:.2f} x | {report['batch'][0]['ms_per_proof']:.2f} ms | {report['proof_bytes']:,} |",
            flush=True,
        )
    if arguments.out:
        arguments.out.write_text(json.dumps(reports, indent=1) + "\n")


if __name__ == "__main__":
    main()
