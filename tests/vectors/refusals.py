"""The refused vectors: each one names the accepted record it is made from, how it differs, and the check that stops it.

`failed` is the number of the check as the protocol page has it, ``encoding`` for bytes that encode nothing, and
``statement`` for a question that nobody could answer. It is written down here, not taken from a verifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from circuits import claims as claim_proofs
from circuits import registration
from tests.vectors.cases import CLAIMS, MARKET, OTHER_SYSTEMS, SYSTEMS
from tests.vectors.edits import Edit, put, scalar_plus, splice
from zkmargin.algebra.group import FIELD_MODULUS, UNCOMPRESSED_BYTES, group
from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES
from zkmargin.proofs.constraints import System

Record = dict[str, Any]
Lie = tuple[str, str, list[Edit]]
HALF = UNCOMPRESSED_BYTES // 2
# (0, 2): on the curve, of order 3.
OUTSIDE = bytes(2 * HALF - 1) + b"\x02"


def registrations(accepted: dict[str, Record]) -> Iterator[Record]:
    """Yield the refused registrations, all made from the smallest one."""
    base, later, other = (accepted[name]["account"] for name in ("cash", "cash/later", "cross"))
    opening = base["opening_proof"]
    lies: list[Lie] = [
        ("challenge", "opening (9)", [scalar_plus("account", "opening_proof", data=opening, at=0, amount=1)]),
        ("response", "opening (9)", [scalar_plus("account", "opening_proof", data=opening, at=32, amount=1)]),
        ("last-response", "opening (9)", [scalar_plus("account", "opening_proof", data=opening, at=64, amount=1)]),
        ("response-plus-r", "encoding", [scalar_plus("account", "opening_proof", data=opening, at=32, amount=ORDER)]),
        ("opening-cut", "encoding", [splice("account", "opening_proof", at=64, cut=32, paste=b"")]),
        ("opening-longer", "encoding", [splice("account", "opening_proof", at=96, cut=0, paste=bytes(32))]),
        ("venue", "opening (9)", [put("account", "venue", value="elsewhere")]),
        ("account", "opening (9)", [put("account", "account", value="mallory")]),
        ("sequence", "opening (9)", [put("account", "sequence", value=later["sequence"])]),
        ("basis", "opening (9)", [put("account", "basis", value=["EUR"])]),
        ("commitment", "opening (9)", [put("account", "commitment", value=other["commitment"])]),
        ("no-basis", "statement", [put("account", "basis", value=[])]),
        ("identity", "encoding", [put("account", "commitment", value="c0" + "00" * 47)]),
        ("outside-the-subgroup", "encoding", [put("account", "commitment", value="80" + "00" * 47)]),
        (
            # The opening proof is that of the later state: only the bounds proof is of another one.
            "bounds-of-another-state",
            "bounds (12)",
            [
                put("account", "sequence", value=later["sequence"]),
                put("account", "opening_proof", value=later["opening_proof"]),
            ],
        ),
    ]
    system = registration.bounds_system(tuple(base["basis"]))
    for name, failed, edits in about_proof(("account", "bounds_proof"), base["bounds_proof"], system):
        lies.append((f"bounds-{name}", "bounds (12)" if failed == "(12)" else failed, edits))
    yield from _records("cash", lies)


def claims(accepted: dict[str, Record]) -> Iterator[Record]:
    """Yield the refused claims; edits speak of the snapshot, the account and the proof together."""
    by_id = {case.id: case.claim for case in CLAIMS}
    lies: list[Lie] = [
        ("account", "(12)", [put("account", "account", value="mallory")]),
        ("sequence", "(12)", [put("account", "sequence", value=6)]),
        ("commitment", "(12)", [put("account", "commitment", value=accepted["cross/initial"]["proof"]["commitment"])]),
        ("mark", "(12)", [put("snapshot", "listings", 2, "mark_ticks", value=101)]),
        ("epoch", "(12)", [put("snapshot", "epoch", value=4)]),
        ("model-version", "(12)", [put("snapshot", "models", "cross", "version", value=2)]),
        ("breaker", "(12)", [put("snapshot", "breaker", value="halted")]),
        ("kind", "(12)", [put("proof", "claim", "kind", value="initial")]),
        ("threshold", "(12)", [put("proof", "claim", "threshold", value={"numerator": 7, "denominator": 1})]),
        ("other-model", "encoding", [put("proof", "claim", "model", value="scenario")]),
        ("rounds", "encoding", [put("proof", "rounds", value=1)]),
        ("venue", "statement", [put("account", "venue", value="elsewhere")]),
        ("not-listed", "statement", [put("account", "basis", value=["EUR"])]),
        ("width-without-box", "statement", [put("proof", "claim", "width_ppm", value=1)]),
        (
            "not-lowest-terms",
            "statement",
            [put("proof", "claim", "threshold", value={"numerator": 2, "denominator": 2})],
        ),
    ]
    system = claim_proofs.system(MARKET, by_id["cash"], ("USD",))
    lies += about_proof(("proof", "proof"), accepted["cash"]["proof"]["proof"], system)
    yield from _records("cash", lies)
    folded = accepted["compact/cash"]["proof"]
    lies = list(about_compact_proof(("proof", "proof"), folded["proof"], folded["rounds"]))
    lies += [(f"rounds-{rounds}", "encoding", [put("proof", "rounds", value=rounds)]) for rounds in (0, 1, 3, 16)]
    lies.append(("sequence", "(12)", [put("account", "sequence", value=6)]))
    yield from _records("compact/cash", lies)
    yield from _records("cross/box", [("wider", "(12)", [put("proof", "claim", "width_ppm", value=50_002)])])
    lesser = [put("proof", "claim", "kind", value="maintenance")]
    yield from _records("cross/initial", [("maintenance", "(12)", lesser)])
    # The factor 5/4 on the initial requirement widens the ranges: the other claim's proofs have another length.
    yield from _records("scenario/initial", [("maintenance", "encoding", lesser)])
    yield from _records("scenario/initial", [("cross", "statement", [put("proof", "claim", "model", value="cross")])])


def about_compact_proof(path: tuple[str, ...], data: str, rounds: int) -> Iterator[Lie]:
    """Yield the lies about the bytes of a compact proof: S, A, B, X and R of every round, then the scalars."""
    points, size, another = 3 + 2 * rounds, len(data) // 2, group.encode(group.generator())
    for name, place in (("S", 0), ("A", 1), ("B", 2), ("first-X", 3), ("first-R", 4), ("last-R", points - 1)):
        yield f"{name}-another", "(12)", [splice(*path, at=HALF * place, cut=HALF, paste=another)]
    for name, at in (("first-scalar", HALF * points), ("last-scalar", size - SCALAR_BYTES)):
        yield f"{name}-plus-1", "(12)", [scalar_plus(*path, data=data, at=at, amount=1)]
        yield f"{name}-plus-r", "encoding", [scalar_plus(*path, data=data, at=at, amount=ORDER)]
    X_and_R = bytes.fromhex(data)[3 * HALF : 5 * HALF]
    exchanged = X_and_R[HALF:] + X_and_R[:HALF]
    yield "X-and-R-exchanged", "(12)", [splice(*path, at=3 * HALF, cut=2 * HALF, paste=exchanged)]
    yield "R-identity", "encoding", [splice(*path, at=4 * HALF, cut=HALF, paste=b"\xc0" + bytes(HALF - 1))]
    yield (
        "R-off-the-curve",
        "encoding",
        [splice(*path, at=4 * HALF, cut=HALF, paste=b"\x80" + bytes(HALF - 2) + b"\x01")],
    )
    yield "cut", "encoding", [splice(*path, at=size - SCALAR_BYTES, cut=SCALAR_BYTES, paste=b"")]
    yield "longer", "encoding", [splice(*path, at=size, cut=0, paste=bytes(SCALAR_BYTES))]


def systems(accepted: dict[str, Record]) -> Iterator[Record]:
    """Yield the refused proofs of raw systems."""
    for case in SYSTEMS:
        data = accepted[case.id]["proof"]
        if case.rounds:
            told = about_compact_proof(("proof",), data, case.rounds)
            # The compact form counts its own steps: its equation is (4).
            lies = [(name, "(4)" if failed == "(12)" else failed, edits) for name, failed, edits in told]
        else:
            lies = [*about_proof(("proof",), data, case.system)]
        lies.append(("tag", "(4)" if case.rounds else "(12)", [put("tag", value="zkmargin/vectors/another")]))
        yield from _records(case.id, lies)
    for name, failed in (("across", "(12)"), ("compact/across", "(4)")):
        one, two = accepted[name]["commitments"]
        yield from _records(name, [("commitments-exchanged", failed, [put("commitments", value=[two, one])])])
    yield from _records("across", [(name, "(12)", [put("system", value=name)]) for name in OTHER_SYSTEMS])


def about_proof(path: tuple[str, ...], data: str, system: System) -> Iterator[Lie]:
    """Yield the lies about the bytes of an opened proof: every part of it once, and every rule of its encoding."""
    size = len(data) // 2
    for name, at in _places(system, size):
        yield f"{name}-plus-1", "(12)", [scalar_plus(*path, data=data, at=at, amount=1)]
    A = bytes.fromhex(data)[UNCOMPRESSED_BYTES : 2 * UNCOMPRESSED_BYTES]
    x, y = A[:HALF], A[HALF:]
    above = (int.from_bytes(x, "big") + FIELD_MODULUS).to_bytes(HALF, "big")
    for name, failed, point in (
        ("A-negated", "(12)", x + (FIELD_MODULUS - int.from_bytes(y, "big")).to_bytes(HALF, "big")),
        ("A-another", "(12)", group.encode_uncompressed(group.generator())),
        ("A-outside-the-subgroup", "(12)", OUTSIDE),
        ("A-identity", "encoding", bytes(2 * HALF)),
        ("A-off-the-curve", "encoding", x + x),
        ("A-coordinate-plus-p", "encoding", above + y),
    ):
        yield name, failed, [splice(*path, at=UNCOMPRESSED_BYTES, cut=UNCOMPRESSED_BYTES, paste=point)]
    exchanged = bytes.fromhex(data)[2 * UNCOMPRESSED_BYTES : 3 * UNCOMPRESSED_BYTES] + A
    yield "A-and-B-exchanged", "(12)", [splice(*path, at=UNCOMPRESSED_BYTES, cut=len(exchanged), paste=exchanged)]
    yield "h-plus-r", "encoding", [scalar_plus(*path, data=data, at=size - SCALAR_BYTES, amount=ORDER)]
    yield "cut", "encoding", [splice(*path, at=size - SCALAR_BYTES, cut=SCALAR_BYTES, paste=b"")]
    yield "longer", "encoding", [splice(*path, at=size, cut=0, paste=bytes(SCALAR_BYTES))]
    yield "empty", "encoding", [splice(*path, at=0, cut=size, paste=b"")]


def _places(system: System, size: int) -> Iterator[tuple[str, int]]:
    """Yield the first and the last scalar of each part of an opened proof, with its place."""
    lengths = {
        "g": system.slots,
        "m": system.multiplicities + system.wires,
        "q": len(system.basis),
        "e": system.commitments + 3,
    }
    at = 3 * UNCOMPRESSED_BYTES
    for name, length in lengths.items():
        if length:
            yield f"first-{name}", at
        if length > 1:
            yield f"last-{name}", at + SCALAR_BYTES * (length - 1)
        at += SCALAR_BYTES * length
    yield "h", size - SCALAR_BYTES


def _records(mutates: str, lies: list[Lie]) -> Iterator[Record]:
    for name, failed, edits in lies:
        identity = {"id": f"{mutates}/{name}", "mutates": mutates, "edits": edits}
        yield {**identity, "expected": "reject", "failed": failed}
