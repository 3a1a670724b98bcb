"""zkmargin simulate venue: real provers against the real verifier service, through a crash."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Annotated, Any

import typer
from rich.table import Table

from zkmargin.amounts import PPM, bounded
from zkmargin.cli.output import out
from zkmargin.cli.simulate.desk import INITIAL, MAINTENANCE, Desk, Send, Trader, over_http
from zkmargin.cli.simulate.options import Json, Seed, fraction, print_json
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError
from zkmargin.margin import rules
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market.snapshot import Snapshot

Accounts = Annotated[int, typer.Option("--accounts", help="Provers, 3 to 200.")]
Epochs = Annotated[int, typer.Option("--epochs", help="Marks, 2 to 1,000.")]
Fall = Annotated[str, typer.Option("--fall", help="Fall of BTC-PERP: 20% or 0.2; ETH-PERP falls half as much again.")]
Grace = Annotated[int, typer.Option("--grace", help="Silent epochs before a call.")]
Cure = Annotated[int, typer.Option("--cure", help="Epochs that a call may stand.")]
Service = Annotated[str, typer.Option("--service", help="HOST:PORT of a running service; empty starts one here.")]

LISTED = ("BTC-PERP", "ETH-PERP", "USD")
LEVERAGES = (2, 3, 4, 6, 10, 20)
EPOCH_SECONDS = 60


def run(
    accounts: Accounts = 12,
    epochs: Epochs = 10,
    fall: Fall = "20%",
    grace: Grace = 1,
    cure: Cure = 1,
    seed: Seed = 1,
    service: Service = "",
    as_json: Json = False,
) -> None:
    """Let accounts prove at every mark while prices fall; the desk acts on accepted proofs and on silence alone."""
    bounded("accounts", accounts, 3, 200)
    bounded("epochs", epochs, 2, 1_000)
    bounded("grace", grace, 0, 1_000)
    bounded("cure", cure, 0, 1_000)
    market = list(markets(epochs, fraction("fall", fall)))
    with _service(service) as send:
        desk = Desk(send, grace, cure)
        report = play(desk, crowd(market[0], accounts, seed), market)
    if as_json:
        print_json(report | {"seed": seed})
    else:
        _show(report)


def play(desk: Desk, traders: list[Trader], market: list[Snapshot]) -> dict[str, Any]:
    """Run every epoch; return what the desk saw, beside the truth that it could not see."""
    for trader in traders:
        desk.register(trader.register(market[0].venue))
    rows, proving, asking, deposits = [], [], [], 0
    for snapshot in market:
        desk.open_epoch(snapshot)
        unsafe = accepted_unsafe = 0
        for trader in traders:
            standing = desk.accounts[trader.name]
            if standing.state == "CALLED" and trader.pays and not trader.safe(snapshot, INITIAL):
                amount_units, after = trader.top_up(snapshot.venue, snapshot)
                desk.deposit(amount_units, after)
                deposits += 1
            owed = INITIAL if standing.state == "CALLED" else MAINTENANCE
            broke = not trader.safe(snapshot, owed)
            unsafe += broke
            start = perf_counter()
            made = trader.prove(snapshot, standing.registered, owed)
            if made is None:
                continue
            proving.append(1e3 * (perf_counter() - start))
            start = perf_counter()
            accepted_unsafe += desk.submit(trader.name, made) and broke
            asking.append(1e3 * (perf_counter() - start))
        proved = sum(standing.proved for standing in desk.accounts.values())
        states = desk.close_epoch()
        mark = snapshot.listing("BTC-PERP").mark_ticks
        rows.append({"epoch": snapshot.epoch, "mark_ticks": mark, "proved": proved, "unsafe": unsafe, **states})
        if accepted_unsafe:
            raise StatementError(f"{accepted_unsafe} proofs of false claims were accepted in epoch {snapshot.epoch}")
    return {
        "accounts": len(traders),
        "epochs": rows,
        "questions": desk.questions,
        "refused": desk.refused,
        "deposits": deposits,
        "prove_ms": round(median(proving), 2),
        "ask_ms": round(median(asking), 2),
    }


def markets(epochs: int, fall: float) -> Iterator[Snapshot]:
    """Yield a chain of snapshots in which prices fall evenly."""
    if not 0.0 <= fall < 0.6:
        raise StatementError(f"fall must be between 0 and 0.6, got {fall:g}")
    snapshot = sample.snapshot()
    start = {name: snapshot.listing(name).mark_ticks for name in LISTED[:2]}
    for epoch in range(epochs):
        done = fall * epoch / (epochs - 1)
        kept = {"BTC-PERP": 1.0 - done, "ETH-PERP": 1.0 - 1.5 * done}
        marks = {name: int(start[name] * kept[name]) for name in start}
        snapshot = snapshot.next(snapshot.valid_from + EPOCH_SECONDS, marks) if epoch else snapshot
        yield snapshot


def crowd(snapshot: Snapshot, accounts: int, seed: int) -> list[Trader]:
    """Return traders whose books have known leverages; one of them lies, some answer calls."""
    draw = random.Random(f"zkmargin/venue/{seed}")  # noqa: S311 - a simulated crowd
    traders = []
    for number in range(accounts):
        long = -1 if number % 5 == 4 else 1
        lots = {"BTC-PERP": long * draw.randrange(100_000, 400_000), "ETH-PERP": long * draw.randrange(10_000, 90_000)}
        held = rules.assess(snapshot, MAINTENANCE, Book({"USD": 0, **lots}))
        notional = sum(abs(count) * snapshot.notional_per_lot(name) for name, count in lots.items())
        leverage = LEVERAGES[number % len(LEVERAGES)]
        needed = held.requirement_units * 105 // 100 + draw.randrange(PPM)
        cash = max(notional // leverage, needed) - held.equity_units
        liar = number == min(5, accounts - 1)
        traders.append(
            Trader(f"account-{number:03}", Opening.fresh({"USD": cash, **lots}), leverage in (6, 10), not liar)
        )
    return traders


@contextmanager
def _service(address: str) -> Iterator[Send]:
    """Yield a way to ask the service at an address, or one that runs in this process on a free local port."""
    if address:
        host, _, port = address.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and int(port[:6]) < 65_536):
            raise StatementError(f"service must be HOST:PORT, got {address[:80]!r}")
        yield over_http(host, int(port))
        return
    import uvicorn  # start-up time: about 0.2 s, with the application

    from verifier_api.app import create_app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        late = monotonic() + 30
        while not server.started:
            if monotonic() > late or not thread.is_alive():
                raise StatementError("the service did not start within 30 seconds")
            sleep(0.01)
        yield over_http(*listener.getsockname())
        server.should_exit = True
        thread.join(timeout=30)


def _show(report: dict[str, Any]) -> None:
    table = Table("epoch", "BTC-PERP", "proved", "unsafe", "healthy", "stale", "called", "defaulted", box=None)
    for row in report["epochs"]:
        counts = (row[name] for name in ("proved", "unsafe", "HEALTHY", "STALE", "CALLED", "DEFAULTED"))
        table.add_row(str(row["epoch"]), f"{row['mark_ticks'] / 100:,.0f}", *map(str, counts))
    out.print(table)
    out.print(
        f"{report['questions']} questions to the service, {report['refused']} of them about lies, which it refused; "
        f"{report['deposits']} deposits"
    )
    out.print(f"medians: proving {report['prove_ms']:.1f} ms, asking the service {report['ask_ms']:.1f} ms")
    out.print("The column unsafe is the truth; the desk saw the others. No quantity was in any question.")
