"""The end of an account: coins are sold, a deficit goes to the fund, then to a pro-rata haircut of gains.

Rule
----
    An account whose last lot is sold is closed. Its coins are sold at their price, and a negative balance is paid

        by the fund of its venue, then
        by open accounts of the venue with gains g_i = equity - first equity - deposits > 0, in proportion:
        to the unit and at most all of them, then
        by nobody: the loss stays on the venue as `unfunded`.

    Order, shares and rounding are those of `zkmargin.risk.waterfall`; a law holds the two against each other.
"""

from __future__ import annotations

import numpy as np

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
    taken = shares(gains, min(loss_units, int(gains.sum())))
    state.cash[path, columns] -= taken
    state.demanded[path, columns[taken > 0]] = True
    return int(taken.sum())


def shares(gains_units: Ints, total_units: int) -> Ints:
    """Return a total shared in proportion to gains, as `zkmargin.risk.waterfall.pro_rata` does, in their order.

    The quotients are guessed with floats and put right with integers: products wrap around at 2^64, but the remainder
    of a guess that is off by one or two lies well within 2^63, so it comes out exactly.

    Args:
        gains_units: Not negative, below 2^42 each; their sum is below 2^54 and at least the total.
        total_units: What is shared, not negative.

    Example:
        >>> shares(np.array([10, 0, 20, 3]), 11).tolist()
        [3, 0, 7, 1]
    """
    whole = max(1, int(gains_units.sum()))
    taken: Ints = np.floor(gains_units * (total_units / whole)).astype(np.int64)
    rest = gains_units * total_units - taken * whole
    taken, rest = taken + rest // whole, rest % whole
    left = total_units - int(taken.sum())
    taken[np.lexsort((np.arange(len(rest)), -rest))[:left]] += 1
    return taken


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
