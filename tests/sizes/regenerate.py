"""The sizes and digests of every gadget and model, as pinned in `pinned.json`.

After a change on purpose, from the folder of the repository::

    python -m tests.sizes.regenerate

and say in the commit why each line that moved had to move: a number that disappears is a constraint that was lost.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.models import CASES
from circuits import claims, ledger, registration
from circuits.builder import Builder, Circuit, V
from circuits.gadgets.absolute import absolute, short_part
from circuits.gadgets.maximum import maximum
from circuits.gadgets.piecewise import convex
from circuits.gadgets.ranges import between, bounded
from circuits.gadgets.square import square
from circuits.registration import REGISTERED_BITS
from circuits.sizes import measure
from circuits.systems import Shape, compile_circuit
from zkmargin.amounts import PPM, QUANTITY_BITS, Ratio
from zkmargin.margin.claim import Claim
from zkmargin.margin.cross import Piece
from zkmargin.market import sample
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Strategy,
    Tail,
    Tiers,
    Worst,
    positive,
    scaled,
    total,
)
from zkmargin.market.forms import NOTIONAL, Affine, Array, Expression, Sides
from zkmargin.market.instruments import Option
from zkmargin.market.models import Model
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.proofs.constraints import System
from zkmargin.testing.workloads import NAMES, workload

PINNED = Path(__file__).with_name("pinned.json")
PIECES = (Piece(-3, 1), Piece(-3, 2, -50))
HELD = ("BTC", "BTC-27MAR26", "BTC-PERP", "USD")
SAMPLE_CLAIMS = (
    Claim("maintenance", "cross"),
    Claim("initial", "cross", Ratio(11, 10)),
    Claim("box", "cross", width_ppm=50_000),
    Claim("maintenance", "scenario"),
    Claim("initial", "scenario", Ratio(11, 10)),
)


def statements() -> dict[str, tuple[Circuit, Shape]]:
    """Return every pinned statement by name."""
    found = {f"gadget {name}": (circuit, Shape((("X", "Y"),), QUANTITY_BITS)) for name, circuit in _gadgets().items()}
    market = sample.snapshot()
    everything = tuple(listing.id for listing in market.listings)
    linear = tuple(item.id for item in market.listings if not isinstance(item.instrument, Option))
    for claim in SAMPLE_CLAIMS:
        basis = linear if claim.model == "cross" else everything
        found[f"sample {claim.kind} {claim.model}"] = claims.circuit(market, claim, basis), _registered(basis)
    for name in NAMES:
        work = workload(name)
        basis = tuple(sorted(work.openings[0].quantities))
        found[f"workload {name}"] = claims.circuit(work.snapshot, work.claim, basis), _registered(basis)
    for name, rule in _rules().items():
        composed = replace(market, models=(Model("house", 1, rule, rule),))
        claim = Claim("maintenance", "house", Ratio(11, 10))
        found[f"composed {name}"] = claims.circuit(composed, claim, HELD), _registered(HELD)
    for name, case in CASES.items():
        held, lots = case()
        basis = tuple(sorted(lots))
        found[f"family {name}"] = (
            claims.circuit(held, Claim("maintenance", held.models[0].model), basis),
            _registered(basis),
        )
    for count in (1, 33):
        basis = tuple(f"ID-{number:02d}" for number in range(count))
        found[f"registration of {count}"] = _bounds(basis), Shape((basis,), None)
    return found | _entries()


def measured() -> dict[str, dict[str, Any]]:
    """Return what `pinned.json` has to hold."""
    systems = compiled()
    return {
        name: asdict(measure(circuit, len(shape.basis), len(shape.members), _exact(name, shape)))
        | {"digest": systems[name].digest.hex()}
        for name, (circuit, shape) in statements().items()
    }


def compiled() -> dict[str, System]:
    """Return the constraint system of every pinned statement."""
    return {
        name: compile_circuit(circuit, shape, _exact(name, shape)) for name, (circuit, shape) in statements().items()
    }


def _exact(name: str, shape: Shape) -> int | None:
    """Return the digit base of a statement that needs an exact one."""
    return ledger.exact_base(len(shape.basis)) if name.startswith("bounds of a change") else None


def _entries() -> dict[str, tuple[Circuit, Shape]]:
    """Return what entries of a ledger prove, over the sample market."""
    market = sample.snapshot()
    linear = tuple(item.id for item in market.listings if not isinstance(item.instrument, Option))
    found: dict[str, tuple[Circuit, Shape]] = {}
    for count in (1, 2, 33):
        basis = tuple(f"ID-{number:02d}" for number in range(count))
        found[f"bounds of a change of {count}"] = ledger.bounds_circuit(basis), Shape((basis,), None)
    for traded in (("BTC-PERP", "USD"), ("BTC", "BTC-PERP", "ETH-PERP", "USD"), ("USD",)):
        shape = Shape((linear, traded), ledger.LEDGER_BITS)
        found[f"reduction of {len(traded)} in {len(linear)}"] = ledger.reduction_circuit(market, traded, 20_000), shape
    found["holding of one"] = ledger.holding_circuit("BTC"), Shape((linear,), ledger.LEDGER_BITS)
    claim = Claim("initial", "cross")
    found["initial cross in a ledger"] = claims.circuit(market, claim, linear), Shape((linear,), ledger.LEDGER_BITS)
    return found


def _registered(basis: tuple[str, ...]) -> Shape:
    return Shape((basis,), REGISTERED_BITS)


def _bounds(basis: tuple[str, ...]) -> Circuit:
    def circuit(builder: Builder[V]) -> None:
        registration.constrain(builder, basis)

    return circuit


def _rules() -> dict[str, Expression]:
    """Return one small rule of every node, all over the same three ids."""
    losses = Array({"BTC-27MAR26": (3, -4, 1), "BTC-PERP": (5, -5, 2)}, 3)
    mentioned = Affine({"BTC-27MAR26": 0, "BTC-PERP": 0})
    size = Size(Affine({"BTC-27MAR26": PPM, "BTC-PERP": -PPM}, measure=NOTIONAL))
    spread = Strategy("spread", {"BTC-27MAR26": 1, "BTC-PERP": -1}, 7)
    nodes: dict[str, Expression] = {
        "affine": Affine({"BTC-27MAR26": 3, "BTC-PERP": -2}, 5),
        "sides": Sides({"BTC-PERP": 1}, {"BTC-27MAR26": 2, "BTC-PERP": 4}),
        "size": size,
        "worst": Worst(losses),
        "tail": Tail(losses, 2),
        "root": Root(losses),
        "pairing": Pairing({"BTC-PERP": 5}, {"BTC-27MAR26": 9}, (spread,)),
        "sum": scaled(1_500_000, total(size, positive(Worst(losses)))),
        "largest": Largest((size, Worst(losses), mentioned)),
        "tiers": Tiers(size, TierTable((Tier(0, 4_000), Tier(10**9, 5_000)))),
        "cheapest": Cheapest((size, Worst(losses))),
    }
    return {name: total(mentioned, Part("part", rule)) for name, rule in nodes.items()}


def _gadgets() -> dict[str, Circuit]:
    """Return each gadget on the quantity X; the value of one that has a value is the quantity Y."""

    def tells(gadget: Any, *parameters: Any) -> Circuit:
        def circuit(builder: Builder[V]) -> None:
            value = gadget(builder, builder.quantity("X"), *parameters)
            builder.zero(builder.combine([(1, value), (-1, builder.quantity("Y"))]))

        return circuit

    def demands(gadget: Any, *parameters: Any) -> Circuit:
        def circuit(builder: Builder[V]) -> None:
            gadget(builder, builder.quantity("X"), *parameters)

        return circuit

    def largest(builder: Builder[V], value: V, bits: int) -> V:
        return maximum(builder, [value, builder.combine([], 7)], bits)

    return {
        "short_part": tells(short_part, QUANTITY_BITS),
        "absolute": tells(absolute, QUANTITY_BITS),
        "maximum": tells(largest, QUANTITY_BITS + 1),
        "convex": tells(convex, PIECES, QUANTITY_BITS, 80),
        "square": tells(square),
        "between": demands(between, -5, 1_000_000),
        "bounded": demands(bounded, QUANTITY_BITS),
    }


if __name__ == "__main__":
    PINNED.write_text(json.dumps(measured(), indent=2) + "\n", encoding="utf-8")
