"""A small venue for tests: a market, accounts whose openings are known, and the shortest way to make an entry."""

import random
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zkmargin.commitments import Opening
from zkmargin.ledger import compose, keys
from zkmargin.ledger.apply import apply
from zkmargin.ledger.compose import Side
from zkmargin.ledger.entries import MARGIN, Checkpoint, Genesis, Mark, Status
from zkmargin.ledger.state import State
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Collateral, Linear
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

VENUE = "test"
EXPIRY = 1_000
BASIS = ("BTC", "BTC-DEC", "BTC-PERP", "USD")
INITIAL = Claim("initial", "cross")
MAINTENANCE = Claim("maintenance", "cross")
_MAINTENANCE = TierTable((Tier(0, 50_000),))
_INITIAL = TierTable((Tier(0, 100_000),))


def market():
    """Marks of 100: one unit a tick a lot, 10 % initial and 5 % maintenance margin; BTC-DEC expires at 1,000 s."""
    linear = [Listing(Linear("BTC-DEC", 1, EXPIRY), 100), Listing(Linear("BTC-PERP", 1), 100)]
    listings = (Listing(Collateral("BTC", 1), 100, haircut_ppm=100_000), *linear, Listing(Cash("USD")))
    names = [listing.id for listing in linear]
    parameters = CrossParameters(1, dict.fromkeys(names, _MAINTENANCE), dict.fromkeys(names, _INITIAL))
    return Snapshot(VENUE, 1, 0, listings, cross=parameters)


def key(name):
    """The key of a name: the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(random.Random(f"key of {name}").randbytes(32))


class Venue:
    """A ledger together with everybody's secrets; what it makes is applied to `state` unless told otherwise."""

    def __init__(self, snapshot=None, claim=INITIAL, band_ppm=20_000):
        self.operator = key("operator")
        self.keys = {}
        self.books = {}
        self.log = []
        self.number = 0
        self.state = State()
        genesis = Genesis(
            venue=VENUE,
            id="genesis",
            operator=keys.public_key(self.operator),
            claim=claim,
            cash="USD",
            band_ppm=band_ppm,
        )
        self.put(keys.sign_all(genesis, self.operator))
        self.mark(market() if snapshot is None else snapshot)

    def id(self, kind):
        self.number += 1
        return f"{kind}-{self.number}"

    def put(self, entry):
        """Apply an entry that is complete."""
        self.state = apply(self.state, entry)
        self.log.append(entry)
        return entry

    def mark(self, snapshot):
        return self.put(keys.sign_all(Mark(venue=VENUE, id=self.id("mark"), snapshot=snapshot), self.operator))

    def move(self, valid_from=1, **marks):
        """The next epoch, with marks by id (`_` for `-`)."""
        moved = {name.replace("_", "-"): ticks for name, ticks in marks.items()}
        return self.mark(self.state.market.next(valid_from, moved))

    def make_open(self, name, basis=BASIS):
        opening = Opening.fresh(dict.fromkeys(basis, 0))
        entry = compose.open_account(self.state, self.id("open"), name, keys.public_key(key(name)), opening)
        return keys.sign_all(entry, key(name), self.operator), opening

    def open(self, name, usd=0, basis=BASIS):
        entry, opening = self.make_open(name, basis)
        self.put(entry)
        self.keys[name], self.books[name] = key(name), opening
        if usd:
            self.deposit(name, usd)
        return entry

    def make_deposit(self, name, amount, asset="USD"):
        entry = compose.deposit(self.state, self.id("deposit"), name, asset, amount, "wire-1")
        return keys.sign_all(entry, self.operator)

    def deposit(self, name, amount, asset="USD"):
        entry = self.put(self.make_deposit(name, amount, asset))
        self.books[name] += Opening({asset: amount}, 0)
        return entry

    def make_withdrawal(self, name, amount, asset="USD"):
        made = compose.withdrawal(self.state, self.id("withdrawal"), name, asset, amount, "wire-2", self.books[name])
        return keys.sign_all(made, self.keys[name])

    def withdraw(self, name, amount, asset="USD"):
        entry = self.put(self.make_withdrawal(name, amount, asset))
        self.books[name] += Opening({asset: -amount}, 0)
        return entry

    def make_trade(self, names, changes, forms=None, entry_id=None):
        """A trade between accounts, whole; changes are dictionaries: one for two parties, or one for each."""
        forms = forms or [MARGIN] * len(names)
        openings = [Opening.fresh(change) for change in changes]
        sides = [Side(name, form) for name, form in zip(names, forms, strict=True)]
        entry = compose.trade(self.state, entry_id or self.id("trade"), sides, openings)
        own = [openings[0], -openings[0]] if entry.mirrored else openings
        for name, change in zip(names, own, strict=True):
            entry = compose.guard(self.state, entry, name, self.books[name], change)
        return keys.sign_all(entry, *(self.keys[name] for name in names)), dict(zip(names, own, strict=True))

    def book_trade(self, entry, own):
        self.put(entry)
        for name, change in own.items():
            self.books[name] += change
        return entry

    def trade(self, names, *changes, forms=None):
        return self.book_trade(*self.make_trade(names, changes, forms))

    def make_settle(self, name, instrument):
        entry, after = compose.settle(self.state, self.id("settle"), name, instrument, self.books[name])
        return keys.sign_all(entry, self.keys[name]), after

    def settle(self, name, instrument="BTC-DEC"):
        entry, after = self.make_settle(name, instrument)
        self.put(entry)
        self.books[name] = after
        return entry

    def make_rekey(self, name, new_key, opening):
        made = compose.rekey(self.state, self.id("rekey"), name, keys.public_key(new_key), self.books[name], opening)
        return keys.sign_all(made, self.keys[name], new_key)

    def rekey(self, name, new_key, opening):
        entry = self.put(self.make_rekey(name, new_key, opening))
        self.keys[name], self.books[name] = new_key, opening
        return entry

    def claim(self, name, claim=MAINTENANCE):
        return self.put(compose.claim(self.state, self.id("claim"), name, claim, self.books[name]))

    def status(self, name, status):
        made = Status(
            venue=VENUE,
            id=self.id("status"),
            account=name,
            epoch=self.state.market.epoch,
            status=status,
            reason="called",
        )
        return self.put(keys.sign_all(made, self.operator))

    def checkpoint(self):
        made = Checkpoint(
            venue=VENUE, id=self.id("checkpoint"), epoch=self.state.market.epoch, state=self.state.digest()
        )
        return self.put(keys.sign_all(made, self.operator))

    def resigned(self, entry):
        """The entry signed anew by everybody who has to sign it: what a cheat with all keys can send."""
        if entry.kind in ("deposit", "status", "mark", "checkpoint"):
            return keys.sign_all(entry, self.operator)
        if entry.kind == "trade":
            return keys.sign_all(entry, *(self.keys[party.account] for party in entry.parties))
        if entry.kind == "open":
            return keys.sign_all(entry, key(entry.account), self.operator)
        return keys.sign_all(entry, self.keys[entry.account])

    def lots(self, name):
        return dict(self.books[name].quantities)


def lie(entry, **changes):
    """The entry with other fields and the old proofs and signatures."""
    return replace(entry, **changes)
