"""Margin rules as JSON: one object a node, its kind in ``node``.

{"node": "affine",  "measure": .., "per_lot": {id: int}, "constant": int}
{"node": "sides",   "measure": .., "long": {id: int}, "short": {id: int}}
{"node": "size",    "of": an affine node}
{"node": "worst",   "of": array}       {"node": "root", "of": array}      {"node": "tail", "of": array, "count": int}
{"node": "pairing", "long": {id: int}, "short": {id: int}, "strategies": [{"name", "legs": {id: int}, "charge_units"}]}
{"node": "sum",     "of": [nodes], "weights_ppm": [int]}
{"node": "largest", "of": [nodes]}     {"node": "cheapest", "of": [nodes]}
{"node": "tiers",   "of": a node, "tiers": [{"floor_units", "rate_ppm"}]}
{"node": "part",    "name": name of a part of the model}

array: {"measure": .., "rows": int, "per_lot": [{"id", "values": [int]}], "constants": [int, or empty]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zkmargin.amounts import MAX_COORDINATES, MAX_SCENARIOS
from zkmargin.documents import Reader
from zkmargin.errors import EncodingError
from zkmargin.market.expressions import (
    MAX_BRANCHES,
    MAX_CHILDREN,
    MAX_LEGS,
    MAX_STRATEGIES,
    MAX_WEIGHT_PPM,
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Strategy,
    Sum,
    Tail,
    Tiers,
    Worst,
)
from zkmargin.market.forms import MEASURES, Affine, Array, Expression, Sides
from zkmargin.market.parameters import MAX_LOSS_UNITS, MAX_TIERS, Tier, TierTable, add_row

Parts = Mapping[str, Part]
_LIMIT = MAX_LOSS_UNITS


def read(fields: Reader, parts: Parts) -> Expression:
    """Return the expression described by `fields`, whose parts are among `parts`.

    Raises:
        EncodingError: if a field is missing, unknown or of the wrong type, or a part is not known.
        StatementError: if the expression breaks a rule of its node.
    """
    with fields:
        return _READERS[fields.choice("node", *_READERS)](fields, parts)


def document(of: Expression) -> dict[str, Any]:
    """Return an expression as a JSON object; a part is its name."""
    return {"node": of.node} | _WRITERS[type(of)](of)


def _amounts(fields: Reader, name: str, low: int = -_LIMIT) -> dict[str, int]:
    return fields.quantities(name, MAX_COORDINATES, low, _LIMIT)


def _array(fields: Reader) -> Array:
    with fields.object("of") as inner:
        measure = inner.choice("measure", *MEASURES)
        rows = inner.integer("rows", 1, MAX_SCENARIOS)
        per_lot: dict[str, tuple[int, ...]] = {}
        for row in inner.objects("per_lot", MAX_COORDINATES):
            add_row(per_lot, row.identifier("id"), row.integers("values", MAX_SCENARIOS, -_LIMIT, _LIMIT))
        return Array(per_lot, rows, inner.integers("constants", MAX_SCENARIOS, -_LIMIT, _LIMIT), measure)


def _affine(fields: Reader, parts: Parts) -> Affine:
    measure = fields.choice("measure", *MEASURES)
    return Affine(_amounts(fields, "per_lot"), fields.integer("constant", -_LIMIT, _LIMIT), measure)


def _sides(fields: Reader, parts: Parts) -> Sides:
    measure = fields.choice("measure", *MEASURES)
    return Sides(_amounts(fields, "long"), _amounts(fields, "short"), measure)


def _size(fields: Reader, parts: Parts) -> Size:
    of = read(fields.object("of"), parts)
    if not isinstance(of, Affine):
        raise EncodingError("the expression under a size must be affine")
    return Size(of)


def _tail(fields: Reader, parts: Parts) -> Tail:
    return Tail(_array(fields), fields.integer("count", 1, MAX_SCENARIOS))


def _pairing(fields: Reader, parts: Parts) -> Pairing:
    strategies = tuple(
        Strategy(
            item.identifier("name"),
            item.quantities("legs", MAX_LEGS, 1 - 2**32, 2**32 - 1),
            item.integer("charge_units", 0, _LIMIT),
        )
        for item in fields.objects("strategies", MAX_STRATEGIES)
    )
    return Pairing(_amounts(fields, "long", 0), _amounts(fields, "short", 0), strategies)


def _sum(fields: Reader, parts: Parts) -> Sum:
    of = _several(fields, parts, MAX_CHILDREN)
    weights = fields.integers("weights_ppm", MAX_CHILDREN, 0, MAX_WEIGHT_PPM)
    if len(weights) != len(of):
        raise EncodingError(f"a sum must have one weight for each of its {len(of)} expressions, got {len(weights)}")
    return Sum(tuple(zip(weights, of, strict=True)))


def _tiers(fields: Reader, parts: Parts) -> Tiers:
    of = read(fields.object("of"), parts)
    return Tiers(of, TierTable(tuple(Tier.from_reader(tier) for tier in fields.objects("tiers", MAX_TIERS))))


def _part(fields: Reader, parts: Parts) -> Part:
    name = fields.identifier("name")
    if name not in parts:
        raise EncodingError(f"part {name} is not a part of the model")
    return parts[name]


def _several(fields: Reader, parts: Parts, maximum: int) -> tuple[Expression, ...]:
    return tuple(read(item, parts) for item in fields.objects("of", maximum))


_READERS: dict[str, Callable[[Reader, Parts], Expression]] = {
    Affine.node: _affine,
    Sides.node: _sides,
    Size.node: _size,
    Worst.node: lambda fields, parts: Worst(_array(fields)),
    Tail.node: _tail,
    Root.node: lambda fields, parts: Root(_array(fields)),
    Pairing.node: _pairing,
    Sum.node: _sum,
    Largest.node: lambda fields, parts: Largest(_several(fields, parts, MAX_CHILDREN)),
    Tiers.node: _tiers,
    Cheapest.node: lambda fields, parts: Cheapest(_several(fields, parts, MAX_BRANCHES)),
    Part.node: _part,
}


def _array_document(of: Array) -> dict[str, Any]:
    return {
        "measure": of.measure,
        "rows": of.rows,
        "per_lot": [{"id": name, "values": list(row)} for name, row in of.per_lot.items()],
        "constants": list(of.constants),
    }


def _pairing_document(of: Pairing) -> dict[str, Any]:
    strategies = [
        {"name": item.name, "legs": dict(item.legs), "charge_units": item.charge_units} for item in of.strategies
    ]
    return {"long": dict(of.long), "short": dict(of.short), "strategies": strategies}


_WRITERS: dict[type[Expression], Callable[[Any], dict[str, Any]]] = {
    Affine: lambda of: {"measure": of.measure, "per_lot": dict(of.per_lot), "constant": of.constant},
    Sides: lambda of: {"measure": of.measure, "long": dict(of.long), "short": dict(of.short)},
    Size: lambda of: {"of": document(of.of)},
    Worst: lambda of: {"of": _array_document(of.of)},
    Tail: lambda of: {"of": _array_document(of.of), "count": of.count},
    Root: lambda of: {"of": _array_document(of.of)},
    Pairing: _pairing_document,
    Sum: lambda of: {
        "of": [document(child) for child in of.children],
        "weights_ppm": [weight_ppm for weight_ppm, _ in of.terms],
    },
    Largest: lambda of: {"of": [document(child) for child in of.of]},
    Tiers: lambda of: {"of": document(of.of), "tiers": of.table.to_document()},
    Cheapest: lambda of: {"of": [document(child) for child in of.of]},
    Part: lambda of: {"name": of.name},
}
