"""How the costs grow with scenarios, committed ids, rounds of folding and the size of a batch.

    python benchmarks/curve.py

measures, and writes `docs/assets/cost-curve.json`, the picture `docs/assets/cost-curve.svg`, and the table and the
machine into `docs/performance.md`: everything that this page shows of it, in one go. `--runs` is the number of timed
runs of each figure (7); `--draw` measures nothing and makes picture and table of the figures that are there.

Every line is measured by what `zkmargin bench` calls, in this process: medians, with the floors of the same run. The
reference workload stands in the middle, and every other line changes one size of it. 64 accounts make proofs; larger
batches repeat them.
"""

import argparse
import json
import os
import platform
from pathlib import Path

from zkmargin.cli.bench import measure
from zkmargin.testing.workloads import workload

SCENARIOS = (4, 16, 64, 256)
COORDINATES = (8, 33, 128, 1_024)
ROUNDS = (0, 1, 2, 3, 4, 5, 6)
BATCHES = (1, 16, 256, 4_096)
ACCOUNTS = 64
REFERENCE = (33, 16, 0)

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES, PICTURE, PAGE = (
    DOCS / "assets" / "cost-curve.json",
    DOCS / "assets" / "cost-curve.svg",
    DOCS / "performance.md",
)
BEGIN, END = "<!-- curve: written by benchmarks/curve.py -->\n", "<!-- end of curve -->\n"


def sizes():
    """Yield (ids, scenarios, rounds), each combination once."""
    ids, scenarios, _ = REFERENCE
    yield from [(ids, number, 0) for number in SCENARIOS]
    yield from [(number, scenarios, 0) for number in COORDINATES if number != ids]
    yield from [(ids, scenarios, number) for number in ROUNDS if number]


def run(runs):
    """Return the figures of every size; what is printed meanwhile is the table, line by line."""
    found = []
    for coordinates, scenarios, rounds in sizes():
        work = workload("W", ACCOUNTS, coordinates=coordinates, scenarios=scenarios)
        found.append({"scenarios": scenarios} | measure(work, runs, BATCHES, rounds))
        print(line(found[-1]), flush=True)
    return found


def line(report):
    """Return a line of the table."""
    batches = [f"{entry['ms_per_proof']:.2f} ({entry['ratio']:.1f} x)" for entry in report["batch"]]
    cells = [
        f"{report['coordinates']:,}",
        report["scenarios"],
        report["rounds"],
        f"{report['prove_ms']:.1f} ({report['prove_ratio']:.2f} x)",
        f"{report['verify_ms']:.1f} ({report['verify_ratio']:.2f} x)",
        *batches[1:],
        f"{report['proof_bytes']:,}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def table(figures):
    """Return the part of the page that shows the figures."""
    heads = ["ids", "scenarios", "rounds", "prove", "verify", *[f"each of {size:,}" for size in BATCHES[1:]], "bytes"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *map(line, figures["reports"])]
    return "\n".join(
        [
            f"Milliseconds, medians of {figures['runs']} runs on {figures['machine']}; in parentheses the ratio to the",
            "floor of the opened form. `each of` is one proof in a batch of so many.",
            "",
            *lines,
            "",
            "![How the costs grow](assets/cost-curve.svg)",
            "",
        ]
    )


def machine():
    """Return what the figures were measured on."""
    cores = os.cpu_count()
    return f"{platform.machine()} with {cores} cores, one of them used, Python {platform.python_version()}"


def draw(figures, path):
    """Write the picture: four panels, each with one size that grows."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.rcParams |= {"svg.hashsalt": "zkmargin", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3}
    ids, scenarios, _ = REFERENCE
    reports = figures["reports"]
    picked = {
        "scenarios": [one for one in reports if (one["coordinates"], one["rounds"]) == (ids, 0)],
        "committed ids": [one for one in reports if (one["scenarios"], one["rounds"]) == (scenarios, 0)],
        "rounds of folding": [one for one in reports if (one["coordinates"], one["scenarios"]) == (ids, scenarios)],
    }
    keys = {"scenarios": "scenarios", "committed ids": "coordinates", "rounds of folding": "rounds"}
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for axis, (name, chosen) in zip(axes.flat, picked.items(), strict=False):
        lines = sorted(chosen, key=lambda one, name=name: one[keys[name]])
        places = [one[keys[name]] for one in lines]
        for step, color in (("prove", "tab:blue"), ("verify", "tab:orange")):
            axis.plot(places, [one[f"{step}_ms"] for one in lines], "o-", color=color, label=step)
            axis.plot(places, [one[f"{step}_floor_ms"] for one in lines], ":", color=color, label=f"{step}, floor")
        axis.plot(
            places, [one["batch"][2]["ms_per_proof"] for one in lines], "s-", color="tab:green", label="each of 256"
        )
        axis.set(xlabel=name, ylabel="ms", yscale="log", xscale="linear" if keys[name] == "rounds" else "log")
        if keys[name] != "rounds":
            axis.set_xticks(places, [f"{place:,}" for place in places])
            axis.minorticks_off()
    axes[0, 0].legend(fontsize="small")
    sizes_axis = axes[1, 0].twinx()
    by_rounds = sorted(picked["rounds of folding"], key=lambda one: one["rounds"])
    sizes_axis.plot(
        [one["rounds"] for one in by_rounds], [one["proof_bytes"] for one in by_rounds], "^--", color="gray"
    )
    sizes_axis.set(ylabel="bytes (gray)", yscale="log")
    sizes_axis.grid(visible=False)
    axis = axes[1, 1]
    for rounds, marker in ((0, "o-"), (5, "s-")):
        (one,) = [one for one in by_rounds if one["rounds"] == rounds]
        label = "opened" if rounds == 0 else f"folded in {rounds} rounds"
        axis.plot(BATCHES, [entry["ms_per_proof"] for entry in one["batch"]], marker, label=label)
    (reference,) = [one for one in by_rounds if one["rounds"] == 0]
    axis.plot(BATCHES, [entry["floor_ms_per_proof"] for entry in reference["batch"]], ":", label="floor")
    axis.set(xlabel="proofs in the batch", ylabel="ms a proof", xscale="log", yscale="log")
    axis.set_xticks(BATCHES, [f"{size:,}" for size in BATCHES])
    axis.minorticks_off()
    axis.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None, "Creator": "python benchmarks/curve.py"})
    pyplot.close(figure)
    path.write_text("\n".join(text.rstrip() for text in path.read_text("utf-8").splitlines()) + "\n", "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--draw", action="store_true")
    arguments = parser.parse_args()
    if not arguments.draw:
        figures = {"machine": machine(), "runs": arguments.runs, "reports": run(arguments.runs)}
        FIGURES.parent.mkdir(exist_ok=True)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    figures = json.loads(FIGURES.read_text("utf-8"))
    draw(figures, PICTURE)
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table(figures) + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
