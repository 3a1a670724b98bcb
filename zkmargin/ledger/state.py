"""The state of a ledger: an immutable value, made by applying entries and in no other way.

Conservation
------------
    The books of all accounts and of the settlement pots add up to what was deposited and not withdrawn:

        sum_a C_a + sum_i S_i - sum_asset net_asset P_asset  ==  B

    where S_i = -(sum of the settlement legs of instrument i), each q (v P_cash - P_i) + rho H: worth nothing at the
    final price; and B is a sum of points each of which was proved to be a multiple of H. Both sides are public.
    `State.check_conservation` adds up the left one anew.

Bounds
------
    A change has -2^63 <= d_i < 2^63, an account at most 2^48 - 1 of them (its sequence number is checked), so every
    quantity is below 2^111 in size for ever, and below 2^77 for the first 16,383 entries: `circuits.ledger.bits_after`.
    docs/protocols/ledger.md has the induction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from circuits.ledger import bits_after
from circuits.registration import Account
from zkmargin import documents
from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group, is_identity
from zkmargin.errors import LedgerError, UnknownAccountError
from zkmargin.ledger.entries import ACTIVE, Genesis
from zkmargin.ledger.persistent import PersistentMap
from zkmargin.market.snapshot import Snapshot

FORMAT = "zkmargin/state/1"


@dataclass(frozen=True, slots=True)
class Standing:
    """The latest claim that an account's present book is known to satisfy.

    Args:
        kind: ``"maintenance"``, ``"initial"`` or ``"box"``.
        model: The margin model of the claim.
        snapshot: Where it was proved.
        basis: The account's basis then; what was added to it since holds nothing, or the claim would be void.
        width_ppm: Half-width of a box; 0 otherwise.
    """

    kind: str
    model: str
    snapshot: Snapshot
    basis: tuple[str, ...]
    width_ppm: int = 0


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account.

    Args:
        key: Its Ed25519 public key.
        public: Name, sequence number, basis and commitment, with the bound that the ledger keeps.
        status: ``"active"`` or ``"reduce-only"``.
        standing: What is known of the present book, if anything.
        unexposed: Nothing but deposits has happened, so the book cannot owe anything.
    """

    key: bytes
    public: Account
    status: str = ACTIVE
    standing: Standing | None = None
    unexposed: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return what the state's digest covers."""
        standing = self.standing
        return {
            "account": self.public.account,
            "key": self.key.hex(),
            "sequence": self.public.sequence,
            "basis": list(self.public.basis),
            "commitment": self.public.commitment.to_bytes().hex(),
            "status": self.status,
            "unexposed": self.unexposed,
            "standing": None
            if standing is None
            else {
                "kind": standing.kind,
                "model": standing.model,
                "snapshot": standing.snapshot.digest().hex(),
                "basis": list(standing.basis),
                "width_ppm": standing.width_ppm,
            },
        }


@dataclass(frozen=True, slots=True)
class State:
    """Everything that decides whether the next entry is accepted. `State()` is the state before the first record.

    Args:
        genesis: The rules.
        snapshot: The present market.
        finals: Final price in ticks by id of expired instrument.
        accounts: By name.
        applied: Identity of every entry by its id.
        net: Deposits minus withdrawals by asset.
        pots: S_i by id of instrument; see "Conservation".
        blinding: B; see "Conservation".
        history: Hash over the identities of all entries, in their order.
    """

    genesis: Genesis | None = None
    snapshot: Snapshot | None = None
    finals: Mapping[str, int] = field(default_factory=dict)
    accounts: PersistentMap[str, AccountState] = field(default_factory=PersistentMap)
    applied: PersistentMap[str, bytes] = field(default_factory=PersistentMap)
    net: Mapping[str, int] = field(default_factory=dict)
    pots: Mapping[str, Point] = field(default_factory=dict)
    blinding: Point = field(default_factory=group.identity)
    history: bytes = bytes(32)

    @property
    def rules(self) -> Genesis:
        """Return the rules.

        Raises:
            LedgerError: before the first record.
        """
        if self.genesis is None:
            raise LedgerError("the ledger is not open: its first record must be a genesis")
        return self.genesis

    @property
    def market(self) -> Snapshot:
        """Return the present snapshot.

        Raises:
            LedgerError: before the first mark.
        """
        if self.snapshot is None:
            raise LedgerError("the ledger has no market yet: a mark must come first")
        return self.snapshot

    def account(self, name: str) -> AccountState:
        """Return an account.

        Raises:
            UnknownAccountError: if it is not open.
        """
        found = self.accounts.get(name)
        if found is None:
            raise UnknownAccountError(f"account {name} is not open")
        return found

    def held(self) -> Point:
        """Return the left side of the conservation equation, added up from the accounts."""
        commitments = [item.public.commitment.point for item in self.accounts.values()]
        points = [*commitments, *self.pots.values(), *map(generators.book, self.net)]
        if not points:
            return group.identity()
        ones = [1] * (len(commitments) + len(self.pots))
        return group.msm(points, [*ones, *(-amount for amount in self.net.values())])

    def check_conservation(self) -> None:
        """Return if nothing was created or lost.

        Raises:
            LedgerError: if the two sides differ.
        """
        if not group.equal(self.held(), self.blinding):
            raise LedgerError("conservation: the books do not add up to what was deposited and not withdrawn")

    def to_document(self) -> dict[str, Any]:
        """Return the state as a JSON object; the market and the entries by their hashes."""
        return {
            "format": FORMAT,
            "genesis": "" if self.genesis is None else self.genesis.identity().hex(),
            "snapshot": "" if self.snapshot is None else self.snapshot.digest().hex(),
            "finals": dict(self.finals),
            "accounts": [self.accounts[name].to_document() for name in sorted(self.accounts)],
            "net": dict(self.net),
            "pots": {name: _shown(point) for name, point in self.pots.items()},
            "blinding": _shown(self.blinding),
            "history": self.history.hex(),
        }

    def digest(self) -> bytes:
        """Return the 32-byte digest that a checkpoint states."""
        return documents.digest(self.to_document())


def opened(venue: str, name: str, basis: tuple[str, ...], commitment: Any) -> Account:
    """Return the public side of a ledger's account at its first state."""
    return Account(venue, name, 0, basis, commitment, bits_after(0))


def _shown(point: Point) -> str:
    return "" if is_identity(point) else group.encode(point).hex()
