"""Knowledge of a preimage of a linear map: the sigma protocol of the CFRG, non-interactive, in both its flavors.

Statement
---------
    PK{ (w_0, .., w_(n-1)) : Y_i = sum over the terms of equation i of coefficient * w_scalar * E_element, for all i }

    where the image Y_i is itself a public combination of the elements: see `zkmargin.proofs.linear_relation`. Relations
    that this project proves are made by `zkmargin.proofs.relations`.
Notation
--------
    map(v)_i    the right-hand side of equation i at the scalars v
    m, n        numbers of equations and of secret scalars
Protocol
--------
    (1)  P:      k_0, .., k_(n-1) <- Z_r;  T_i = map(k)_i
    (2)  P -> V: T
    (3)  V -> P: c
    (4)  P -> V: s_j = k_j + c * w_j
    (5)  V:      the proof has exactly the length that the relation fixes
    (6)  V:      every scalar is canonical; every T_i is a canonical point of the subgroup, not the identity
    (7)  V:      batchable:  map(s)_i == T_i + c * Y_i  for every i
    (8)  V:      compact:    T_i = map(s)_i - c * Y_i  is not the identity, for every i
    (9)  V:      compact:    c is the challenge that these T give
    (10) V:      batch:      sum over proofs p and equations i of z_pi * (map(s_p)_i - c_p * Y_pi - T_pi) == identity,
                             z_pi 128 bits from the operating system, drawn after all proofs are fixed
Transcript
----------
    absorb relation / absorb T / squeeze c
    The sponge starts from the session id of the tag  context || "-DSFS-with-" || suite  (compact: "-CMPT-with-").
Encoding
--------
    batchable (DSFS)    T_0 .. T_(m-1), 48 bytes each, then s_0 .. s_(n-1), 32 bytes big-endian each
    compact (CMPT)      c, then s_0 .. s_(n-1)
Size
----
    batchable 48 m + 32 n bytes, compact 32 + 32 n bytes. Opening over 33 ids: 1,136 or 1,120.
Security
--------
    Special sound from two transcripts, perfect honest-verifier zero-knowledge; docs/protocols/linear.md has the proofs.
    Proofs are not unique: never use the bytes of one as an identifier.

Reference: draft-irtf-cfrg-sigma-protocols (Orru, Yun), suite sigma-proofs_Shake128_BLS12381, and
draft-irtf-cfrg-fiat-shamir; its `commitment` is our announcement T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from zkmargin.algebra.group import COMPRESSED_BYTES, Point, group, is_identity
from zkmargin.algebra.scalars import (
    ORDER,
    SCALAR_BYTES,
    WIDE_BYTES,
    Randomness,
    masks,
    system_randomness,
)
from zkmargin.amounts import bounded
from zkmargin.encoding import decode_scalars, encode_scalars, reduce_uint
from zkmargin.errors import EncodingError, VerificationError, WitnessError
from zkmargin.proofs.linear_relation import Relation
from zkmargin.transcript import DuplexSponge, derive_session_id

SUITE = b"sigma-proofs_Shake128_BLS12381"
MAX_CONTEXT_BYTES = 2**16
MAX_BATCH = 2**16
_WEIGHT_BYTES = 16


class Flavor(Enum):
    """How a proof is written; the marker is part of the tag, so a proof holds under one flavor only."""

    BATCHABLE = b"DSFS"
    COMPACT = b"CMPT"


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One batchable proof in a batch: the arguments of `verify`."""

    relation: Relation
    proof: bytes
    context: bytes


@dataclass(frozen=True, slots=True)
class _Run:
    """A batchable proof, decoded, with its challenge."""

    relation: Relation
    announcements: list[Point]
    challenge: int
    responses: list[int]


def prove(
    relation: Relation,
    witness: Sequence[int],
    context: bytes,
    flavor: Flavor = Flavor.BATCHABLE,
    randomness: Randomness = system_randomness,
) -> bytes:
    """Return a proof of knowledge of `witness`.

    Args:
        relation: The statement, m equations in n scalars.
        witness: n integers, in the order of the scalar indices; reduced modulo the order, so signed ones are welcome.
        context: Application name, version and everything that the proof is to be bound to, injectively encoded;
            1 to 65,536 bytes. Prover and verifier each make it themselves.
        flavor: The encoding.
        randomness: Source of the nonces; they are hedged with the witness, the context and the relation.

    Raises:
        WitnessError: if `witness` does not satisfy the relation.
        StatementError: if the context is empty or too long.
        EncodingError: if a T_i is the identity, which has probability 1/r.

    Example:
        >>> from zkmargin.algebra.group import group
        >>> from zkmargin.proofs.linear_relation import Equation
        >>> G = group.generator()
        >>> schnorr = Relation((G, group.multiply(G, 7)), (Equation(((1, 1),), ((0, 0, 1),)),))
        >>> proof = prove(schnorr, [7], b"example/1")
        >>> verify(schnorr, proof, b"example/1")
        >>> len(proof)
        80
    """
    tag = _tag(context, flavor)
    secrets = [scalar % ORDER for scalar in witness]
    if len(secrets) != relation.scalar_count:
        raise WitnessError(f"the witness must have {relation.scalar_count} scalars, got {len(secrets)}")
    if not all(is_identity(point) for point in relation.difference(secrets, 1)):
        raise WitnessError("the witness does not satisfy the linear relation")
    nonces = masks(len(secrets), randomness, encode_scalars(secrets), tag, relation.to_bytes())  # (1)
    return _prove_with_nonces(relation, secrets, tag, flavor, nonces)


def verify(relation: Relation, proof: bytes, context: bytes, flavor: Flavor = Flavor.BATCHABLE) -> None:
    """Return if `proof` shows knowledge of a witness of `relation` in `context`.

    Args:
        relation: The statement.
        proof: What `prove` returned for the same relation, context and flavor.
        context: Made by the verifier, never taken from the prover.
        flavor: The encoding.

    Raises:
        EncodingError: (5) or (6), if the proof is not the canonical encoding of anything.
        VerificationError: (7), (8) or (9), if it does not hold.
        StatementError: if the context is empty or too long.
    """
    if flavor is Flavor.COMPACT:
        _verify_compact(relation, proof, context)
        return
    run = _decode(relation, proof, context)
    expected = relation.difference(run.responses, run.challenge)
    for number, (point, announcement) in enumerate(zip(expected, run.announcements, strict=True)):
        if not group.equal(point, announcement):  # (7)
            raise VerificationError(f"linear proof: equation {number} does not hold", "(7)")


def verify_batch(batch: Sequence[BatchItem]) -> None:
    """Return if every batchable proof in `batch` holds, at the cost of one multi-scalar multiplication.

    Elements that occur in several relations are counted once. A batch that fails is bisected under fresh weights until
    every bad proof is named: a good proof is never rejected because of a bad neighbour. A bad proof is missed with
    probability below 2^-123: at most 17 checks contain it, each of which errs with 2^-128. The empty batch holds.

    Args:
        batch: At most 65,536 proofs.

    Raises:
        VerificationError: (10), with the `positions` of all proofs that `verify` would refuse, malformed ones included.
        StatementError: if the batch is too large, or a context is empty or too long.
    """
    bounded("batch size", len(batch), 0, MAX_BATCH)
    runs: dict[int, _Run] = {}
    malformed = []
    for position, item in enumerate(batch):
        try:
            runs[position] = _decode(item.relation, item.proof, item.context)
        except EncodingError:
            malformed.append(position)
    bad = tuple(sorted(malformed + _bisect(list(runs.items()))))
    if bad:
        named = ", ".join(map(str, bad[:10])) + (", .." if len(bad) > 10 else "")
        raise VerificationError(f"linear batch: {len(bad)} of {len(batch)} proofs do not hold: {named}", "(10)", bad)


def proof_bytes(relation: Relation, flavor: Flavor = Flavor.BATCHABLE) -> int:
    """Return the length of every proof of `relation`."""
    head = COMPRESSED_BYTES * len(relation.equations) if flavor is Flavor.BATCHABLE else SCALAR_BYTES
    return head + SCALAR_BYTES * relation.scalar_count


def _prove_with_nonces(
    relation: Relation, secrets: Sequence[int], tag: bytes, flavor: Flavor, nonces: Sequence[int]
) -> bytes:
    """Return the messages of the prover; on its own for the sake of vectors that pin the nonces."""
    announcements = _encode(relation.difference(nonces, 0))  # (2)
    challenge = _challenge(tag, relation, announcements)  # (3)
    responses = [(nonce + challenge * secret) % ORDER for nonce, secret in zip(nonces, secrets, strict=True)]  # (4)
    head = announcements if flavor is Flavor.BATCHABLE else encode_scalars([challenge])
    return head + encode_scalars(responses)


def _verify_compact(relation: Relation, proof: bytes, context: bytes) -> None:
    tag = _tag(context, Flavor.COMPACT)
    _require_length(relation, proof, Flavor.COMPACT)  # (5)
    challenge, *responses = decode_scalars(proof, 1 + relation.scalar_count)  # (6)
    announcements = relation.difference(responses, challenge)
    if any(is_identity(announcement) for announcement in announcements):  # (8)
        raise VerificationError("linear proof: an announcement is the identity", "(8)")
    if challenge != _challenge(tag, relation, _encode(announcements)):  # (9)
        raise VerificationError("linear proof: the challenge is another one", "(9)")


def _decode(relation: Relation, proof: bytes, context: bytes) -> _Run:
    tag = _tag(context, Flavor.BATCHABLE)
    _require_length(relation, proof, Flavor.BATCHABLE)  # (5)
    head = COMPRESSED_BYTES * len(relation.equations)
    responses = decode_scalars(proof[head:], relation.scalar_count)  # (6)
    announcements = [group.decode(proof[i : i + COMPRESSED_BYTES]) for i in range(0, head, COMPRESSED_BYTES)]
    return _Run(relation, announcements, _challenge(tag, relation, proof[:head]), responses)


def _require_length(relation: Relation, proof: bytes, flavor: Flavor) -> None:
    expected = proof_bytes(relation, flavor)
    if len(proof) != expected:
        raise EncodingError(f"this linear proof must have {expected} bytes, got {len(proof)}")


def _tag(context: bytes, flavor: Flavor) -> bytes:
    bounded("length of the proof's context", len(context), 1, MAX_CONTEXT_BYTES)
    return context + b"-" + flavor.value + b"-with-" + SUITE


def _challenge(tag: bytes, relation: Relation, announcements: bytes) -> int:
    sponge = DuplexSponge(derive_session_id(tag))
    sponge.absorb(relation.to_bytes())
    sponge.absorb(announcements)
    return reduce_uint(sponge.squeeze(WIDE_BYTES), ORDER)


def _encode(points: Sequence[Point]) -> bytes:
    return b"".join([group.encode(point) for point in points])


def _bisect(runs: list[tuple[int, _Run]]) -> list[int]:
    """Return the positions of the proofs that do not hold."""
    if _hold_together([run for _, run in runs]):
        return []
    if len(runs) == 1:
        return [runs[0][0]]
    middle = len(runs) // 2
    return _bisect(runs[:middle]) + _bisect(runs[middle:])


def _hold_together(runs: Sequence[_Run]) -> bool:
    bases: dict[bytes, Point] = {}
    totals: dict[bytes, int] = {}
    announcements: list[Point] = []
    factors: list[int] = []
    for run in runs:
        for equation, announcement in zip(run.relation.equations, run.announcements, strict=True):
            factor = int.from_bytes(system_randomness(_WEIGHT_BYTES), "big")
            for element, weight in equation.weights(run.responses, run.challenge).items():
                name = run.relation.encodings[element]
                bases[name] = run.relation.elements[element]
                totals[name] = totals.get(name, 0) + factor * weight
            announcements.append(announcement)
            factors.append(-factor)
    return is_identity(group.msm([*bases.values(), *announcements], [*totals.values(), *factors]))  # (10)
