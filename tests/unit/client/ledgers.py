"""A ledger for tests of the wallet: entries without proofs, and the state that they would lead to.

The wallet leaves it to the ledger to check proofs; what it must find out by itself is whether an entry can be opened
and whether everything together opens the account's commitment. `tests/ledger` has the same with real proofs.
"""

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zkmargin.commitments import Opening, commit
from zkmargin.ledger import keys
from zkmargin.ledger.entries import Change, Deposit, Genesis, Guard, Open, Party, Rekey, Settle, Trade, Withdrawal
from zkmargin.ledger.state import AccountState, State, opened
from zkmargin.margin.claim import Claim

VENUE = "demo"
BASIS = ("FUTURE", "PERP", "USD")
OPERATOR = keys.public_key(Ed25519PrivateKey.from_private_bytes(bytes(32)))
GENESIS = Genesis(
    venue=VENUE, id="genesis", operator=OPERATOR, claim=Claim("initial", "cross"), cash="USD", band_ppm=0, signatures=()
)
NO_GUARD = Guard(form="margin", rounds=0, proof=b"")


class Ledger:
    """One account of it, played by hand."""

    def __init__(self, account="alice"):
        self.account = account
        self.entries = [GENESIS]
        self.state = State(genesis=GENESIS)

    def _add(self, entry, commitment, *, basis=None, key=None):
        before = self.state.accounts.get(self.account)
        if before is None:
            after = AccountState(entry.key, opened(VENUE, self.account, entry.basis, commitment))
        else:
            public = replace(
                before.public,
                sequence=before.public.sequence + 1,
                commitment=commitment,
                basis=basis or before.public.basis,
            )
            after = replace(before, public=public, key=key or before.key)
        self.entries.append(entry)
        self.state = replace(self.state, accounts=self.state.accounts.set(self.account, after))
        return entry

    @property
    def present(self):
        return self.state.account(self.account).public.commitment

    @property
    def sequence(self):
        return self.state.account(self.account).public.sequence

    def _named(self, entry, **fields):
        return {"venue": VENUE, "id": entry, "signatures": ()} | fields

    def _own(self, entry, **fields):
        return self._named(entry, account=self.account, sequence=self.sequence, **fields)

    def open(self, wallet, entry="open", basis=BASIS):
        record = self.opening_of(wallet, entry, basis)
        wallet.sign(record)
        return self._add(record, record.commitment)

    def opening_of(self, wallet, entry, basis=BASIS):
        made = wallet.prepare(entry, {})
        return Open(
            **self._named(entry, account=self.account, key=wallet.public_key, basis=basis),
            commitment=made.commitment,
            memo=made.memo,
            blinding_proof=b"",
        )

    def deposit(self, amount, entry, asset="USD"):
        record = Deposit(**self._own(entry, asset=asset, amount=amount, reference="wire"))
        return self._add(record, self.present + commit(Opening({asset: amount}, 0)))

    def withdraw(self, amount, entry):
        fields = self._own(entry, asset="USD", amount=amount, reference="wire", rounds=0, snapshot=bytes(32))
        record = Withdrawal(**fields, margin_proof=b"", held_proof=b"")
        return self._add(record, self.present + commit(Opening({"USD": -amount}, 0)))

    def trade_of(self, made, *, place=0, mirrored=True, other="bob"):
        """The trade of a prepared change, not yet applied."""
        mine = Party(account=self.account, sequence=self.sequence, guard=NO_GUARD, memo=made.memo)
        parties = [Party(account=other, sequence=7, guard=NO_GUARD, memo=b"")]
        parties.insert(place, mine)
        pair = [Change(commitment=-made.commitment, opening_proof=b"", bounds_proof=b"")]
        pair.insert(place, replace(pair[0], commitment=made.commitment))
        return Trade(
            **self._named(made.entry, snapshot=bytes(32), basis=tuple(made.opening.quantities)),
            changes=tuple(pair[:1] if mirrored else pair),
            parties=tuple(parties),
            zero_sum_proof=b"",
        )

    def apply_trade(self, trade, made):
        return self._add(trade, self.present + made.commitment)

    def trade(self, wallet, entry, change, **options):
        made = wallet.prepare(entry, change)
        record = self.trade_of(made, **options)
        wallet.sign(record)
        return self.apply_trade(record, made)

    def settle(self, wallet, entry, instrument, value):
        lots = wallet.opening().quantities[instrument]
        made = wallet.prepare(entry, {instrument: -lots, "USD": lots * value})
        fields = self._own(entry, instrument=instrument, price_ticks=value, commitment=made.commitment, memo=made.memo)
        record = Settle(**fields, leg_proof=b"", bounds_proof=b"", opening_proof=b"")
        wallet.sign(record)
        rest = tuple(name for name in self.state.account(self.account).public.basis if name != instrument)
        return self._add(record, self.present + made.commitment, basis=rest)

    def rekey(self, wallet, entry, *, basis=None, new_key=False, reblind=True):
        key = wallet.next_public_key if new_key else wallet.public_key
        basis = basis or self.state.account(self.account).public.basis
        commitment, sealed = self.present, b""
        if reblind:
            made = wallet.prepare(entry, {})
            commitment, sealed = self.present + made.commitment, made.memo
        fields = self._own(entry, key=key, basis=basis, commitment=commitment, memo=sealed)
        record = Rekey(**fields, reblinding_proof=b"", opening_proof=b"")
        wallet.sign(record)
        if new_key:
            wallet.sign_with_next_key(record)
        return self._add(record, commitment, basis=basis, key=key)
