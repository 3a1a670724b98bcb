"""Attacks on a wallet and on what it leaves in the log, with real entries and proofs.

The attacker has the file and the log, now and earlier, may change both, and may run the venue. It has neither the
passphrase nor the seed.
"""

import shutil
from dataclasses import replace
from itertools import combinations

import pytest

from tests.ledger.wallets import PASSPHRASE, WalletVenue
from zkmargin import documents
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.client import sealing
from zkmargin.client.seed import Seed
from zkmargin.client.wallet import Wallet
from zkmargin.commitments import Opening, commit
from zkmargin.errors import EncodingError, LedgerError, StatementError, ZkMarginError
from zkmargin.ledger import compose
from zkmargin.ledger.apply import apply
from zkmargin.ledger.entries import Open, Trade, signed
from zkmargin.margin.claim import Claim
from zkmargin.testing import strategies
from zkmargin.testing.plain import DEPOSIT, TRADE, Order

MARKET = strategies.snapshot({"PERP": 1_000})


@pytest.fixture
def venue():
    """Alice and Bob have wallets, cash, and two trades."""
    made = WalletVenue(MARKET, Claim("initial", "cross"), Claim("maintenance", "cross"))
    for name in ("alice", "bob"):
        made.open(name)
        made.apply(Order(f"pay-{name}", DEPOSIT, {name: {"USD": 100_000}}, {name: 0}))
    made.apply(fill("t-1", 3, 1))
    made.apply(fill("t-2", 4, 2))
    yield made
    made.folder.cleanup()


def fill(entry, lots, sequence):
    legs = {who: strategies.fill(MARKET, "PERP", sign * lots, 1_000) for who, sign in (("alice", 1), ("bob", -1))}
    return Order(entry, TRADE, legs, dict.fromkeys(legs, sequence))


def wallet_of(venue, name="alice"):
    return venue._holders[name].wallet


def restore(venue, entries, *, account="alice", seed=None, state=None):
    wallet = wallet_of(venue, account)
    path = wallet._file.path.with_name("restored")
    secret = seed or Seed.from_backup(wallet.backup())
    with Wallet.restore(path, "test", account, PASSPHRASE, secret, entries, state or venue.state, log2_n=14) as made:
        found = made.opening()
    path.unlink()
    return found


def replaced(entries, old, new):
    return [new if entry is old else entry for entry in entries]


def trades(venue):
    return [entry for entry in venue.log if isinstance(entry, Trade)]


# ---- The log ---------------------------------------------------------------------------------------------------------


def test_the_honest_log_restores(venue):
    assert restore(venue, venue.log) == wallet_of(venue).opening()


def test_a_memo_of_another_entry_does_not_open(venue):
    first, second = trades(venue)
    for target, source in ((first, second), (second, first)):
        parties = (replace(target.parties[0], memo=source.parties[0].memo), target.parties[1])
        with pytest.raises(EncodingError, match="not one that this seed sealed"):
            restore(venue, replaced(venue.log, target, replace(target, parties=parties)))


def test_a_memo_of_the_other_party_does_not_open(venue):
    first, _ = trades(venue)
    left, right = first.parties
    swapped = replace(first, parties=(replace(left, memo=right.memo), replace(right, memo=left.memo)))
    for account in ("alice", "bob"):
        with pytest.raises(EncodingError, match="not one that this seed sealed"):
            restore(venue, replaced(venue.log, first, swapped), account=account)


def test_an_entry_whose_memo_was_exchanged_is_not_accepted_by_the_ledger(venue):
    """Memos are among the terms that signatures bind: a venue cannot even garble one."""
    state = venue.state
    venue.apply(fill("t-3", 1, 3))
    entry = venue.log[-1]
    garbled = replace(entry, parties=(replace(entry.parties[0], memo=bytes(66)), entry.parties[1]))
    assert apply(state, entry).history == venue.state.history
    with pytest.raises(LedgerError, match="signature"):
        apply(state, garbled)


def test_a_trade_turned_round_in_the_log_restores_nothing(venue):
    first, _ = trades(venue)
    turned = replace(first, parties=tuple(reversed(first.parties)))
    with pytest.raises(EncodingError, match="not one that this seed sealed"):
        restore(venue, replaced(venue.log, first, turned))


def test_a_log_of_another_account_restores_nothing(venue):
    seed = Seed.from_backup(wallet_of(venue, "bob").backup())
    with pytest.raises(EncodingError, match="opened with a key that is not of this seed"):
        restore(venue, venue.log, seed=seed)


def test_an_account_that_a_venue_opened_with_the_stolen_name_and_key_restores_nothing(venue):
    """The venue knows the key and every commitment of Alice, but seals no memo that her seed opens."""
    opened = next(entry for entry in venue.log if isinstance(entry, Open) and entry.account == "alice")
    forged = replace(opened, memo=bytes(len(opened.memo)))
    with pytest.raises(EncodingError, match="not one that this seed sealed"):
        restore(venue, replaced(venue.log, opened, forged))


def test_a_log_that_ends_early_restores_nothing_but_the_state_it_ends_with(venue):
    with pytest.raises(StatementError, match="lead to state 2 of alice, the ledger is at state 3"):
        restore(venue, venue.log[:-1])


def test_a_memo_shows_nothing_of_what_it_hides(venue):
    """Equal trades of equal accounts have unrelated memos, and every memo of a basis has one length."""
    memos = [party.memo for entry in trades(venue) for party in entry.parties]
    assert {len(memo) for memo in memos} == {66}
    for one, two in combinations(memos, 2):
        assert sum(a == b for a, b in zip(one, two, strict=True)) < 16


# ---- Blinding factors ------------------------------------------------------------------------------------------------


def shares_a_factor(one: Opening, two: Opening) -> bool:
    """What everybody would see: the difference of two commitments is a small combination of the bases of the book."""
    difference = group.add(commit(one).point, group.negate(commit(two).point))
    lots = {name: one.quantities.get(name, 0) - two.quantities.get(name, 0) for name in one.quantities | two.quantities}
    return group.equal(difference, group.msm([*map(generators.book, lots)], [*lots.values()]))


def test_with_a_factor_per_entry_alone_a_second_attempt_would_show_the_difference():
    """The mistake that the derivation avoids."""
    assert shares_a_factor(Opening({"USD": -1_000, "PERP": 1}, 777), Opening({"USD": -2_000, "PERP": 2}, 777))


def test_an_old_copy_that_goes_on_by_itself_shares_no_blinding_factor_with_what_happened(venue):
    wallet = wallet_of(venue)
    path, seen = wallet._file.path, []
    old = path.with_name("old")
    shutil.copy(path, old)
    with Wallet.open(old, PASSPHRASE) as rolled_back:
        for lots in (1, 2, -1):
            change = strategies.fill(MARKET, "PERP", lots, 1_000)
            seen += [rolled_back.prepare("t-3", change).opening, rolled_back.prepare(f"t-3-{lots}", change).opening]
    venue.apply(fill("t-3", 5, 3))
    with Wallet.open(old, PASSPHRASE) as rolled_back:
        seen.append(rolled_back.prepare("t-4", strategies.fill(MARKET, "PERP", 6, 1_000)).opening)
        rolled_back.follow(venue.log, venue.state)
        assert rolled_back.opening() == wallet.opening()
        seen.append(rolled_back.prepare("t-4", strategies.fill(MARKET, "PERP", 7, 1_000)).opening)
    seen.append(wallet.prepare("t-4", strategies.fill(MARKET, "PERP", 8, 1_000)).opening)
    seen.append(wallet.opening())
    assert not any(shares_a_factor(one, two) for one, two in combinations(seen, 2))


def test_what_an_old_copy_signs_is_refused_by_the_ledger(venue):
    wallet = wallet_of(venue)
    old = wallet._file.path.with_name("old")
    shutil.copy(wallet._file.path, old)
    state = venue.state
    venue.apply(fill("t-3", 5, 3))
    with Wallet.open(old, PASSPHRASE) as rolled_back:
        made = compose.withdrawal(state, "w-1", "alice", "USD", 1, "wire", rolled_back.opening())
        entry = signed(made, rolled_back.sign(made))
    apply(state, entry)
    with pytest.raises(LedgerError, match="sequence"):
        apply(venue.state, entry)


def test_two_wallets_of_one_seed_share_no_blinding_factor_unless_they_do_the_same(venue):
    wallet = wallet_of(venue)
    twin_path = wallet._file.path.with_name("twin")
    seed = Seed.from_backup(wallet.backup())
    with Wallet.restore(twin_path, "test", "alice", PASSPHRASE, seed, venue.log, venue.state, log2_n=14) as twin:
        one, two = (made.prepare("t-3", {"PERP": lots, "USD": 0}).opening for made, lots in ((wallet, 1), (twin, 2)))
        assert not shares_a_factor(one, two)
        same = twin.prepare("t-3", {"PERP": 1, "USD": 0})
        assert same.opening == one
        assert same.memo == wallet.prepare("t-3", {"PERP": 1, "USD": 0}).memo


def test_one_seed_at_two_venues_and_for_two_accounts_shares_no_blinding_factor(tmp_path):
    seed, seen, keys = Seed(bytes(32)), [], set()
    for venue, account in (("test", "alice"), ("test", "bob"), ("other", "alice")):
        path = tmp_path / f"{venue}-{account}"
        with Wallet.create(path, venue, account, PASSPHRASE, seed=seed, log2_n=14) as wallet:
            seen.append(wallet.prepare("open", {}).opening.blinding)
            keys.add(wallet.public_key)
    assert len(set(seen)) == len(keys) == 3


# ---- The file --------------------------------------------------------------------------------------------------------


def test_an_attacker_who_swaps_parts_of_two_files_of_one_wallet_gains_nothing(venue):
    """Header, nonce and content of one writing belong together."""
    wallet = wallet_of(venue)
    first = documents.parse(wallet._file.path.read_bytes())
    wallet.prepare("t-3", {"USD": 1})
    second = documents.parse(wallet._file.path.read_bytes())
    assert first["scrypt"] == second["scrypt"]
    for name in ("nonce", "sealed"):
        with pytest.raises(EncodingError, match="the passphrase is wrong, or the wallet was changed"):
            sealing.unseal(documents.canonical(first | {name: second[name]}), PASSPHRASE)


def test_a_file_of_another_account_in_place_of_ones_own_signs_nothing_of_it(venue):
    """Under the same passphrase it opens, and says whose it is: it has another key and concerns another account."""
    bob = wallet_of(venue, "bob")
    made = bob.prepare("t-3", {"PERP": 1, "USD": -1_000})
    first, _ = trades(venue)
    for_alice = replace(first, id="t-3", changes=(replace(first.changes[0], commitment=made.commitment),))
    only_alice = replace(for_alice, parties=(first.parties[0], replace(first.parties[1], account="carol")))
    with pytest.raises(StatementError, match="does not concern bob"):
        bob.sign(only_alice)


def test_a_malicious_state_moves_no_wallet(venue):
    """Another commitment, another basis, another number, another key: none of it is what the entries lead to."""
    wallet = wallet_of(venue)
    known = venue.state.account("alice")
    before = wallet._contents
    lies = [
        replace(known, public=replace(known.public, commitment=commit(Opening({"USD": 1}, 1)))),
        replace(known, public=replace(known.public, sequence=known.public.sequence + 1)),
        replace(known, public=replace(known.public, basis=("USD",))),
        replace(known, key=bytes(32)),
    ]
    for lie in lies:
        state = replace(venue.state, accounts=venue.state.accounts.set("alice", lie))
        with pytest.raises(ZkMarginError):
            wallet.follow(venue.log, state)
        assert wallet._contents is before
