"""The end of an account: coins are sold, a deficit goes to the fund, then to a pro-rata haircut of gains.

Rule
----
    An account whose last lot is sold is closed. Its coins are sold at their price, and a negative balance is paid

        by the fund of its venue, then
        by open accounts of the venue with gains g_i = equity - first equity - deposits > 0, in proportion:
        to the unit and at most all of them, then
        by nobody: the loss stays on the venue as `unfunded`.

    Order, shares and rounding are those of `zkmargin.risk.waterfall`, which does the sharing here.
"""

from __future__ import annotations

import numpy as np

from zkmargin.risk import waterfall
from zkmargin.risk.cascade.impact import Floats
from zkmargin.risk.cascade.state import CLOSED, HEALTHY, Rows, State, assess
from zkmargin.risk.cascade.tiers import Ints


def close(state: State, venue: int) -> None:
    """Close the accounts of a venue that have nothing left to sell, and pay for what they owe."""
    span = state.books.span(venue)
    leaving = (state.status[:, span] > HEALTHY) & (state.status[:, span] < CLOSED) & ~state.writing[:, span]
    rows, places = np.nonzero(leaving)
    columns = places + span.start
    flat = np.ones(len(rows), dtype=np.bool_)
    for market in state.model.of_venue(venue):
        flat &= state.lots[market][rows, columns] == 0
    rows, columns = rows[flat], columns[flat]
    if not len(rows):
        return
    _sell_coins(state, venue, rows, columns)
    state.status[rows, columns] = CLOSED
    state.demanded[rows, columns] = False
    owed = np.maximum(0, -state.cash[rows, columns])
    state.cash[rows, columns] += owed
    bad = np.zeros(len(state.cash), dtype=np.int64)
    np.add.at(bad, rows, owed)
    state.count("bad_debt", bad)
    absorb(state, venue, bad)


def absorb(state: State, venue: int, bad_units: Ints) -> None:
    """Charge losses of each path to the fund, then to gains, then to nobody."""
    number = state.model.venues.index(venue)
    paid = np.minimum(bad_units, state.funds[:, number])
    state.funds[:, number] -= paid
    state.count("fund_used", paid)
    cut, left = np.zeros_like(bad_units), bad_units - paid
    for path in np.nonzero(left > 0)[0]:
        cut[path] = _haircut(state, venue, int(path), int(left[path]))
    state.count("haircut", cut)
    state.unfunded[:, number] += left - cut


def _haircut(state: State, venue: int, path: int, loss_units: int) -> int:
    """Take a loss from the gains of one path, in proportion; return what was taken."""
    span = state.books.span(venue)
    columns = np.nonzero(state.status[path, span] == HEALTHY)[0] + span.start
    rows = np.full_like(columns, path)
    equity = assess(state, venue, rows, columns)[0]
    deposited = state.books.reserve[columns] - state.reserve[path, columns]
    gains = np.maximum(0, equity - state.first_equity[columns] - deposited)
    payment = waterfall.absorb(loss_units, gains={f"{place:07}": int(gain) for place, gain in enumerate(gains)})
    places = [int(name) for name in payment.haircuts]
    state.cash[path, columns[places]] -= np.array(list(payment.haircuts.values()), dtype=np.int64)
    state.demanded[path, columns[places]] = True
    return payment.haircut_units


def _sell_coins(state: State, venue: int, rows: Rows, columns: Rows) -> None:
    """Turn the coins of closed accounts into cash at their price; the sale presses on their asset's market."""
    for number, coin in enumerate(state.model.coins):
        some = (state.books.coin[columns] == number) & (state.coins[rows, columns] > 0)
        at, who = rows[some], columns[some]
        lots = state.coins[at, who]
        paid = lots * (state.coin_ticks[at, number] * coin.multiplier)
        state.cash[at, who] += paid
        np.subtract.at(state.outside_cash, at, paid)
        np.add.at(state.outside_coins[:, number], at, lots)
        state.coins[at, who] = 0
        for market in state.model.of_venue(venue):
            if state.model.markets[market].asset == coin.asset:
                sold: Floats = -1.0 * (lots * coin.mark_ticks * coin.multiplier)
                np.add.at(state.outside_flow[:, market], at, sold)
