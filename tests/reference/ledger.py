"""The second verifier's reading of a ledger: digests, signatures, and the proofs of entries, from docs/wire-format.md.

Linear proofs, bounds of changes, holdings, reductions and margin claims; commitments are followed through a log on its
own. Rules that need no proof it skips, but for signatures, sequence numbers and the price of a settlement.
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from py_ecc.optimized_bls12_381 import add, is_inf, neg

from tests.reference import two_books
from tests.reference.primitives import (
    SUITE,
    Transcript,
    compress,
    decompress,
    generator,
    le,
    r,
    scalar,
    scalars,
    session_of,
    squeeze,
    times,
    total,
)
from tests.reference.reading import canonical, digest, need
from tests.reference.systems import System, claim_system, combine, constant, owed
from tests.reference.verifier import CLAIM_TAG, account_context, check_arithmetic

TAG = b"zkmargin/ledger/1"
KNOWN = 1 + 111


# ---- Digests and signatures ------------------------------------------------------------------------------------------


def without_proofs(value):
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if not name.endswith("proof")}
        return {name: inner if name == "evidence" else without_proofs(inner) for name, inner in kept.items()}
    return [without_proofs(inner) for inner in value] if isinstance(value, list) else value


def hashed(purpose, document):
    return hashlib.sha256(b"zkmargin/ledger/" + purpose + b"/1\x00" + canonical(document)).digest()


def binding(entry):
    kept = {name: value for name, value in entry.items() if name != "signatures"}
    return hashed(b"binding", without_proofs(kept))


def check_signatures(entry, signers):
    need(len(entry["signatures"]) == len(signers), "number of signatures")
    signed = {name: value for name, value in entry.items() if name != "signatures"}
    message = b"zkmargin/signature/1\x00" + hashed(b"digest", signed)
    for signature, key in zip(entry["signatures"], signers, strict=True):
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
        except InvalidSignature:
            need(False, "a signature does not hold")


# ---- Linear proofs ---------------------------------------------------------------------------------------------------


def check_linear(bound, part, elements, image, terms, proof):
    """Verify a batchable proof of one equation; elements after E_0, image and terms as the table says."""
    count = 1 + max(secret for secret, _, _ in terms)
    need(len(proof) == 48 + 32 * count, f"length of {part}")
    announcement, s = decompress(proof[:48]), scalars(proof[48:])
    relation = le(1) + le(len(image)) + b"".join(le(place) + scalar(factor) for place, factor in image)
    relation += le(len(terms))
    relation += b"".join(le(secret) + le(place) + scalar(factor) for secret, place, factor in terms)
    relation += b"".join(map(compress, elements))
    tag = TAG + b"\x00" + bound + part.encode() + b"-DSFS-with-" + SUITE
    challenge = int.from_bytes(squeeze(session_of(tag), relation + proof[:48], 48), "little") % r
    left = [(s[secret] * factor % r, elements[place - 1]) for secret, place, factor in terms]
    right = [(challenge * factor % r, neg(elements[place - 1])) for place, factor in image]
    need(is_inf(total([*left, *right, (1, neg(announcement))])), f"{part} does not hold")


def book(label):
    return generator("book", label.encode())


def check_opening(bound, part, basis, commitment, proof):
    elements = [*map(book, basis), generator("blinding"), commitment]
    terms = [(place, place + 1, 1) for place in range(len(basis) + 1)]
    check_linear(bound, part, elements, [(len(elements), 1)], terms, proof)


def check_blinding(bound, part, commitments, proof):
    image = [(2 + place, 1) for place in range(len(commitments))]
    check_linear(bound, part, [generator("blinding"), *commitments], image, [(0, 1, 1)], proof)


# ---- Arithmetic proofs and claims ------------------------------------------------------------------------------------


class ExactSystem(System):
    """A system whose base is 4, 16 or 256, whichever costs least."""

    def cost(self, base):
        return super().cost(base) if base in (4, 16, 256) else float("inf")


def check_bounds(bound, part, basis, commitment, proof):
    system = ExactSystem(basis, known=0)
    for label in basis:
        system.nonnegative(combine((1, {label: 1}), (1, constant(2**63))), 64)
    check_system(bound, part, system, commitment, proof)


def check_held(bound, part, basis, asset, commitment, proof):
    system = System(basis, known=KNOWN)
    system.nonnegative({asset: 1, None: 0}, 64)
    check_system(bound, part, system, commitment, proof)


def check_reduction(bound, part, snapshot, band_ppm, books, commitments, proof):
    """Verify that a change, the second book, only reduces what the first one holds or owes."""
    listings = {listing["id"]: listing for listing in snapshot["listings"]}
    system, terms = two_books.System(books, known=KNOWN), []
    for label in books[1]:
        listing, d = listings[label], system.quantity(label, 1)
        mark = listing.get("mark_ticks")
        terms.append((10**6 * (1 if listing["kind"] == "cash" else owed(listing, mark)), d))
        if listing["kind"] != "cash":
            left = combine((1, system.quantity(label, 0)), (1, d))
            system.nonnegative(combine((-1, system.product(d, left))), 128)
            s = system.number(64)
            system.zero(system.product(combine((1, s), (-1, d)), combine((1, s), (1, d))))
            terms.append((band_ppm * listing["multiplier"] * mark, s))
    system.nonnegative(combine(*terms), 96)
    transcript = Transcript(TAG)
    transcript.absorb("entry", bound)
    transcript.absorb("part", part.encode())
    two_books.check(transcript, system.finish(), commitments, proof)


def check_system(bound, part, system, commitment, proof):
    transcript = Transcript(TAG)
    transcript.absorb("entry", bound)
    transcript.absorb("part", part.encode())
    check_arithmetic(transcript, system.finish(), commitment, proof)


def check_margin(bound, snapshot, claim, account, rounds, proof):
    transcript = Transcript(CLAIM_TAG)
    transcript.absorb("snapshot", digest(snapshot))
    transcript.absorb("model", hashlib.sha256(canonical(snapshot["models"][claim["model"]])).digest())
    transcript.absorb("claim", canonical(claim))
    transcript.absorb("account", account_context(account))
    if bound:
        transcript.absorb("entry", bound)
    known = 1 + 77 if account["sequence"] < 2**14 else KNOWN
    system = claim_system(snapshot, claim, account["basis"], known=known)
    check_arithmetic(transcript, system, account["point"], proof, rounds)


# ---- A log -----------------------------------------------------------------------------------------------------------


class Ledger:
    """What the second verifier knows after some entries; `apply` checks the next one."""

    def __init__(self):
        self.accounts, self.rules, self.snapshot = {}, None, None

    def apply(self, entry):
        getattr(self, f"_{entry['kind']}")(entry, binding(entry))

    def _genesis(self, entry, bound):
        self.rules = entry
        check_signatures(entry, [entry["operator"]])

    def _mark(self, entry, bound):
        self.snapshot = entry["snapshot"]
        check_signatures(entry, [self.rules["operator"]])

    def _status(self, entry, bound):
        check_signatures(entry, [self.rules["operator"]])

    _checkpoint = _status

    def _open(self, entry, bound):
        point = decompress(bytes.fromhex(entry["commitment"]))
        check_signatures(entry, [entry["key"], self.rules["operator"]])
        check_blinding(bound, "blinding", [point], bytes.fromhex(entry["blinding_proof"]))
        self.accounts[entry["account"]] = {
            "venue": entry["venue"],
            "account": entry["account"],
            "sequence": 0,
            "basis": entry["basis"],
            "key": entry["key"],
            "point": point,
        }

    def _moved(self, name, sequence, change):
        account = self.accounts[name]
        need(account["sequence"] == sequence, "sequence")
        self.accounts[name] = account | {"sequence": sequence + 1, "point": add(account["point"], change)}
        return self.accounts[name]

    def _deposit(self, entry, bound):
        check_signatures(entry, [self.rules["operator"]])
        self._moved(entry["account"], entry["sequence"], times(entry["amount"], book(entry["asset"])))

    def _withdrawal(self, entry, bound):
        check_signatures(entry, [self.accounts[entry["account"]]["key"]])
        paid = neg(times(entry["amount"], book(entry["asset"])))
        after = self._moved(entry["account"], entry["sequence"], paid)
        self._margin(bound, after, entry["rounds"], entry["margin_proof"])
        if entry["held_proof"]:
            held = bytes.fromhex(entry["held_proof"])
            check_held(bound, "held", after["basis"], entry["asset"], after["point"], held)

    def _margin(self, bound, after, rounds, proof):
        check_margin(bound, self.snapshot, self.rules["claim"], after, rounds, bytes.fromhex(proof))

    def _trade(self, entry, bound):
        check_signatures(entry, [self.accounts[party["account"]]["key"] for party in entry["parties"]])
        points = []
        for number, change in enumerate(entry["changes"]):
            points.append(decompress(bytes.fromhex(change["commitment"])))
            part, opening, bounds = (
                f"change {number}",
                *(bytes.fromhex(change[f"{n}_proof"]) for n in ("opening", "bounds")),
            )
            check_opening(bound, f"{part} opening", entry["basis"], points[-1], opening)
            check_bounds(bound, f"{part} bounds", entry["basis"], points[-1], bounds)
        if len(points) == 1:
            points.append(neg(points[0]))
        else:
            check_blinding(bound, "zero sum", points, bytes.fromhex(entry["zero_sum_proof"]))
        for party, point in zip(entry["parties"], points, strict=True):
            name, guard = party["account"], party["guard"]
            before, after = self.accounts[name], self._moved(name, party["sequence"], point)
            if guard["form"] == "margin":
                self._margin(bound, after, guard["rounds"], guard["proof"])
            else:
                books, commitments = [before["basis"], entry["basis"]], [before["point"], point]
                part, proof = f"reduction of {name}", bytes.fromhex(guard["proof"])
                check_reduction(bound, part, self.snapshot, self.rules["band_ppm"], books, commitments, proof)

    def _settle(self, entry, bound):
        check_signatures(entry, [self.accounts[entry["account"]]["key"]])
        (listing,) = (item for item in self.snapshot["listings"] if item["id"] == entry["instrument"])
        need(entry["price_ticks"] == listing["mark_ticks"], "the price")
        value, cash = listing["multiplier"] * entry["price_ticks"], self.rules["cash"]
        D = decompress(bytes.fromhex(entry["commitment"]))
        elements = [book(entry["instrument"]), generator("blinding"), D, *([book(cash)] if value else [])]
        terms = [(0, 1, r - 1), (1, 2, 1), *([(0, 4, value)] if value else [])]
        check_linear(bound, "leg", elements, [(3, 1)], terms, bytes.fromhex(entry["leg_proof"]))
        pair = sorted((cash, entry["instrument"]))
        check_bounds(bound, "bounds", pair, D, bytes.fromhex(entry["bounds_proof"]))
        after = self._moved(entry["account"], entry["sequence"], D)
        after["basis"] = [label for label in after["basis"] if label != entry["instrument"]]
        check_opening(bound, "opening", after["basis"], after["point"], bytes.fromhex(entry["opening_proof"]))

    def _rekey(self, entry, bound):
        old = self.accounts[entry["account"]]
        check_signatures(entry, [old["key"], entry["key"]])
        new = decompress(bytes.fromhex(entry["commitment"]))
        if compress(new) != compress(old["point"]):
            elements = [generator("blinding"), old["point"], new]
            proof = bytes.fromhex(entry["reblinding_proof"])
            check_linear(bound, "reblinding", elements, [(3, 1), (2, r - 1)], [(0, 1, 1)], proof)
        if not set(old["basis"]) <= set(entry["basis"]):
            check_opening(bound, "opening", entry["basis"], new, bytes.fromhex(entry["opening_proof"]))
        moved = {"sequence": old["sequence"] + 1, "basis": entry["basis"], "key": entry["key"], "point": new}
        self.accounts[entry["account"]] = old | moved

    def _claim(self, entry, bound):
        shown = entry["evidence"]
        account = self.accounts[shown["account"]]
        need(shown["sequence"] == account["sequence"], "sequence")
        proof = bytes.fromhex(shown["proof"])
        check_margin(b"", self.snapshot, shown["claim"], account, shown["rounds"], proof)
