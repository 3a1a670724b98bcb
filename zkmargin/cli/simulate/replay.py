"""zkmargin simulate replay: the candles of a market against a synthetic population of margined accounts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track
from rich.table import Column, Table

from zkmargin.amounts import PPM
from zkmargin.cli.options import parse_width
from zkmargin.cli.output import dollars, err, out
from zkmargin.errors import StatementError
from zkmargin.market import candles
from zkmargin.market.candles import Series
from zkmargin.market.chains import UNITS_PER_USD

if TYPE_CHECKING:
    from zkmargin.risk.replay_result import Replay

Files = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=]FILE...", help="Candles in CSV; an invented market without them.")
]
Accounts = Annotated[int, typer.Option("--accounts", "-n", help="How many accounts.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same accounts.")]
Margin = Annotated[
    str, typer.Option("--margin", "-m", help="Policies to compare: static, dynamic, buffer, stress, long-run.")
]
Throttle = Annotated[str, typer.Option("--throttle", help="Share of the traded volume that forced orders may be.")]
Breakers = Annotated[
    str,
    typer.Option("--breakers", help="full; ticks: refuse bad ticks and never halt; off: take every price as a mark."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a picture: .png, .svg or .pdf.")]

HOURS_SHOWN = 6


def run(
    files: Files = None,
    accounts: Accounts = 3_000,
    seed: Seed = 1,
    margin: Margin = "static,dynamic",
    throttle: Throttle = "10%",
    breakers: Breakers = "full",
    as_json: Json = False,
    plot: Plot = None,
) -> None:
    """Replay candles against a synthetic population: margin calls, liquidations, and who pays.

    The accounts are invented; prices are what they were, and forced orders do not move them.
    """
    from zkmargin.cli.simulate import picture  # start-up time: numpy, with the modules below
    from zkmargin.risk.population import PopulationRules
    from zkmargin.risk.replay import play
    from zkmargin.risk.replay_rules import BREAKERS, POLICIES, ReplayRules

    policies = margin.split(",")
    if len(set(policies)) != len(policies) or not set(policies) <= set(POLICIES):
        raise StatementError(f"margin must be some of {','.join(POLICIES)}, each once, got {margin[:80]!r}")
    if breakers not in BREAKERS:
        raise StatementError(f"breakers must be one of {', '.join(BREAKERS)}, got {breakers[:80]!r}")
    if plot is not None:
        picture.check(plot)
    market = _market(files or [])
    rules = ReplayRules(breaker=BREAKERS[breakers], theta_ppm=parse_width(throttle))
    people = PopulationRules(accounts=accounts, seed=seed)
    runs = []
    for policy in policies:
        shown = partial(_progress, policy)
        runs.append(play(market, replace(rules, policy=policy), people, shown))
    if plot is not None:
        picture.draw(plot, runs)
    if as_json:
        print(json.dumps({"market": [series.name for series in market], "runs": [_report(found) for found in runs]}))  # noqa: T201 - one line for programs
    else:
        _show(runs, invented=not files)
        if plot is not None:
            out.print(f"[bold]{escape(str(plot))}[/]  the picture")


def _market(files: Sequence[str]) -> tuple[Series, ...]:
    """Return the series of the files, or the invented market."""
    if not files:
        return candles.sample()
    found = []
    for text in files:
        name, equals, path = text.partition("=")
        found.append(candles.read(Path(path), name) if equals else candles.read(Path(text)))
    return tuple(found)


def _progress(policy: str, steps: Sequence[int]) -> Iterable[int]:
    return track(steps, f"replaying with {policy} margin", console=err, transient=True, disable=not err.is_terminal)


def _report(found: Replay) -> dict[str, Any]:
    """Return a run as a JSON object: amounts in units, rates in ppm, times in unix seconds."""
    totals = [
        field.name for field in fields(found.periods[0]) if field.name not in ("time", "fund_units", "queued_units")
    ]
    return {
        "margin": found.rules.policy,
        "breakers": found.rules.breaker is not None,
        "accounts": found.accounts,
        "accounts_called": found.called,
        "accounts_liquidated": found.liquidated,
        "totals": {name: found.total(name) for name in totals},
        "peak_hour": found.peak.time,
        "peak_share_ppm": found.peak_share_ppm,
        "fund_start_units": found.fund_start_units,
        "fund_end_units": found.periods[-1].fund_units,
        "fund_drawdown_units": found.fund_drawdown_units,
        "lost_units": found.lost_units,
        "queued_units": found.queued_units,
        "refused_prices": [asdict(refusal) for refusal in found.refusals],
        "rates": {name: asdict(measures) for name, measures in found.procyclicality.items()},
        "periods": [asdict(period) for period in found.periods],
    }


def _show(runs: Sequence[Replay], *, invented: bool) -> None:
    first = runs[0]
    source = "an invented market" if invented else "the market of the files"
    out.print(
        f"[bold]{', '.join(first.prices)}[/]: {len(first.periods)} candles of {source} from "
        f"{_when(first.periods[0].time)}; {first.accounts:,} invented accounts"
    )
    out.print(_summary(runs))
    for found in runs:
        out.print(f"\n[bold]{found.rules.policy}[/]: the candles with most forced sales")
        out.print(_candles(found))
    for refusal in first.refusals:
        price, mark = (_price(ticks, first, refusal.name) for ticks in (refusal.price_ticks, refusal.mark_ticks))
        where = f"{refusal.name} at {price}, {_when(refusal.time)}"
        out.print(
            f"refused: {where}; the mark stayed at {mark}, and the price liquidated nobody. "
            f"As a mark it would have put {refusal.spared:,} more accounts below the trigger"
        )
    for found in runs:
        if found.queued_units:
            out.print(
                f"[yellow]{found.rules.policy}[/]: {dollars(found.queued_units)} of forced orders still wait at the "
                "end, and what they will cost is not in the figures"
            )


def _summary(runs: Sequence[Replay]) -> Table:
    table = Table(Column("margin", no_wrap=True), *(found.rules.policy for found in runs), box=None, pad_edge=False)
    rows: tuple[tuple[str, Callable[[Replay], str]], ...] = (
        ("accounts called", lambda found: f"{found.called:,}"),
        ("margin calls", lambda found: f"{found.total('called'):,}"),
        ("accounts liquidated", lambda found: f"{found.liquidated:,}"),
        ("taken over by the fund", lambda found: f"{found.total('backstopped'):,}"),
        ("defaults", lambda found: f"{found.total('defaulted'):,}"),
        ("sold by the ladder, 1,000 USD", lambda found: _thousands(found.total("liquidated_units"))),
        ("peak candle's share", lambda found: f"{100 * found.peak_share_ppm // PPM} %"),
        ("fund at the start, 1,000 USD", lambda found: _thousands(found.fund_start_units)),
        ("fund at the end, 1,000 USD", lambda found: _thousands(found.periods[-1].fund_units)),
        ("largest fall of the fund, 1,000 USD", lambda found: _thousands(found.fund_drawdown_units)),
        ("taken from gains, 1,000 USD", lambda found: _thousands(found.total("haircut_units"))),
        ("paid by nobody, 1,000 USD", lambda found: _thousands(found.total("uncovered_units"))),
        ("the last two, less the fund's growth", lambda found: _thousands(found.lost_units)),
        ("rate, peak to trough", lambda found: f"{_worst(found, 'peak_to_trough_ppm') / PPM:.2f}"),
        ("rate, largest rise in 5", lambda found: f"{_worst(found, 'rise_5_ppm') / PPM:.0%}"),
        ("moves above the rate", lambda found: f"{_breaches(found)}/{_steps(found)}"),
    )
    for label, value in rows:
        table.add_row(label, *(value(found) for found in runs))
    return table


def _candles(found: Replay) -> Table:
    table = Table(
        Column("candle", no_wrap=True),
        "calls",
        "ladders",
        "fund",
        "defaults",
        "sold, 1,000 USD",
        "from gains",
        box=None,
        pad_edge=False,
    )
    busiest = sorted(found.periods, key=lambda period: -period.liquidated_units)[:HOURS_SHOWN]
    for period in sorted(busiest, key=lambda period: period.time):
        table.add_row(
            _when(period.time),
            f"{period.called:,}",
            f"{period.ladders:,}",
            f"{period.backstopped:,}",
            f"{period.defaulted:,}",
            _thousands(period.liquidated_units),
            _thousands(period.haircut_units),
        )
    return table


def _worst(found: Replay, name: str) -> int:
    return max(int(getattr(measures, name)) for measures in found.procyclicality.values())


def _breaches(found: Replay) -> int:
    return sum(measures.breaches for measures in found.procyclicality.values())


def _steps(found: Replay) -> int:
    return sum(measures.steps for measures in found.procyclicality.values())


def _thousands(units: int) -> str:
    return f"{units // (1_000 * UNITS_PER_USD):,}"


def _price(ticks: int, found: Replay, name: str) -> str:
    decimals = found.decimals[name]
    return f"{ticks / 10**decimals:.{decimals}f}"


def _when(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
