"""The ledger's vectors: one small log with an entry of every kind, made under a randomness that a seed fixes.

After a change of the protocol on purpose, from the folder of the repository::

    python -m tests.vectors.ledger

An entry draws from the source of seed ``ledger/<id of the entry>`` what `zkmargin.ledger.compose` asks for; openings of
accounts and changes are those that the file states. Keys are Ed25519 seeds, also stated.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vectors.randomness import Seeded
from zkmargin.commitments import Opening
from zkmargin.ledger import compose, keys
from zkmargin.ledger.apply import apply
from zkmargin.ledger.compose import Side
from zkmargin.ledger.entries import Checkpoint, Entry, Genesis, Mark, Status
from zkmargin.ledger.state import State
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

FILE = Path(__file__).with_name("ledger.json")
VENUE = "vectors"
BASIS = ("FUTURE", "USD")
CLAIM = Claim("initial", "cross")
_TIERS = TierTable((Tier(0, 100_000),))
MARKET = Snapshot(
    VENUE,
    epoch=1,
    valid_from=0,
    listings=(Listing(Linear("FUTURE", 1, expiry=10), 100), Listing(Cash("USD"))),
    cross=CrossParameters(1, {"FUTURE": _TIERS}, {"FUTURE": _TIERS}, capacity_bits=32),
)


def key(name: str) -> Ed25519PrivateKey:
    """Return the key of a name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"zkmargin/vectors/key/{name}".encode()).digest())


class Story:
    """A log that grows, and the openings behind it."""

    def __init__(self) -> None:
        self.state = State()
        self.log: list[Entry] = []
        self.books: dict[str, Opening] = {}
        self.openings: dict[str, dict[str, Any]] = {}

    def put(self, entry: Entry, *signers: str) -> None:
        """Sign and apply an entry."""
        signed = keys.sign_all(entry, *map(key, signers))
        self.state = apply(self.state, signed)
        self.log.append(signed)

    def tell(self) -> None:
        """Make one entry of every kind."""
        operator = keys.public_key(key("operator"))
        genesis = Genesis(venue=VENUE, id="genesis", operator=operator, claim=CLAIM, cash="USD", band_ppm=20_000)
        self.put(genesis, "operator")
        self.put(Mark(venue=VENUE, id="mark-1", snapshot=MARKET), "operator")
        for name in ("alice", "bob", "fees"):
            self.open(name)
        self.put(compose.deposit(self.state, "deposit-alice", "alice", "USD", 1_000, "wire-1"), "operator")
        self.put(compose.deposit(self.state, "deposit-bob", "bob", "USD", 1_000, "wire-2"), "operator")
        self.books |= {name: self.books[name] + Opening({"USD": 1_000}, 0) for name in ("alice", "bob")}
        self.trade("trade-1", {"alice": "margin", "bob": "margin"}, [{"FUTURE": 10, "USD": -1_000}])
        legs = [{"FUTURE": -4, "USD": 399}, {"FUTURE": 4, "USD": -400}, {"FUTURE": 0, "USD": 1}]
        self.trade("trade-2", dict.fromkeys(("alice", "bob", "fees"), "reduction"), legs)
        seeded = Seeded("ledger/withdrawal")
        out = compose.withdrawal(self.state, "withdrawal", "bob", "USD", 100, "wire-3", self.books["bob"], 0, seeded)
        self.put(out, "bob")
        self.books["bob"] += Opening({"USD": -100}, 0)
        claimed = Claim("maintenance", "cross")
        self.put(compose.claim(self.state, "claim", "alice", claimed, self.books["alice"], 3, Seeded("ledger/claim")))
        self.status()
        self.put(Mark(venue=VENUE, id="mark-2", snapshot=MARKET.next(10, {"FUTURE": 103})), "operator")
        settled, self.books["alice"] = compose.settle(
            self.state, "settle", "alice", "FUTURE", self.books["alice"], None, b"memo", Seeded("ledger/settle")
        )
        self.put(settled, "alice")
        self.rekey()
        said = Checkpoint(venue=VENUE, id="checkpoint", epoch=2, state=self.state.digest())
        self.put(said, "operator")

    def open(self, name: str) -> None:
        """Open an account over both ids."""
        seeded = Seeded(f"ledger/open-{name}")
        opening = self.books[name] = Opening.fresh(dict.fromkeys(BASIS, 0), seeded)
        self.openings[f"open-{name}"] = opening.to_document()
        public = keys.public_key(key(name))
        entry = compose.open_account(self.state, f"open-{name}", name, public, opening, b"", seeded)
        self.put(entry, name, "operator")

    def trade(self, entry_id: str, forms: dict[str, str], legs: list[dict[str, int]]) -> None:
        """Make a trade between the accounts of `forms`."""
        seeded = Seeded(f"ledger/{entry_id}")
        openings = [Opening.fresh(leg, seeded) for leg in legs]
        for number, opening in enumerate(openings):
            self.openings[f"{entry_id} change {number}"] = opening.to_document()
        sides = [Side(name, form, rounds=4 if form == "margin" else 0) for name, form in forms.items()]
        entry = compose.trade(self.state, entry_id, sides, openings, seeded)
        own = [openings[0], -openings[0]] if entry.mirrored else openings
        for name, change in zip(forms, own, strict=True):
            entry = compose.guard(self.state, entry, name, self.books[name], change, seeded)
        self.put(entry, *forms)
        for name, change in zip(forms, own, strict=True):
            self.books[name] += change

    def status(self) -> None:
        """Call Bob."""
        said = Status(venue=VENUE, id="status", account="bob", epoch=1, status="reduce-only", reason="late")
        self.put(said, "operator")

    def rekey(self) -> None:
        """Move Bob to another key, and to another blinding factor."""
        seeded = Seeded("ledger/rekey")
        moved = Opening.fresh(self.books["bob"].quantities, seeded)
        self.openings["rekey"] = moved.to_document()
        public = keys.public_key(key("bob again"))
        entry = compose.rekey(self.state, "rekey", "bob", public, self.books["bob"], moved, b"", seeded)
        self.put(entry, "bob", "bob again")


def content() -> bytes:
    """Return what the file has to hold."""
    story = Story()
    story.tell()
    names = ("operator", "alice", "bob", "bob again", "fees")
    document = {
        "source": "zkmargin 0.1.0",
        "keys": {name: key(name).private_bytes_raw().hex() for name in names},
        "openings": story.openings,
        "log": [json.loads(entry.canonical_bytes()) for entry in story.log],
        "state": story.state.digest().hex(),
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


if __name__ == "__main__":
    FILE.write_bytes(content())
