"""Writes the vectors of registrations, claims and raw systems: proofs under a randomness that a seed fixes.

After a change of the protocol on purpose, from the folder of the repository::

    python -m tests.vectors.regenerate

and say in the commit which records moved, and why. README.md describes the files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

from circuits import evidence, registration
from circuits.registration import Account, Registration
from tests.vectors import refusals
from tests.vectors.cases import (
    BOOKS,
    CLAIMS,
    MARKET,
    OTHER_SYSTEMS,
    SEQUENCE,
    SYSTEMS,
    VENUE,
    ClaimCase,
    SystemCase,
)
from tests.vectors.randomness import Seeded
from zkmargin.algebra.group import Group, Point, group
from zkmargin.commitments import Opening, commit
from zkmargin.proofs import arithmetic, compact
from zkmargin.proofs.arithmetic import Statement, Witness
from zkmargin.transcript import Transcript

FOLDER = Path(__file__).parent
SOURCE = "zkmargin 0.1.0"
# (0, 2), a point of the curve of order 3.
TORSION = group.decode_on_curve(bytes(95) + b"\x02")

Record = dict[str, Any]


def files() -> dict[str, bytes]:
    """Return the content of every file by name."""
    registered, openings = _registrations()
    contents: dict[str, Any] = {
        "registration.json": registered + list(refusals.registrations(_by_id(registered))),
        "claims.json": _claims(registered, openings),
        "arithmetic.json": _systems(),
    }
    return {name: (json.dumps(content, indent=1) + "\n").encode("ascii") for name, content in contents.items()}


def _registrations() -> tuple[list[Record], dict[str, Opening]]:
    """Return the accepted records, and the openings by account."""
    records, openings = [], {}
    for name, book in BOOKS.items():
        seed = f"registration/{name}"
        randomness = Seeded(seed)
        opening = openings[name] = Opening.fresh(book, randomness)
        document = registration.register(VENUE, name, opening, SEQUENCE, randomness).to_document()
        records.append(_accepted(name, seed, opening=opening.to_document(), account=document))
    # The next state of the smallest account: what is proved about one state is no proof about another.
    seed = "registration/cash/later"
    later = registration.register(VENUE, "cash", openings["cash"], SEQUENCE + 1, Seeded(seed))
    records.append(_accepted("cash/later", seed, opening=openings["cash"].to_document(), account=later.to_document()))
    return records, openings


def _claims(registered: list[Record], openings: dict[str, Opening]) -> Record:
    accounts = {record["id"]: Registration.from_document(record["account"]).account for record in registered}
    made = [_claim(case, accounts[case.account], openings[case.account]) for case in CLAIMS]
    return {"snapshot": MARKET.to_document(), "records": made + list(refusals.claims(_by_id(made)))}


def _claim(case: ClaimCase, account: Account, opening: Opening) -> Record:
    seed = f"claims/{case.id}"
    implementation = Twisted(group) if case.torsion else group
    with mock.patch.object(arithmetic, "group", implementation):
        proof = evidence.prove(MARKET, case.claim, account, opening, Seeded(seed), case.rounds)
    return _accepted(case.id, seed, account=case.account, torsion=case.torsion, proof=proof.to_document())


def _systems() -> Record:
    made = [_system(case) for case in SYSTEMS]
    named = {case.id: case.system for case in SYSTEMS} | OTHER_SYSTEMS
    systems = {name: {**asdict(system), "digest": system.digest.hex()} for name, system in named.items()}
    return {"systems": systems, "records": made + list(refusals.systems(_by_id(made)))}


def _system(case: SystemCase) -> Record:
    tag, seed = f"zkmargin/vectors/{case.id}", f"arithmetic/{case.id}"
    randomness = Seeded(seed)
    openings = [Opening.fresh(book, randomness) for book in case.quantities]
    commitments = [commit(opening) for opening in openings]
    books = [opening.quantities.get(label, 0) for opening in openings for label in case.system.basis]
    witness = Witness([*case.values, *books], [opening.blinding for opening in openings])
    transcript, statement = Transcript(tag.encode()), Statement(case.system, tuple(commitments))
    if case.rounds:
        proof = compact.prove(transcript, statement, witness, case.rounds, randomness).to_bytes()
    else:
        proof = arithmetic.prove(transcript, statement, witness, randomness).to_bytes()
    return _accepted(
        case.id,
        seed,
        tag=tag,
        system=case.id,
        openings=[opening.to_document() for opening in openings],
        values=list(witness.values),
        commitments=[commitment.to_bytes().hex() for commitment in commitments],
        proof=proof.hex(),
        **({"rounds": case.rounds} if case.rounds else {}),
    )


class Twisted:
    """A group whose first multi-scalar multiplication, a prover's A, is off by a point outside the subgroup."""

    def __init__(self, inner: Group) -> None:
        self._inner = inner
        self._fresh = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def msm(self, points: Sequence[Point], scalars: Sequence[int]) -> Point:
        """Return the sum, the first time with `TORSION` added."""
        total = self._inner.msm(points, scalars)
        if not self._fresh:
            return total
        self._fresh = False
        return self._inner.add(total, TORSION)


def _accepted(name: str, seed: str, **content: Any) -> Record:
    return {"id": name, "seed": seed, **content, "expected": "accept", "source": SOURCE}


def _by_id(records: list[Record]) -> dict[str, Record]:
    return {record["id"]: record for record in records}


if __name__ == "__main__":
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
