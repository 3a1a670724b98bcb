"""Portfolio margins straight from the rulebooks: profit and loss by scenario, with a Black formula of their own."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, exp, floor, log, sqrt
from statistics import NormalDist

from zkmargin.amounts import PPM
from zkmargin.market.instruments import Collateral, Linear, Option

YEAR = 365 * 86_400
NORMAL = NormalDist()


def black(option, forward, volatility, now):
    """Return the value of an option in ticks."""
    deviation = volatility * sqrt(max(0, option.expiry - now) / YEAR)
    sign = 1 if option.right == "call" else -1
    if deviation == 0:
        return max(0.0, sign * (forward - option.strike_ticks))
    d1 = log(forward / option.strike_ticks) / deviation + deviation / 2
    d2 = d1 - deviation
    return sign * (forward * NORMAL.cdf(sign * d1) - option.strike_ticks * NORMAL.cdf(sign * d2))


def shifted(power, option, volatility, now, direction):
    """Return a moved volatility: (30/days)^p of the published rise or fall."""
    days = max((option.expiry - now) / 86_400, power.least_days)
    if direction == "same":
        return volatility
    exponent = (power.short_power_ppm if days <= 30 else power.long_power_ppm) / 1e6
    if direction == "up":
        return max(volatility * (1 + power.up_ppm / 1e6 * (30 / days) ** exponent), power.minimum_up_ppm / 1e6)
    return max(volatility * (1 - power.down_ppm / 1e6 * (30 / days) ** exponent), 0)


def skewed(skew, option, forward, volatility, now, kind):
    """Return a volatility tilted along the strikes."""
    root = sqrt((option.expiry - now) / YEAR)
    cap = skew.cap_ppm / 1e6 - skew.slope_ppm / 1e6 * root
    distance = log(option.strike_ticks / forward)
    distance = abs(distance) if kind == "absolute" else distance
    slope = cap / max(skew.least_ppm / 1e6, skew.reach_ppm / 1e6 * root)
    return volatility * (1 + max(-cap, min(cap, distance * slope)))


def value(market, item, move, volatility=None):
    """Return what a held lot is worth after a relative move of every price, in units."""
    option = item.instrument
    if isinstance(option, Option):
        moved = market.volatilities_ppm[item.id] / 1e6 if volatility is None else volatility
        forward = market.forward_ticks(option) * (1 + move)
        return option.multiplier * Fraction(black(option, float(forward), moved, market.now))
    return item.notional_units * (1 - Fraction(item.haircut_ppm, PPM)) * (1 + move)


def loss(market, item, move, power, direction):
    """Return the loss of a held lot, in units."""
    option, moved = item.instrument, None
    if isinstance(option, Option):
        moved = shifted(power, option, market.volatilities_ppm[item.id] / 1e6, market.now, direction)
    return value(market, item, Fraction(0)) - value(market, item, move, moved)


def dollar_delta(market, item):
    """Return delta times forward of a lot, in units."""
    option = item.instrument
    if not isinstance(option, Option):
        return item.notional_units * (1 - Fraction(item.haircut_ppm, PPM))
    forward = market.forward_ticks(option)
    deviation = market.volatilities_ppm[item.id] / 1e6 * sqrt((option.expiry - market.now) / YEAR)
    d1 = log(forward / option.strike_ticks) / deviation + deviation / 2
    delta = NORMAL.cdf(d1) if option.right == "call" else -NORMAL.cdf(-d1)
    return forward * option.multiplier * Fraction(delta)


def years(market, item):
    """Return the years to expiry of a listing, 0 for what has none."""
    expiry = getattr(item.instrument, "expiry", None)
    return Fraction(0) if expiry is None else Fraction(expiry - market.now, YEAR)


def away(amount):
    """Return an amount rounded away from zero."""
    return ceil(amount) if amount > 0 else floor(amount)


def owed(market, lots, rise):
    """Return what owed coins lose beyond their haircut value."""
    coins = (item for item in market.listings if isinstance(item.instrument, Collateral))
    return sum(ceil(rise * (item.owed_units - item.value_units)) * max(0, -lots[item.id]) for item in coins)


def deribit(parameters, market, lots):
    """Return risk matrix, roll shock and delta shock together, in units: losses of a lot are rounded up."""
    reach = Fraction(parameters.price_range_ppm, PPM)
    worst = Fraction(0)
    for bucket in range(-parameters.buckets, parameters.buckets + 1):
        for direction in ("up", "same", "down"):
            move = reach * bucket / parameters.buckets
            lost = (ceil(loss(market, item, move, parameters.vega_power, direction)) for item in market.listings)
            worst = max(worst, sum(lots[item.id] * each for item, each in zip(market.listings, lost, strict=True)))
    for far_ppm in parameters.extended_ppm:
        far = Fraction(far_ppm, PPM)
        weight = Fraction(parameters.extended_factor_ppm, PPM) * reach / abs(far)
        losses = ((item, weight * loss(market, item, far, parameters.vega_power, "up")) for item in market.listings)
        counted = sum(lots[item.id] * ceil(each) for item, each in losses)
        dampening = floor((abs(far) / reach - 1) * parameters.dampener_units)
        worst = max(worst, counted - min(counted, dampening))
    rolled, net = Fraction(0), 0
    for expiry in {getattr(item.instrument, "expiry", None) for item in market.listings}:
        series = [item for item in market.listings if getattr(item.instrument, "expiry", None) == expiry]
        yearly = Fraction(parameters.annualised_move_ppm, PPM) * years(market, series[0])
        rate = max(Fraction(parameters.least_move_ppm, PPM), yearly)
        rolled += abs(sum(lots[item.id] * away(rate * dollar_delta(market, item)) for item in series))
        net += sum(lots[item.id] * away(dollar_delta(market, item)) for item in series)
    excess = max(0, abs(net) - parameters.delta_threshold_units)
    return worst + rolled + Fraction(parameters.delta_slope_ppm, PPM) * excess + owed(market, lots, reach)


def grid(parameters, market, lots):
    """Return the maintenance requirement of a venue's grid, in units: losses of a lot are rounded up."""
    cases = [(price, direction, PPM) for price in parameters.prices_ppm for direction in parameters.directions]
    cases += [(item.price_ppm, "same", item.cover_ppm) for item in parameters.far]
    worst = Fraction(0)
    for price_ppm, direction, cover_ppm in cases:
        losses = (
            ceil(
                Fraction(cover_ppm, PPM)
                * loss(market, item, Fraction(price_ppm, PPM), parameters.vega_power, direction)
            )
            for item in market.listings
        )
        worst = max(worst, sum(lots[item.id] * each for item, each in zip(market.listings, losses, strict=True)))
    required = worst + owed(market, lots, max(Fraction(max(0, price) * cover, PPM**2) for price, _, cover in cases))
    raw = 0
    for item in market.listings:
        option = item.instrument
        notional = (
            market.forward_ticks(option) * option.multiplier if isinstance(option, Option) else item.notional_units
        )
        if isinstance(option, Option):
            required += max(0, -lots[item.id]) * ceil(Fraction(parameters.short_option_ppm * notional, PPM))
        if isinstance(option, Linear):
            required += abs(lots[item.id]) * ceil(Fraction(parameters.contract_ppm * notional, PPM))
        if isinstance(option, Linear | Option):
            raw += abs(lots[item.id]) * ceil(Fraction(parameters.minimum_ppm * notional, PPM))
    for expiry in {getattr(item.instrument, "expiry", None) for item in market.listings}:
        series = [item for item in market.listings if getattr(item.instrument, "expiry", None) == expiry]
        yearly = Fraction(parameters.basis_ppm, PPM) * years(market, series[0])
        rate = max(Fraction(parameters.least_basis_ppm, PPM), yearly)
        required += abs(sum(lots[item.id] * away(rate * dollar_delta(market, item)) for item in series))
    edges = [item.floor_units for item in parameters.multipliers[1:]] + [raw]
    slices = zip(parameters.multipliers, edges, strict=False)
    floor_units = sum(item.times * max(0, min(raw, edge) - item.floor_units) for item, edge in slices)
    return max(required, Fraction(floor_units))


def derive(parameters, market, lots, *, initial):
    """Return the requirement with the discounts rounded and nothing else, and what skew scenarios may overcharge."""
    series = {}
    for item in market.listings:
        if isinstance(item.instrument, Option):
            series.setdefault(item.instrument.expiry, []).append(item)
    straight = [item for item in market.listings if not isinstance(item.instrument, Option)]
    worst, spread = Fraction(0), Fraction(0)
    for scenario in parameters.scenarios:
        move = Fraction(scenario.price_ppm, PPM)
        profit = sum(lots[item.id] * value(market, item, Fraction(0)) * move for item in straight)
        for items in series.values():
            profit += _discounted(parameters, market, items, lots, move, scenario.direction)[0]
        worst = max(worst, -profit * Fraction(scenario.damp_ppm, PPM))
    for kind in ("linear", "absolute"):
        found = [_discounted(parameters, market, items, lots, Fraction(0), kind) for items in series.values()]
        worst = max(worst, sum(abs(profit) for profit, _ in found))
        spread = max(spread, sum(over for _, over in found))
    basis = Fraction(0)
    for items in series.values():
        moves = [side * Fraction(parameters.basis_move_ppm, PPM) for side in (1, -1)]
        lost = max(
            0, *(sum(lots[i.id] * loss(market, i, m, parameters.vega_power, "same") for i in items) for m in moves)
        )
        weight = parameters.basis_flat_ppm + parameters.basis_yearly_ppm * years(market, items[0])
        basis += lost * weight / PPM
    rise = max(Fraction(s.damp_ppm * max(0, s.price_ppm), PPM**2) for s in parameters.scenarios)
    scan = max(worst, basis) + owed(market, lots, rise)
    kept = _contingencies(parameters, market, lots, initial)
    return scan * (1 if initial else Fraction(parameters.maintenance_ppm, PPM)) + kept, spread


def _discounted(parameters, market, items, lots, move, direction):
    """Return the profit of an expiry, its value discounted, and by how far the two discounts lie apart on it."""
    after = Fraction(0)
    for item in items:
        option, volatility = item.instrument, market.volatilities_ppm[item.id] / 1e6
        if direction in ("linear", "absolute"):
            forward = market.forward_ticks(option)
            moved = skewed(parameters.skew, option, forward, volatility, market.now, direction)
        else:
            moved = shifted(parameters.vega_power, option, volatility, market.now, direction)
        after += lots[item.id] * value(market, item, move, moved)
    drift = parameters.discount_rate_ppm / 1e6 * float(years(market, items[0]))
    long = Fraction(floor(parameters.long_discount_ppm * exp(-drift)), PPM)
    short = Fraction(ceil(parameters.short_discount_ppm * exp(drift)), PPM)
    before = sum(lots[item.id] * value(market, item, Fraction(0)) for item in items)
    profit = after * (long if after >= 0 else short) - before
    return profit, max(Fraction(0), -after) * (short - long)


def _contingencies(parameters, market, lots, initial):
    naked = parameters.initial_naked_short_ppm if initial else parameters.naked_short_ppm
    contract = parameters.initial_contract_ppm if initial else parameters.contract_ppm
    net, forward = {}, {}
    total = Fraction(0)
    for item in market.listings:
        option = item.instrument
        if isinstance(option, Option):
            strike = (option.expiry, option.strike_ticks)
            net[strike] = net.get(strike, 0) + lots[item.id]
            forward[strike] = market.forward_ticks(option) * option.multiplier
        elif isinstance(option, Linear):
            total += abs(lots[item.id]) * item.notional_units * Fraction(contract, PPM)
    return total + sum(max(0, -net[strike]) * forward[strike] * Fraction(naked, PPM) for strike in net)
