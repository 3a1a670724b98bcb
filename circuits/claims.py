"""Claims about a registered account: the statement that everything in this project is for.

Statement
---------
    PK{ (q, gamma) : C = sum_i q_i P_i + gamma H and the book q satisfies the claim at the snapshot }

for an account whose registration has been verified, or for the sum of several (`circuits.groups`). The claim's circuit
is the plain margin rule in constraints; when a book does not satisfy it, the plain rule tells the prover what is
missing.

Transcript
----------
    absorb snapshot / absorb model / absorb claim / absorb account / then `zkmargin.proofs.arithmetic`
    (snapshot: its digest; model: the digest of its parameters; claim: canonical JSON; account: venue, name, sequence;
    a group absorbs "group" in place of "account": all members, with their commitments)
    A proof that is part of a ledger's entry also absorbs, after the account, entry: the binding of that entry.

A proof for another account, state, venue, epoch, snapshot, model, threshold or kind fails at its first challenge.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from circuits import registration
from circuits.builder import Circuit
from circuits.groups import Subject
from circuits.margin import composed, cross, scenario
from circuits.registration import REGISTERED_BITS
from circuits.systems import Shape, assign, compile_circuit
from zkmargin import documents
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.amounts import bounded
from zkmargin.commitments import Opening
from zkmargin.encoding import encode_scalars
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot
from zkmargin.proofs import arithmetic, batch, compact, masks
from zkmargin.proofs.constraints import System
from zkmargin.proofs.masks import Prepared
from zkmargin.transcript import Transcript

TAG = b"zkmargin/claim/1"
MAX_BATCH = 65_536
MAX_JOBS = 256
CACHED_STATEMENTS = 64

# So many proofs are added up together: more share the generators a little better and the memory caches much worse.
MOST_TOGETHER = 1_024

# So many of them are held decoded at a time.
_CHUNK = 256
Result = TypeVar("Result")
_MODELS = {"cross": cross.circuit, "scenario": scenario.circuit}


def prove(
    snapshot: Snapshot,
    claim: Claim,
    account: Subject,
    opening: Opening,
    randomness: Randomness = system_randomness,
    rounds: int = 0,
    prepared: Prepared | None = None,
    binding: bytes = b"",
) -> bytes:
    """Return a proof that the book behind the account's commitment satisfies the claim at the snapshot.

    Args:
        snapshot: The market.
        claim: What is claimed.
        account: The public state of an account, or a group of them; its commitment opens to `opening`.
        opening: The secret book and blinding factor.
        randomness: Source of the masks; vectors pin it.
        rounds: 0 for an opened proof, fast to make; more for a compact one, smaller the more rounds it has.
        prepared: What `prepare` returned for this claim and basis; only for an opened proof, and for this one.
        binding: Of the ledger's entry that the proof is a part of; empty for a claim that stands alone.

    Raises:
        WitnessError: if the book does not satisfy the claim (with `shortfall_units`), or if its surplus, or the
            difference of two pieces of a charge, is beyond the model's capacity and cannot be expressed.
        StatementError: if the claim does not fit the snapshot or the account.
        EncodingError: if the opening is not the commitment's.
    """
    registration.check_belongs(account, opening)
    statement, transcript = _open(snapshot, claim, account, binding)
    try:
        compiled = _compiled(snapshot, claim, account.basis, account.quantity_bits)
        values = assign(compiled.circuit, statement.system, [opening])
    except WitnessError:
        outcome = rules.assess(snapshot, claim, Book(opening.quantities))
        if outcome.holds:
            raise
        raise WitnessError("the book does not satisfy the claim", outcome.shortfall_units) from None
    if rounds and prepared:
        raise StatementError(f"prepared masks serve an opened proof: rounds must be 0, got {rounds}")
    if rounds:
        return compact.prove(transcript, statement, values, rounds, randomness).to_bytes()
    return arithmetic.prove(transcript, statement, values, randomness, prepared).to_bytes()


def prepare(snapshot: Snapshot, claim: Claim, account: Subject, opening: Opening) -> Prepared:
    """Return what a proof of the claim needs and no market decides, so that it is faster when the next mark is there.

    It serves one proof of the same claim about the same basis, at this snapshot or at a later one with the same models.

    Args:
        snapshot: The market now.
        claim: What will be claimed.
        account: The public state, now or later.
        opening: Its blinding factor hedges the masks against a weak random source.
    """
    statement, _ = _open(snapshot, claim, account)
    return masks.prepare(statement.system.shape, encode_scalars([opening.blinding]))


def verify(snapshot: Snapshot, claim: Claim, account: Subject, proof: bytes, rounds: int = 0) -> None:
    """Return if the proof holds. The account's registration must have been verified once.

    Args:
        snapshot: The market.
        claim: What is claimed.
        account: The public state.
        proof: What `prove` returned.
        rounds: What it was made with: part of the statement, bound like the rest.

    Raises:
        StatementError: if the claim does not fit the snapshot or the account.
        EncodingError: if the proof is not canonical.
        VerificationError: if it does not hold.
    """
    item = Item(snapshot, claim, account, proof, rounds)
    equation = folded(item) if rounds else arithmetic.equations([challenged(item)])[0]
    if batch.bad_positions([equation]):
        raise VerificationError("the claim is not proved by this proof", failed="(12)")


@dataclass(frozen=True, slots=True)
class Item:
    """One proof of a batch, with what it is about."""

    snapshot: Snapshot
    claim: Claim
    account: Subject
    proof: bytes
    rounds: int = 0
    binding: bytes = b""


def verify_batch(items: Sequence[Item], jobs: int = 1) -> None:
    """Return if every proof holds, with one multi-scalar multiplication for every 1,024; forms may be mixed.

    Args:
        items: At most 65,536 proofs.
        jobs: Processes to share them out to. The first call starts them and takes a second or two; they stay for the
            next.

    Raises:
        StatementError: if there are too many items or jobs, or, naming the first such item, if a claim does not fit
            its snapshot or account.
        VerificationError: with the `positions` of all bad proofs, malformed ones included; no good one is among them.
    """
    if len(items) > MAX_BATCH:
        raise StatementError(f"a batch must have at most {MAX_BATCH} proofs, got {len(items)}")
    bounded("jobs", jobs, 1, MAX_JOBS)
    share = min(MOST_TOGETHER, max(1, -(-len(items) // jobs)))
    parts = [(items[start : start + share], start) for start in range(0, len(items), share)]
    bad = [position for found in _shared_out(_bad_positions, parts, jobs) for position in found]
    if bad:
        named = ", ".join(map(str, bad[:10])) + (", .." if len(bad) > 10 else "")
        message = f"{len(bad)} of {len(items)} proofs do not hold: {named}"
        raise VerificationError(message, failed="(12)", positions=tuple(bad))


def circuit(snapshot: Snapshot, claim: Claim, basis: tuple[str, ...]) -> Circuit:
    """Return the circuit of a claim over a basis."""
    return _MODELS.get(claim.model, composed.circuit)(snapshot, claim, basis)


def system(snapshot: Snapshot, claim: Claim, basis: tuple[str, ...], quantity_bits: int = REGISTERED_BITS) -> System:
    """Return the constraint system of a claim over a basis whose quantities are below 2^quantity_bits in size.

    Raises:
        StatementError: if the claim does not fit the snapshot or an id of the basis is not listed.
    """
    return _compiled(snapshot, claim, basis, quantity_bits).system


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What all proofs of one claim at one snapshot over one basis share."""

    circuit: Circuit
    system: System
    context: Transcript


_cache: OrderedDict[tuple[bytes, Claim, tuple[str, ...], int], _Compiled] = OrderedDict()
_lock = Lock()


def _compiled(snapshot: Snapshot, claim: Claim, basis: tuple[str, ...], quantity_bits: int) -> _Compiled:
    """Return the compiled claim; the most recent 64 are kept."""
    key = (snapshot.digest(), claim, basis, quantity_bits)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    model = documents.canonical(snapshot.parameters(claim.model).to_document())
    context = Transcript(TAG)
    context.absorb("snapshot", snapshot.digest())
    context.absorb("model", hashlib.sha256(model).digest())
    context.absorb("claim", documents.canonical(claim.to_document()))
    stated = circuit(snapshot, claim, basis)
    compiled = _Compiled(stated, compile_circuit(stated, Shape((basis,), quantity_bits)), context)
    with _lock:
        _cache[key] = compiled
        if len(_cache) > CACHED_STATEMENTS:
            _cache.popitem(last=False)
    return compiled


def _shared_out(job: Callable[..., Result], parts: Sequence[tuple[Any, ...]], jobs: int) -> list[Result]:
    """Return the job's results on every part, in order; more than one part and job make processes."""
    if jobs == 1 or len(parts) < 2:
        return [job(*part) for part in parts]
    # The executor behind joblib's default back end: joblib itself looks for results every ten milliseconds only.
    from joblib.executor import get_memmapping_executor  # start-up time: only who shares out needs it

    results: list[Result] = list(get_memmapping_executor(jobs).map(job, *zip(*parts, strict=True)))
    return results


def _bad_positions(items: Sequence[Item], first: int) -> list[int]:
    """Return the positions, counted from `first`, of every proof that does not hold, ascending."""
    equations: dict[int, batch.Equation] = {}
    bad: list[int] = []
    for start in range(0, len(items), _CHUNK):
        equations |= _equations(dict(enumerate(items[start : start + _CHUNK], first + start)), bad)
    places = list(equations)
    return sorted(bad + [places[found] for found in batch.bad_positions(list(equations.values()))])


def _equations(items: Mapping[int, Item], bad: list[int]) -> dict[int, batch.Equation]:
    """Return the equation of each proof by its position, and add the positions of those that have none to `bad`."""
    equations: dict[int, batch.Equation] = {}
    opened: dict[int, arithmetic.Challenged] = {}
    for position, item in items.items():
        try:
            if item.rounds:
                equations[position] = folded(item)
            else:
                opened[position] = challenged(item)
        except (EncodingError, VerificationError):
            bad.append(position)
        except StatementError as error:
            raise StatementError(f"item {position} of the batch: {error}") from None
    return equations | dict(zip(opened, arithmetic.equations(list(opened.values())), strict=True))


def folded(item: Item) -> batch.Equation:
    """Return the last check of a compact proof, having made every other one.

    Raises:
        StatementError, EncodingError, VerificationError: as `verify`.
    """
    statement, transcript = _open(item.snapshot, item.claim, item.account, item.binding)
    proof = compact.Proof.from_bytes(statement.system, item.rounds, item.proof)
    return compact.equation(transcript, statement, item.rounds, proof)


def challenged(item: Item) -> arithmetic.Challenged:
    """Return an opened proof with its challenges, having made every check but the last.

    Raises:
        StatementError, EncodingError, VerificationError: as `verify`.
    """
    statement, transcript = _open(item.snapshot, item.claim, item.account, item.binding)
    return arithmetic.challenge(transcript, statement, arithmetic.Proof.from_bytes(statement.system, item.proof))


def _open(
    snapshot: Snapshot, claim: Claim, account: Subject, binding: bytes = b""
) -> tuple[arithmetic.Statement, Transcript]:
    """Return the statement, and a transcript that has absorbed everything the proof is bound to."""
    if account.venue != snapshot.venue:
        raise StatementError(f"venue of the account must be {snapshot.venue}, got {account.venue}")
    compiled = _compiled(snapshot, claim, account.basis, account.quantity_bits)
    transcript = compiled.context.copy()
    transcript.absorb(account.context_label, account.context())
    if binding:
        transcript.absorb("entry", binding)
    return arithmetic.Statement(compiled.system, (account.commitment,)), transcript
