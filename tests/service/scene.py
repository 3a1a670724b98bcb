"""A small venue with real keys, real proofs and a clock that stands where the test puts it."""

import functools
import json
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from circuits import evidence, registration
from verifier_api.service import accounts, epochs
from verifier_api.service import venue as venues
from verifier_api.service.intake import Intake, Limits
from verifier_api.service.replay import compare, rebuild
from verifier_api.service.rules import Rules, Timing
from verifier_api.service.venue import Venue, state_of
from verifier_api.service.windows import MINUTE_MS, SECOND_MS, Duration
from verifier_api.store.journal import Store
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.margin.claim import Claim
from zkmargin.market import oracle
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.oracle import Committee, SignedSnapshot
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

_bodies = {}
NAME = "demo"
BEGINNING = 1_767_225_600  # 2026-01-01 00:00 UTC, in seconds
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ORACLES = {name: Ed25519PrivateKey.from_private_bytes(name.encode() * 32) for name in "abc"}
COMMITTEE = Committee(NAME, 0, 2, {name: key.public_key().public_bytes_raw() for name, key in ORACLES.items()})
PROOF, GRACE, CURE = 30 * SECOND_MS, 10 * SECOND_MS, 5 * MINUTE_MS
RULES = Rules(1, "cross", Timing(Duration(PROOF), Duration(GRACE), Duration(CURE), Duration(60 * MINUTE_MS)))

MAINTENANCE = Claim("maintenance", "cross")
BAND = Claim("maintenance", "cross", Ratio(6, 5))
INITIAL = Claim("initial", "cross")
BOX = Claim("box", "cross", Ratio(6, 5), 50_000)


@functools.cache
def market() -> Snapshot:
    tiers = TierTable((Tier(0, 5_000), Tier(10**12, 10_000)))
    initial = TierTable((Tier(0, 10_000), Tier(10**12, 20_000)))
    listings = (Listing(Linear("BTC-PERP", 10), 9_000_000, funding_ticks=500), Listing(Cash("USD")))
    parameters = CrossParameters(1, {"BTC-PERP": tiers}, {"BTC-PERP": initial})
    return Snapshot(NAME, 1, BEGINNING, listings, cross=parameters)


def signed(snapshot, committee=COMMITTEE, names="ab"):
    message = oracle.snapshot_message(committee, snapshot)
    return SignedSnapshot(snapshot, tuple(oracle.sign(name, ORACLES[name], message) for name in names))


@dataclass
class Holder:
    """An account's own side: its book, and the proofs that it makes."""

    name: str
    opening: Opening
    registered: registration.Registration

    def body(self, snapshot, claim=BAND):
        """Return a submission: a proof of the claim at the snapshot, made once."""
        wanted = (self.registered.account.commitment.to_bytes(), snapshot.digest(), claim)
        if wanted not in _bodies:
            found = evidence.prove(snapshot, claim, self.registered.account, self.opening)
            _bodies[wanted] = json.dumps(found.to_document()).encode()
        return _bodies[wanted]

    def changed(self, **lots):
        """Return the holder with another book, in the next state."""
        return make(self.name, dict(self.opening.quantities) | lots, self.registered.account.sequence + 1)


def make(name, lots, sequence=0):
    opening = Opening.fresh(lots)
    return Holder(name, opening, registration.register(NAME, name, opening, sequence))


@functools.cache
def holder(name):
    """One of the accounts that every test shares: short a few lots, with cash to spare."""
    return make(name, {"BTC-PERP": -3 - len(name), "USD": 1_234_567_891})


@dataclass
class Scene:
    """A venue, its time, and the snapshot in force."""

    venue: Venue
    now_ms: int
    snapshot: Snapshot | None = None

    @property
    def store(self):
        return self.venue.store

    def publish(self, after_ms=0, **change):
        """Open the next epoch, with marks, funding or a breaker of its own."""
        self.now_ms += after_ms
        if self.snapshot is None:
            self.snapshot = market()
        else:
            self.snapshot = self.snapshot.next(self.now_ms // 1_000, change.pop("marks", {}), **change)
        return epochs.publish(self.venue, signed(self.snapshot), self.now_ms)

    def enrol(self, *holders):
        for item in holders:
            accounts.enrol(self.venue, item.registered, self.now_ms)

    def submit(self, *pairs, limits=None):
        """Submit (key, body) pairs at once and return their receipts, without the signatures."""
        with Intake(self.venue, limits or Limits(workers=1), lambda: self.now_ms) as intake:
            answers = [intake.submit(key, body) for key, body in pairs]
        return [answer.result(0)["document"] for answer in answers]

    def state(self, name):
        with self.store.reading() as unit:
            return state_of(unit.account(name))

    def status(self, name):
        return self.state(name).status.value

    def log(self):
        with self.store.reading() as unit:
            return list(unit.log())

    def check(self):
        """Replay the log and compare it with the projection."""
        with self.store.reading() as unit:
            replay = rebuild(unit.log(), unit.head())
            compare(replay, unit.accounts())
        return replay


def scene(url, rules=RULES):
    store = Store(url)
    return Scene(venues.found(store, NAME, rules, COMMITTEE, KEY, BEGINNING * 1_000), BEGINNING * 1_000)


def strict(**change):
    """Return the rules with some fields changed."""
    return replace(RULES, **change)
