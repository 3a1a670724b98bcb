"""Lies that only the proofs of an entry stop: each constraint, every proof out of its place, every wrong sum."""

import re
from dataclasses import replace

import pytest

from circuits import ledger
from circuits.sizes import digits_for
from tests.attacks.register import register
from tests.ledger.venue import BASIS, EXPIRY, Venue, key, lie
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, WIDE_BYTES, inverse, random_scalar
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.encoding import encode_scalars, reduce_uint
from zkmargin.errors import EncodingError, NotAllowedError, VerificationError, WitnessError
from zkmargin.ledger import compose, duties, keys
from zkmargin.ledger.apply import apply, required
from zkmargin.ledger.duties import BoundedChange, Duty, Holds, OnlyBlinding, OpensOver, Place, Reduces, SettlesAt
from zkmargin.proofs import arithmetic, linear
from zkmargin.transcript import DuplexSponge, derive_session_id

attacked, attacks = register()
BUY = {"USD": -1_000, "BTC-PERP": 10}
PLACE = Place(bytes(32), "test")


def linear_lie(statement, place, witness):
    """A linear proof of a prover who does not look whether it is true."""
    relation = statement.relation()
    nonces = [random_scalar() for _ in witness]
    announcements = b"".join(map(group.encode, relation.difference(nonces, 0)))
    sponge = DuplexSponge(derive_session_id(place.context() + b"-DSFS-with-" + linear.SUITE))
    sponge.absorb(relation.to_bytes())
    sponge.absorb(announcements)
    challenge = reduce_uint(sponge.squeeze(WIDE_BYTES), ORDER)
    responses = [(nonce + challenge * secret) % ORDER for nonce, secret in zip(nonces, witness, strict=True)]
    return announcements + encode_scalars(responses)


def arithmetic_lie(statement, place, values, blindings, monkeypatch):
    """An arithmetic proof of a prover who does not look whether it is true."""
    with monkeypatch.context() as patch:
        patch.setattr(arithmetic, "_check", lambda system, witness: None)
        stated = arithmetic.Statement(statement.system(), statement.about())
        witness = arithmetic.Witness(values, blindings)
        return arithmetic.prove(place.transcript(), stated, witness).to_bytes()


def holds(statement, proof, place=PLACE):
    return duties.faults([Duty(place, statement, proof)]) == []


def digits(value, system, length):
    return [value // system.base**place % system.base for place in range(length)]


@pytest.fixture(scope="module")
def venue():
    made = Venue()
    for name in ("alice", "bob", "carol"):
        made.open(name, 10_000)
    made.trade(["alice", "bob"], BUY)
    return made


def refused(venue, entry, part):
    with pytest.raises((VerificationError, EncodingError), match=re.escape(part)):
        apply(venue.state, entry)


# ---- (1) the bounds of a change --------------------------------------------------------------------------------------


@attacks("(1)")
@pytest.mark.parametrize(
    "lots, true", [(2**63 - 1, True), (-(2**63), True), (2**63, False), (-(2**63) - 1, False), (2**64, False)]
)
def test_a_change_is_bounded_to_the_lot(lots, true, monkeypatch):
    opening = Opening.fresh({"USD": lots})
    statement = BoundedChange(("USD",), commit(opening))
    if true:
        assert holds(statement, statement.prove(PLACE, [opening]))
        return
    with pytest.raises(WitnessError):
        statement.prove(PLACE, [opening])
    system = statement.system()
    shown = digits((lots + 2**63) % 2**64, system, system.digits)
    assert not holds(statement, arithmetic_lie(statement, PLACE, [*shown, lots], [opening.blinding], monkeypatch))


@attacks("(1)")
def test_a_fractional_change_is_refused_although_its_opening_is_true(venue, monkeypatch):
    # A third of a lot modulo the order: three such trades would make a lot that nobody ever paid for.
    third = int(inverse(3))
    blinding = int(random_scalar())
    points = [generators.book("BTC-PERP"), generators.book("USD"), generators.blinding()]
    change = Commitment(group.msm(points, [third, 0, blinding]))
    basis = ("BTC-PERP", "USD")
    over = OpensOver(basis, change)
    assert holds(over, linear_lie(over, PLACE, [third, 0, blinding]))  # it IS the opening
    statement = BoundedChange(basis, change)
    system = statement.system()
    for shown in (0, 1, 2**64 - 1):
        values = [*digits(shown, system, 16), *digits(2**63, system, 16), third, 0]
        assert not holds(statement, arithmetic_lie(statement, PLACE, values, [blinding], monkeypatch))


@attacks("(1)")
def test_changes_that_cancel_only_modulo_the_order_are_refused(venue, monkeypatch):
    # Two parties gain (r - 1) / 2 lots each, the third one lot: modulo the order nothing was made.
    half = int(ORDER - 1) // 2
    lots = [half, half, 1]
    blindings = [int(random_scalar()) for _ in lots]
    bases = [generators.book("USD"), generators.blinding()]
    changes = tuple(
        Commitment(group.msm(bases, [quantity, rho])) for quantity, rho in zip(lots, blindings, strict=True)
    )
    cancel = OnlyBlinding(changes)
    assert holds(cancel, linear_lie(cancel, PLACE, [sum(blindings)]))  # they DO cancel
    for quantity, rho, change in zip(lots, blindings, changes, strict=True):
        statement = BoundedChange(("USD",), change)
        system = statement.system()
        values = [*digits((quantity + 2**63) % 2**64, system, 16), quantity]
        assert holds(statement, arithmetic_lie(statement, PLACE, values, [rho], monkeypatch)) == (quantity == 1)


def test_digits_of_a_change_reach_the_bound_exactly_for_every_size_of_basis():
    for count in (1, 2, 3, 7, 31, 33, 200, 1_000):
        system = ledger.bounds_system(tuple(f"ID-{number:04d}" for number in range(count)))
        assert system.base ** (system.digits // count) == 2**64
    assert {base**length for base, length in ledger.EXACT_BASES.items()} == {2**64}


def test_so_many_changes_as_there_are_numbers_stay_within_the_bound_of_every_claim():
    most = (2**48 - 1) * 2**63
    assert most < 2**ledger.LEDGER_BITS == 2 ** ledger.bits_after(2**48 - 1)
    for entries in (0, 1, 2**14 - 1, 2**14, 2**20):
        assert entries * 2**63 < 2 ** ledger.bits_after(entries)
    assert 2 ** ledger.bits_after(2**14 - 1) <= 2**14 * 2**63, "one entry more and the smaller bound would be false"


def test_the_bound_of_an_account_grows_with_its_number(venue):
    assert venue.state.account("alice").public.quantity_bits == 77
    state = venue.state.account("carol")
    late = replace(state, public=replace(state.public, sequence=2**14 - 2))
    start = replace(venue.state, accounts=venue.state.accounts.set("carol", late))
    for expected in (77, 111, 111):
        entry = keys.sign_all(
            compose.deposit(start, f"d-{expected}-{start.account('carol').public.sequence}", "carol", "USD", 1, "w"),
            venue.operator,
        )
        start = apply(start, entry)
        assert start.account("carol").public.quantity_bits == expected
    same = compose.rekey(
        start,
        "r",
        "carol",
        keys.public_key(key("carol")),
        venue.books["carol"],
        venue.books["carol"] + Opening({"USD": 3}, 0),
    )
    assert (
        apply(start, keys.sign_all(same, venue.keys["carol"], key("carol"))).account("carol").public.quantity_bits
        == 111
    )


# ---- (2) to (4) reductions -------------------------------------------------------------------------------------------


def reduction(venue, held, change, band_ppm=20_000, traded=("BTC-PERP", "USD")):
    """A statement about a book and a change that need not be true, with both openings."""
    book = Opening.fresh(dict.fromkeys(BASIS, 0) | held)
    changed = Opening.fresh(dict.fromkeys(traded, 0) | change)
    statement = Reduces(venue.state.market, BASIS, commit(book), traded, commit(changed), band_ppm)
    return statement, book, changed


def reduction_lie(venue, held, change, chosen, monkeypatch, band_ppm=20_000):
    """Prove a reduction with a chosen product, size and second product for the one instrument; digits follow."""
    statement, book, changed = reduction(venue, held, change, band_ppm)
    system = statement.system()
    q, d, usd = held["BTC-PERP"], change.get("BTC-PERP", 0), change.get("USD", 0)
    product, size, second = chosen
    numbers = [(-product, 128), (size, 64), (10**6 * (usd + 100 * d) + band_ppm * 100 * size, 96)]
    lengths = [digits_for(bits, system.base) for _, bits in numbers]
    shown = [
        item for (value, _), length in zip(numbers, lengths, strict=True) for item in digits(value, system, length)
    ]
    lefts, rights = [d, size - d], [q + d, size + d]
    books = [*(book.quantities[label] for label in BASIS), 0, 0, d, usd]
    values = [*shown, *lefts, *rights, product, second, *books]
    proof = arithmetic_lie(statement, PLACE, values, [book.blinding, changed.blinding], monkeypatch)
    return holds(statement, proof)


def honestly(q, d):
    """What an honest prover chooses for a book of q lots and a change of d."""
    return d * (q + d), abs(d), 0


def test_the_liar_of_these_tests_proves_what_is_true(venue, monkeypatch):
    assert reduction_lie(venue, {"BTC-PERP": 10}, {"BTC-PERP": -4, "USD": 400}, honestly(10, -4), monkeypatch)
    assert reduction_lie(venue, {"BTC-PERP": -10}, {"BTC-PERP": 10, "USD": -1_020}, honestly(-10, 10), monkeypatch)


@attacks("(2)")
@pytest.mark.parametrize("held, bought", [(10, 1), (10, -11), (0, 1), (0, -1), (-10, -1), (-10, 11), (2**40, 2**62)])
def test_no_choice_of_helpers_makes_more_exposure_a_reduction(venue, held, bought, monkeypatch):
    cash = {"USD": -100 * bought}
    true = bought * (held + bought)
    for product in (true, -true, 0, -1, -(2**64)):
        chosen = (product, abs(bought), 0)
        assert not reduction_lie(venue, {"BTC-PERP": held}, {"BTC-PERP": bought} | cash, chosen, monkeypatch)


@attacks("(3)")
@pytest.mark.parametrize("size", [0, 3, 5, 10, 400, 2**63])
def test_the_band_is_not_stretched_by_another_size(venue, size, monkeypatch):
    # Four lots for 2.5 % below the mark: the band of 2 % of their notional does not cover it.
    change = {"BTC-PERP": -4, "USD": 390}
    for second in (0, size * size - 16):
        assert not reduction_lie(venue, {"BTC-PERP": 10}, change, (-4 * (10 - 4), size, second), monkeypatch)


@attacks("(4)")
def test_a_reduction_gives_no_more_away_than_the_band(venue, monkeypatch):
    for usd, band_ppm, true in ((392, 20_000, True), (391, 20_000, False), (400, 0, True), (399, 0, False)):
        change = {"BTC-PERP": -4, "USD": usd}
        assert reduction_lie(venue, {"BTC-PERP": 10}, change, honestly(10, -4), monkeypatch, band_ppm) == true
    statement, book, changed = reduction(venue, {"BTC-PERP": 10}, {"BTC-PERP": -4, "USD": 391})
    with pytest.raises(WitnessError):
        statement.prove(PLACE, [book, changed])


@attacks("(4)")
def test_collateral_that_is_sold_counts_in_full_not_at_its_haircut_value(venue):
    for usd, true in ((98, True), (97, False)):
        statement, book, changed = reduction(venue, {"BTC": 5}, {"BTC": -1, "USD": usd}, traded=("BTC", "USD"))
        if true:
            assert holds(statement, statement.prove(PLACE, [book, changed]))
        else:
            with pytest.raises(WitnessError):
                statement.prove(PLACE, [book, changed])


@attacks("(2)")
def test_a_change_hides_nothing_outside_its_basis(venue, monkeypatch):
    # The change holds BTC-DEC as well, which the trade's basis does not name: the opening proof is what stops it.
    blinding = int(random_scalar())
    points = [generators.book("BTC-DEC"), generators.book("USD"), generators.blinding()]
    change = Commitment(group.msm(points, [5, -500, blinding]))
    over = OpensOver(("BTC-PERP", "USD"), change)
    assert not holds(over, linear_lie(over, PLACE, [0, -500, blinding]))
    assert holds(
        OpensOver(("BTC-DEC", "USD"), change),
        linear_lie(OpensOver(("BTC-DEC", "USD"), change), PLACE, [5, -500, blinding]),
    )


# ---- (5) holding, (6) settlement -------------------------------------------------------------------------------------


@attacks("(5)")
@pytest.mark.parametrize("lots, true", [(0, True), (7, True), (-1, False), (-(2**63), False)])
def test_what_is_owed_is_not_held(lots, true, monkeypatch):
    opening = Opening.fresh(dict.fromkeys(BASIS, 3) | {"BTC": lots})
    statement = Holds(BASIS, "BTC", commit(opening))
    system = statement.system()
    books = [opening.quantities[label] for label in BASIS]
    for shown in (lots % 2**64, 0, 5):
        values = [*digits(shown, system, system.digits), *books]
        proof = arithmetic_lie(statement, PLACE, values, [opening.blinding], monkeypatch)
        assert holds(statement, proof) == (true and shown == lots)


@attacks("(6)")
def test_a_leg_at_another_price_or_with_anything_else_in_it_is_no_settlement():
    rho = int(random_scalar())
    for usd, lots, value, true in (
        (1_030, -10, 103, True),
        (1_040, -10, 103, False),
        (0, 0, 103, True),
        (0, -10, 0, True),
        (1, -10, 0, False),
    ):
        leg = commit(Opening({"USD": usd, "BTC-DEC": lots}, rho))
        statement = SettlesAt("USD", "BTC-DEC", value, leg)
        assert holds(statement, linear_lie(statement, PLACE, [-lots, rho])) == true
    junk = commit(Opening({"USD": 1_030, "BTC-DEC": -10, "BTC-PERP": 1}, rho))
    statement = SettlesAt("USD", "BTC-DEC", 103, junk)
    assert not holds(statement, linear_lie(statement, PLACE, [10, rho]))


@pytest.fixture(scope="module")
def expired():
    made = Venue()
    for name in ("alice", "bob"):
        made.open(name, 10_000)
    made.trade(["alice", "bob"], {"USD": -1_000, "BTC-DEC": 10})
    made.move(EXPIRY, BTC_DEC=103)
    return made


def forged_settle(expired, lots, value=103):
    """A settlement of some lots at some value, every proof of it made for its place, true or not."""
    book = expired.books["alice"]
    rho = int(random_scalar())
    leg = Opening({"BTC-DEC": -lots, "USD": lots * value}, rho)
    entry, _ = expired.make_settle("alice", "BTC-DEC")
    entry = lie(entry, commitment=commit(leg))
    owed = required(expired.state, entry)
    rest = [label for label in BASIS if label != "BTC-DEC"]
    after = book + leg
    proofs = {
        "leg_proof": linear_lie(owed["leg"].statement, owed["leg"].place, [lots, rho]),
        "bounds_proof": owed["bounds"].statement.prove(owed["bounds"].place, [leg]),
        "opening_proof": linear_lie(
            owed["opening"].statement,
            owed["opening"].place,
            [*(after.quantities[label] for label in rest), after.blinding],
        ),
    }
    return keys.sign_all(lie(entry, **proofs), expired.keys["alice"])


def test_a_settlement_moves_all_lots_and_at_the_final_price(expired):
    apply(expired.state, forged_settle(expired, 10))
    refused(expired, forged_settle(expired, 9), "opening: the proof does not hold")
    refused(expired, forged_settle(expired, 11), "opening: the proof does not hold")
    refused(expired, forged_settle(expired, 0), "opening: the proof does not hold")
    refused(expired, forged_settle(expired, 10, 104), "leg: the proof does not hold")


# ---- empty books, sums, migrations -----------------------------------------------------------------------------------


def test_an_account_opens_with_an_empty_book(venue):
    secret = Opening.fresh({"BTC-PERP": 0, "USD": 1_000_000})
    entry, _ = venue.make_open("mallory", ("BTC-PERP", "USD"))
    entry = lie(entry, commitment=commit(secret))
    owed = required(venue.state, entry)["blinding"]
    with pytest.raises(WitnessError):
        owed.statement.prove(owed.place, secret.blinding)
    forged = lie(entry, blinding_proof=linear_lie(owed.statement, owed.place, [secret.blinding]))
    refused(venue, keys.sign_all(forged, key("mallory"), venue.operator), "blinding: the proof does not hold")


def test_changes_that_do_not_cancel_are_refused(venue):
    legs = [BUY, {"USD": 999, "BTC-PERP": -10}, {"USD": 2}]
    openings = [Opening.fresh(dict.fromkeys(("BTC-PERP", "USD"), 0) | leg) for leg in legs]
    sides = [compose.Side(name) for name in ("alice", "bob", "carol")]
    with pytest.raises(WitnessError):
        compose.trade(venue.state, "t", sides, openings)
    good = [openings[0], openings[1], Opening({"BTC-PERP": 0, "USD": 1}, openings[2].blinding)]
    entry = compose.trade(venue.state, "t", sides, good)
    entry = lie(entry, changes=(*entry.changes[:2], replace(entry.changes[2], commitment=commit(openings[2]))))
    owed = required(venue.state, entry)
    changes = [
        replace(
            change,
            opening_proof=owed[f"change {number} opening"].statement.prove(
                owed[f"change {number} opening"].place, opening
            ),
            bounds_proof=owed[f"change {number} bounds"].statement.prove(
                owed[f"change {number} bounds"].place, [opening]
            ),
        )
        for number, (change, opening) in enumerate(zip(entry.changes, openings, strict=True))
    ]
    total = sum(opening.blinding for opening in openings)
    forged = linear_lie(owed["zero sum"].statement, owed["zero sum"].place, [total])
    entry = lie(entry, changes=tuple(changes), zero_sum_proof=forged)
    for name, opening in zip(("alice", "bob", "carol"), openings, strict=True):
        entry = compose.guard(venue.state, entry, name, venue.books[name], opening)
    refused(venue, venue.resigned(entry), "zero sum: the proof does not hold")


def test_a_rekey_keeps_the_book(venue):
    richer = Opening.fresh(venue.lots("carol") | {"USD": venue.lots("carol")["USD"] + 1})
    with pytest.raises(WitnessError):
        venue.make_rekey("carol", key("new"), richer)
    same = Opening.fresh(venue.lots("carol"))
    entry = lie(venue.make_rekey("carol", key("new"), same), commitment=commit(richer))
    owed = required(venue.state, entry)["reblinding"]
    delta = richer.blinding - venue.books["carol"].blinding
    entry = lie(entry, reblinding_proof=linear_lie(owed.statement, owed.place, [delta]))
    refused(venue, keys.sign_all(entry, venue.keys["carol"], key("new")), "reblinding: the proof does not hold")


def test_an_id_that_holds_something_does_not_leave_the_basis(venue):
    book = venue.books["alice"]
    rest = {label: lots for label, lots in book.quantities.items() if label != "BTC-PERP"}
    entry = keys.sign_all(
        lie(venue.make_rekey("alice", key("new"), book), basis=tuple(sorted(rest))), venue.keys["alice"], key("new")
    )
    owed = required(venue.state, entry)["opening"]
    witness = [*(rest[label] for label in entry.basis), book.blinding]
    forged = lie(entry, opening_proof=linear_lie(owed.statement, owed.place, witness))
    refused(venue, keys.sign_all(forged, venue.keys["alice"], key("new")), "opening: the proof does not hold")


# ---- proofs out of their place ---------------------------------------------------------------------------------------

PARTS = {
    "open": ["blinding"],
    "withdrawal": ["margin", "held"],
    "settle": ["leg", "bounds", "opening"],
    "rekey": ["reblinding", "opening"],
    "trade": ["change 0 opening", "change 0 bounds", "margin of alice", "margin of bob"],
    "trade of three": [
        *(f"change {number} {part}" for number in range(3) for part in ("opening", "bounds")),
        "zero sum",
        *(f"reduction of {name}" for name in ("alice", "bob", "carol")),
    ],
}


def whole(venue, expired):
    """An entry of every kind that has proofs, and the venue that accepts it."""
    venue.deposit("alice", 50, "BTC")
    small = Opening({label: lots for label, lots in venue.lots("bob").items() if label != "BTC"}, 12_345)
    legs = [{"USD": 100, "BTC-PERP": -1}, {"USD": -101, "BTC-PERP": 1}, {"USD": 1}]
    return {
        "open": (venue, venue.make_open("dave")[0]),
        "withdrawal": (venue, venue.make_withdrawal("alice", 1, "BTC")),
        "settle": (expired, expired.make_settle("alice", "BTC-DEC")[0]),
        "rekey": (venue, venue.make_rekey("bob", venue.keys["bob"], small)),
        "trade": (venue, venue.make_trade(["alice", "bob"], [BUY])[0]),
        "trade of three": (venue, venue.make_trade(["alice", "bob", "carol"], legs, ["reduction"] * 3)[0]),
    }


def resigned(where, entry):
    if entry.kind == "rekey":
        return keys.sign_all(entry, where.keys["bob"], where.keys["bob"])
    return where.resigned(entry)


def test_no_proof_can_be_moved_to_another_entry(venue, expired):
    for kind, (where, one) in whole(venue, expired).items():
        apply(where.state, one)
        owed = required(where.state, one)
        again = list(required(where.state, lie(one, id="another")).values())
        assert [fault.part for fault in duties.faults(again)] == list(owed) == PARTS[kind]
        refused(where, resigned(where, lie(one, id="another")), f"{PARTS[kind][0]}: the proof does not hold")


def test_the_guards_of_two_parties_cannot_be_exchanged(venue):
    one, _ = venue.make_trade(["alice", "bob"], [BUY])
    first, second = one.parties
    crossed = (replace(first, guard=second.guard), replace(second, guard=first.guard))
    found = duties.faults(list(required(venue.state, lie(one, parties=crossed)).values()))
    assert [fault.part for fault in found] == ["margin of alice", "margin of bob"]


def test_a_claim_that_stands_alone_is_no_guard(venue):
    one, own = venue.make_trade(["alice", "bob"], [BUY])
    statement = required(venue.state, one)["margin of alice"].statement
    alone = statement.prove(Place(b"", "claim"), venue.books["alice"] + own["alice"])
    party = replace(one.parties[0], guard=replace(one.parties[0].guard, proof=alone))
    found = duties.faults(list(required(venue.state, lie(one, parties=(party, one.parties[1]))).values()))
    assert [fault.part for fault in found] == ["margin of alice"]


def test_a_margin_proof_is_about_the_state_after(venue):
    one, _ = venue.make_trade(["alice", "bob"], [BUY])
    owed = required(venue.state, one)["margin of alice"]
    before = replace(owed.statement, account=replace(venue.state.account("alice").public))
    proof = before.prove(owed.place, venue.books["alice"])
    assert holds(before, proof, owed.place)
    assert not holds(owed.statement, proof, owed.place)


def test_every_proof_of_an_entry_is_looked_at(venue, expired):
    for where, entry in whole(venue, expired).values():
        owed = required(where.state, entry)
        assert written_proofs(entry.to_document()) - {""} == {duty.proof.hex() for duty in owed.values()}
        assert len({duty.proof for duty in owed.values()}) == len(owed)
        for duty in owed.values():
            for wrong in (b"", duty.proof[:-1], duty.proof + b"\x00", bytes([duty.proof[0] ^ 0x80]) + duty.proof[1:]):
                assert [fault.part for fault in duties.faults([replace(duty, proof=wrong)])] == [duty.place.part]


def written_proofs(document):
    """Every value of a field whose name ends in `proof`."""
    found = set()
    for name, value in document.items():
        if isinstance(value, dict):
            found |= written_proofs(value)
        elif isinstance(value, list):
            found |= {text for item in value if isinstance(item, dict) for text in written_proofs(item)}
        elif name.endswith("proof"):
            found.add(value)
    return found


def test_the_two_sides_of_a_trade_are_the_same_change_and_cannot_be_two(venue):
    one, _ = venue.make_trade(["alice", "bob"], [BUY])
    after = apply(venue.state, one)
    moved = [after.account(name).public.commitment for name in ("alice", "bob")]
    before = [venue.state.account(name).public.commitment for name in ("alice", "bob")]
    assert moved[0] + moved[1] == before[0] + before[1]


def test_nobody_pays_out_what_only_others_brought(venue):
    with pytest.raises(NotAllowedError, match="not more than the BTC that was deposited"):
        apply(venue.state, venue.resigned(lie(venue.make_withdrawal("alice", 1), asset="BTC", amount=2**62)))


def test_every_numbered_constraint_has_an_attack():
    assert set(attacked) == set(re.findall(r"^    (\(\d+\)) ", ledger.__doc__, re.MULTILINE))
