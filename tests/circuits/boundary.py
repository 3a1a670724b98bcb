"""Where a claim is just true: the least cash of a book by the plain rule, and whether constraints agree to the unit."""

from circuits import claims
from circuits.registration import REGISTERED_BITS
from circuits.systems import Shape, assign, compile_circuit
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin import rules
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.snapshot import Listing, Snapshot


def market_of(model, *listings):
    """Return a market of these listings and cash, with one composed model."""
    everything = sorted([*listings, Listing(Cash("USD"))], key=lambda item: item.id)
    return Snapshot("venue", 1, 0, tuple(everything), models=(model,))


def perpetual(name, mark_ticks=1, multiplier=1):
    """Return the listing of a perpetual."""
    return Listing(Linear(name, multiplier), mark_ticks)


def least_cash(market, claim, lots):
    """Return the least cash with which a book of `lots` meets the claim, by the plain rule."""
    found = -rules.assess(market, claim, Book(lots | {"USD": 0})).surplus_units
    assert rules.assess(market, claim, Book(lots | {"USD": found})).holds
    assert not rules.assess(market, claim, Book(lots | {"USD": found - 1})).holds
    return found


def check_boundary(market, claim, lots):
    """Return the least cash, having seen that the constraints are satisfied with it and not with a unit less."""
    cash = least_cash(market, claim, lots)
    basis = tuple(sorted({*lots, "USD"}))
    circuit = claims.circuit(market, claim, basis)
    system = compile_circuit(circuit, Shape((basis,), REGISTERED_BITS))
    assert satisfied(circuit, system, lots | {"USD": cash})
    assert not satisfied(circuit, system, lots | {"USD": cash - 1})
    return cash


def satisfied(circuit, system, lots):
    """Return whether an honest prover's witness exists, and satisfies every constraint."""
    try:
        witness = assign(circuit, system, [Opening(lots, 1)])
    except WitnessError:
        return False
    assert not any(form.evaluate(witness.values) for form in system.constraints)
    return True
