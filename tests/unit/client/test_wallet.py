"""The wallet: what it prepares, what it signs, what it believes, and how it comes back from the log and the seed."""

import logging
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client.ledgers import VENUE, Ledger
from zkmargin.algebra.scalars import ORDER
from zkmargin.client.contents import Contents
from zkmargin.client.seed import Seed
from zkmargin.client.wallet import Wallet
from zkmargin.commitments import Opening, commit
from zkmargin.errors import EncodingError, StatementError, ZkMarginError
from zkmargin.ledger import keys
from zkmargin.ledger.entries import Mark, signed
from zkmargin.market import sample

PASSPHRASE = "correct horse battery"
SEED = Seed(bytes(range(32)))


@pytest.fixture
def wallet(tmp_path):
    with Wallet.create(tmp_path / "w", VENUE, "alice", PASSPHRASE, seed=SEED, log2_n=14) as made:
        yield made


@pytest.fixture
def ledger(wallet):
    """An account that has done everything once; the wallet has followed."""
    played = Ledger()
    played.open(wallet)
    follow(wallet, played)
    played.deposit(1_000_000, "d-1")
    follow(wallet, played)
    played.trade(wallet, "t-1", {"FUTURE": 3, "USD": -300})
    follow(wallet, played)
    played.trade(wallet, "t-2", {"PERP": -2, "USD": 180}, place=1)
    follow(wallet, played)
    played.trade(wallet, "t-3", {"USD": 7}, mirrored=False)
    follow(wallet, played)
    played.withdraw(500, "w-1")
    follow(wallet, played)
    played.settle(wallet, "s-1", "FUTURE", 110)
    follow(wallet, played)
    played.rekey(wallet, "r-1", new_key=True)
    follow(wallet, played)
    return played


BOOK = {"PERP": -2, "USD": 1_000_000 - 300 + 180 + 7 - 500 + 330}


def follow(wallet, ledger):
    wallet.follow(ledger.entries[-1:], ledger.state)


def restored(path, ledger, seed=SEED, account="alice"):
    return Wallet.restore(path, VENUE, account, PASSPHRASE, seed, ledger.entries, ledger.state, log2_n=14)


# ---- Following and restoring -----------------------------------------------------------------------------------------


def test_the_book_follows_the_ledger_and_opens_its_commitment(wallet, ledger):
    assert wallet.opening().quantities == BOOK
    assert commit(wallet.opening()) == ledger.present
    assert (wallet.sequence, wallet.pending()) == (7, ())


def test_a_wallet_opens_again_as_it_was_closed(wallet, ledger, tmp_path):
    wallet.close()
    with Wallet.open(tmp_path / "w", PASSPHRASE) as again:
        assert again.opening() == wallet.opening()
        assert (again.sequence, again.public_key) == (wallet.sequence, wallet.public_key)


def test_a_lost_wallet_is_restored_from_the_log_and_the_seed(wallet, ledger, tmp_path):
    with restored(tmp_path / "again", ledger) as again:
        assert again.opening() == wallet.opening()
        assert again.sequence == wallet.sequence
        assert again.public_key == wallet.public_key == ledger.state.account("alice").key
        assert again.backup() == wallet.backup()


def test_the_seed_of_the_backup_restores(wallet, ledger, tmp_path):
    with restored(tmp_path / "again", ledger, Seed.from_backup(wallet.backup())) as again:
        assert again.opening() == wallet.opening()


def test_an_old_copy_of_the_wallet_catches_up_with_the_log(wallet, ledger, tmp_path):
    old = replace(wallet._contents, sequence=0, opening=None, key_number=0)
    wallet._write(old)
    wallet.follow(ledger.entries, ledger.state)
    assert wallet.opening().quantities == BOOK


def test_entries_that_are_known_or_of_others_are_passed_over(wallet, ledger):
    others = Ledger("bob")
    before = wallet._contents
    wallet.follow([*ledger.entries, *ledger.entries], ledger.state)
    assert wallet._contents == before
    assert others.entries[0].venue == VENUE
    elsewhere = [replace(entry, venue="other") for entry in ledger.entries[1:]]
    wallet.follow(elsewhere, ledger.state)
    assert wallet._contents == before


def test_a_missing_entry_is_named_and_nothing_changes(wallet, ledger, tmp_path):
    for missing in range(1, len(ledger.entries)):
        entries = ledger.entries[:missing] + ledger.entries[missing + 1 :]
        with pytest.raises(StatementError, match=r"follows state|lead to"):
            Wallet.restore(tmp_path / "x", VENUE, "alice", PASSPHRASE, SEED, entries, ledger.state, log2_n=14)
        assert not (tmp_path / "x").exists()


def test_entries_in_another_order_are_refused(ledger, tmp_path):
    ledger.entries[3], ledger.entries[4] = ledger.entries[4], ledger.entries[3]
    with pytest.raises(StatementError, match="follows state 2 of alice, the wallet is at 1"):
        restored(tmp_path / "x", ledger)


def test_an_entry_that_the_ledger_does_not_have_is_not_believed(wallet, ledger):
    before = wallet._contents
    forged = Ledger()
    forged.state, forged.entries = ledger.state, list(ledger.entries)
    forged.deposit(10**9, "forged")
    with pytest.raises(StatementError, match="lead to state 8 of alice, the ledger is at state 7"):
        wallet.follow(forged.entries, ledger.state)
    assert wallet._contents == before


def test_an_entry_with_another_amount_than_the_ledger_has_is_not_believed(wallet, ledger):
    before = wallet._contents
    entry = ledger.deposit(5, "d-2")
    with pytest.raises(EncodingError, match="does not open the commitment of alice at state 8"):
        wallet.follow([replace(entry, amount=6)], ledger.state)
    assert wallet._contents == before
    follow(wallet, ledger)
    assert wallet.opening().quantities["USD"] == BOOK["USD"] + 5


def test_a_change_that_this_wallet_did_not_prepare_is_read_from_its_memo(wallet, ledger, tmp_path):
    """Another wallet of the same seed made the trade."""
    wallet.close()
    with restored(tmp_path / "twin", ledger) as twin:
        ledger.trade(twin, "t-4", {"PERP": 1, "USD": -95})
    with Wallet.open(tmp_path / "w", PASSPHRASE) as again:
        follow(again, ledger)
        assert again.opening().quantities["PERP"] == -1


def test_ids_may_join_and_leave_the_basis(wallet, ledger):
    ledger.rekey(wallet, "r-2", basis=("ETH-PERP", "PERP", "USD"), reblind=False)
    follow(wallet, ledger)
    assert wallet.opening().quantities == BOOK | {"ETH-PERP": 0}
    ledger.rekey(wallet, "r-3", basis=("PERP", "USD"))
    follow(wallet, ledger)
    assert wallet.opening().quantities == BOOK


def test_an_id_of_which_something_is_held_does_not_leave_the_basis(wallet, ledger):
    ledger.rekey(wallet, "r-2", basis=("USD",))
    with pytest.raises(EncodingError, match="of which something is held"):
        follow(wallet, ledger)


def test_a_change_outside_the_basis_is_refused(wallet, ledger):
    ledger.trade(wallet, "t-4", {"DOGE": 1, "USD": -1})
    with pytest.raises(EncodingError, match="ids that the account's basis does not have"):
        follow(wallet, ledger)


def test_a_pending_change_that_another_entry_overtook_is_dropped(wallet, ledger):
    wallet.prepare("t-4", {"PERP": 1, "USD": -95})
    assert wallet.pending() == ("t-4",)
    ledger.deposit(5, "d-2")
    follow(wallet, ledger)
    assert wallet.pending() == ()


@given(seed=st.binary(min_size=32, max_size=32), amounts=st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=6))
@settings(max_examples=10)
def test_whatever_was_traded_is_restored(tmp_path_factory, seed, amounts):
    folder = tmp_path_factory.mktemp("w")
    with Wallet.create(folder / "a", VENUE, "alice", PASSPHRASE, seed=Seed(seed), log2_n=14) as wallet:
        ledger = Ledger()
        ledger.open(wallet)
        follow(wallet, ledger)
        for number, amount in enumerate(amounts):
            ledger.trade(wallet, f"t-{number}", {"PERP": amount, "USD": -amount}, place=number % 2)
            follow(wallet, ledger)
        with restored(folder / "b", ledger, Seed(seed)) as again:
            assert again.opening() == wallet.opening()
            assert again.opening().quantities["PERP"] == sum(amounts)


# ---- Preparing and signing -------------------------------------------------------------------------------------------


def test_a_prepared_change_is_on_the_disk_before_anybody_sees_it(wallet, tmp_path):
    made = wallet.prepare("t-1", {"USD": 5})
    wallet.close()
    with Wallet.open(tmp_path / "w", PASSPHRASE) as again:
        assert again._contents.found("t-1").opening == made.opening


def test_a_retry_is_the_same_change_and_another_change_shares_nothing_with_it(wallet):
    first, again, other = (wallet.prepare("t-1", {"USD": amount}) for amount in (5, 5, 6))
    assert (first.opening, first.memo) == (again.opening, again.memo)
    assert first.opening.blinding != other.opening.blinding
    assert wallet.pending() == ("t-1",)


def test_a_signature_is_the_accounts(wallet):
    entry = Ledger().opening_of(wallet, "open")
    keys.check(signed(entry, wallet.sign(entry)), {"alice": wallet.public_key})


def test_a_key_change_is_signed_by_both_keys(wallet, ledger):
    old, new = wallet.public_key, wallet.next_public_key
    made = wallet.prepare("r-2", {})
    entry = replace(
        ledger.entries[-1],
        id="r-2",
        sequence=7,
        key=new,
        commitment=ledger.present + made.commitment,
        memo=made.memo,
    )
    keys.check(signed(entry, wallet.sign(entry), wallet.sign_with_next_key(entry)), {"old": old, "new": new})
    with pytest.raises(StatementError, match="does not make the next key"):
        wallet.sign_with_next_key(replace(entry, key=old))


def test_the_other_side_of_a_trade_is_accepted_signed_and_restored(wallet, ledger, tmp_path):
    proposal = Opening({"PERP": -1, "USD": 90}, 777)
    made = wallet.accept("t-4", -proposal)
    assert made.commitment == commit(Opening({"PERP": 1, "USD": -90}, -777 % ORDER))
    trade = ledger.trade_of(made, place=1)
    assert trade.changes[0].commitment == commit(proposal)
    wallet.sign(trade)
    ledger.apply_trade(trade, made)
    follow(wallet, ledger)
    with restored(tmp_path / "again", ledger) as again:
        assert again.opening().quantities["PERP"] == -1


UNPREPARED = "something that this wallet did not prepare"


def test_what_was_not_prepared_is_not_signed(wallet, ledger):
    made = wallet.prepare("t-4", {"PERP": 1, "USD": -95})
    trade = ledger.trade_of(made)
    with pytest.raises(StatementError, match=UNPREPARED):
        wallet.sign(replace(trade, id="t-5"))
    with pytest.raises(StatementError, match=UNPREPARED):
        wallet.sign(replace(trade, changes=(replace(trade.changes[0], commitment=ledger.present),)))
    with pytest.raises(StatementError, match=UNPREPARED):
        wallet.sign(replace(trade, parties=tuple(reversed(trade.parties))))  # it would sell where it meant to buy


def test_an_entry_without_the_memo_that_restores_it_is_not_signed(wallet, ledger):
    made = wallet.prepare("t-4", {"PERP": 1, "USD": -95})
    trade = ledger.trade_of(made)
    for sealed in (b"", made.memo[:-1] + bytes([made.memo[-1] ^ 1])):
        parties = (replace(trade.parties[0], memo=sealed), trade.parties[1])
        with pytest.raises(StatementError, match="does not carry this wallet's memo"):
            wallet.sign(replace(trade, parties=parties))


def test_an_entry_for_another_state_venue_or_account_is_not_signed(wallet, ledger):
    made = wallet.prepare("t-4", {"PERP": 1, "USD": -95})
    trade = ledger.trade_of(made)
    later = (replace(trade.parties[0], sequence=8), trade.parties[1])
    with pytest.raises(StatementError, match="was not made for state 7 of alice"):
        wallet.sign(replace(trade, parties=later))
    with pytest.raises(StatementError, match="does not concern alice of demo"):
        wallet.sign(replace(trade, venue="other"))
    with pytest.raises(StatementError, match="does not concern alice of demo"):
        wallet.sign(replace(trade, parties=(replace(trade.parties[0], account="carol"), trade.parties[1])))
    with pytest.raises(StatementError, match="does not concern alice of demo"):
        wallet.sign(Mark(venue=VENUE, id="m-1", signatures=(), snapshot=sample.snapshot()))


def test_an_account_is_opened_once(wallet, ledger):
    entry = ledger.opening_of(wallet, "open-2")
    with pytest.raises(StatementError, match="was not made for state 7"):
        wallet.sign(entry)


def test_a_withdrawal_needs_no_preparation_since_nothing_in_it_is_hidden(wallet, ledger):
    entry = ledger.withdraw(1, "w-2")
    assert len(wallet.sign(entry)) == 64


def test_a_fraction_of_a_lot_is_not_prepared(wallet):
    with pytest.raises(TypeError):
        wallet.prepare("t-1", {"USD": 0.5})
    assert wallet.pending() == ()


def test_too_many_pending_changes_are_refused(wallet):
    contents = wallet._contents
    for number in range(256):
        contents = contents.preparing(f"t-{number}", Opening({}, 1))
    assert contents.preparing("t-0", Opening({}, 2)).found("t-0").opening.blinding == 2
    with pytest.raises(StatementError, match="at most 256 pending"):
        contents.preparing("t-256", Opening({}, 1))


# ---- Files and passphrases -------------------------------------------------------------------------------------------


def test_a_wallet_is_never_overwritten(wallet, ledger, tmp_path):
    wallet.close()
    for make in (
        lambda: Wallet.create(tmp_path / "w", VENUE, "alice", PASSPHRASE, log2_n=14),
        lambda: restored(tmp_path / "w", ledger),
    ):
        with pytest.raises(StatementError, match="exists: a wallet is never overwritten"):
            make()
    with Wallet.open(tmp_path / "w", PASSPHRASE) as again:
        assert again.opening().quantities == BOOK


def test_a_wallet_is_in_use_once(wallet, tmp_path):
    with pytest.raises(StatementError, match="in use by another process"):
        Wallet.open(tmp_path / "w", PASSPHRASE)


def test_a_closed_wallet_changes_nothing(wallet):
    wallet.close()
    with pytest.raises(StatementError, match="is closed"):
        wallet.prepare("t-1", {"USD": 1})
    assert wallet.pending() == ()


def test_the_passphrase_can_be_changed(wallet, ledger, tmp_path):
    wallet.change_passphrase("another long passphrase", log2_n=15)
    wallet.prepare("t-4", {"USD": 1})
    wallet.close()
    with pytest.raises(EncodingError, match="the passphrase is wrong"):
        Wallet.open(tmp_path / "w", PASSPHRASE)
    with Wallet.open(tmp_path / "w", "another long passphrase") as again:
        assert again.pending() == ("t-4",)


def test_a_missing_wallet_is_named_and_leaves_no_lock_behind(tmp_path):
    with pytest.raises(EncodingError, match="no such file"):
        Wallet.open(tmp_path / "none", PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_for_its_owner_alone(wallet, tmp_path):
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o600


def test_an_account_that_is_not_open_has_no_opening(wallet):
    with pytest.raises(StatementError, match="alice is not open yet"):
        wallet.opening()


def test_a_seed_gives_another_account_another_key(tmp_path):
    with Wallet.create(tmp_path / "b", VENUE, "bob", PASSPHRASE, seed=SEED, log2_n=14) as bob:
        assert bob.public_key != keys.public_key(SEED.account_key(VENUE, "alice"))


def test_two_new_wallets_have_two_seeds(tmp_path):
    seeds = set()
    for name in ("a", "b"):
        with Wallet.create(tmp_path / name, VENUE, "alice", PASSPHRASE, log2_n=14) as made:
            seeds.add(made.backup())
    assert len(seeds) == 2


# ---- Secrets ---------------------------------------------------------------------------------------------------------


def test_nothing_secret_is_in_a_repr_an_error_or_a_log(wallet, ledger, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = wallet.prepare("t-4", {"PERP": 31_337, "USD": -271_828})
    shown = [repr(item) for item in (wallet, made, wallet._contents, wallet._contents.pending, wallet._lock, SEED)]
    trade = ledger.trade_of(made)
    attempts = [
        lambda: wallet.sign(replace(trade, id="t-5")),
        lambda: wallet.sign(replace(trade, parties=(replace(trade.parties[0], memo=b""), trade.parties[1]))),
        lambda: wallet.follow([replace(ledger.deposit(5, "d-2"), amount=6)], ledger.state),
        lambda: restored(tmp_path / "x", ledger, Seed(bytes(32))),
        lambda: Wallet.open(tmp_path / "w", "wrong " + PASSPHRASE),
        lambda: Contents.from_document(wallet._contents.to_document() | {"key_number": -1}),
    ]
    for attempt in attempts:
        with pytest.raises(ZkMarginError) as refused:
            attempt()
        shown.append(repr(refused.value))
        context = refused.value.__context__
        shown.append(repr(context))
    text = " ".join([*shown, caplog.text])
    secrets = [
        "31337",
        "271828",
        str(BOOK["USD"]),
        str(int(made.opening.blinding)),
        SEED.secret.hex(),
        wallet._lock.key.hex(),
        PASSPHRASE,
    ]
    assert [secret for secret in secrets if secret in text] == []


def test_contents_have_one_form_and_every_field_is_bounded(wallet, ledger):
    wallet.prepare("t-4", {"USD": 1})
    document = wallet._contents.to_document()
    assert Contents.from_document(document) == wallet._contents
    wrong = [
        {"format": "zkmargin/wallet-contents/2"},
        {"venue": ""},
        {"account": 5},
        {"seed": "00"},
        {"key_number": 2**32},
        {"sequence": 2**48},
        {"opening": {"quantities_lots": {"USD": 2**112}, "blinding": "00" * 32}},
        {"opening": {"quantities_lots": {}, "blinding": "ff" * 32}},
        {"pending": [document["pending"][0] | {"more": 1}]},
        {"pending": document["pending"] * 257},
        {"more": 1},
    ]
    for change in wrong:
        with pytest.raises(EncodingError):
            Contents.from_document(document | change)
    for name in document.keys() - {"opening"}:
        with pytest.raises(EncodingError, match=f"{name} is missing"):
            Contents.from_document({key: value for key, value in document.items() if key != name})
