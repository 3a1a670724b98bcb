"""zkmargin audit: replay a ledger's log offline, and name the first record that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from zkmargin.cli.output import err, out, timed
from zkmargin.errors import LogError
from zkmargin.ledger import audit
from zkmargin.ledger.audit import Report

LogFile = Annotated[Path, typer.Argument(metavar="FILE", help="The ledger's log.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Processes that verify proofs.")]
Backend = Annotated[str, typer.Option("--backend", help="Of joblib, for several jobs: loky, dask or ray.")]
Complete = Annotated[bool, typer.Option("--incomplete", help="Only report accounts that an epoch has not covered.")]


def run(file: LogFile, jobs: Jobs = 1, backend: Backend = "loky", incomplete: Complete = False) -> None:
    """Verify every entry, proof and checkpoint of a log: exit status 0 if all holds, 1 at the first that does not."""
    try:
        total = file.stat().st_size
    except OSError as error:
        raise LogError(f"{file} cannot be read: {error.strerror}") from None
    columns = (TextColumn("verified"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with timed() as watch, Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("audit", total=total)
        report = audit.audit(
            file,
            jobs=jobs,
            backend=backend,
            complete=not incomplete,
            progress=lambda done: bar.update(task, completed=done),
        )
    _show(file, report, watch.milliseconds)


def _show(file: Path, report: Report, milliseconds: float) -> None:
    each = milliseconds / max(report.records, 1)
    out.print(f"[bold green]accepted[/] {file}: {report.records} records in {milliseconds / 1e3:.1f} s")
    out.print("    " + ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items())))
    out.print(f"    {report.proofs} proofs, {len(report.state.accounts)} accounts, {each:.2f} ms a record")
    for epoch in report.epochs:
        if epoch.uncovered:
            out.print(f"    epoch {epoch.number}: {len(epoch.uncovered)} of {epoch.accounts} accounts not covered")
    complete = sum(not epoch.uncovered for epoch in report.epochs)
    out.print(f"    {complete} of {len(report.epochs)} epochs complete; the last is still open")
    rules = report.state.rules
    out.print(f"    venue {rules.venue}, operator {rules.operator.hex()}")
    out.print(f"    state {report.state.digest().hex()}")
    out.print(f"    chain {report.chain.hex()}")
