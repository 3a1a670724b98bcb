"""Accounts under common control, margined as one: a claim about the sum of their books.

Statement
---------
    PK{ (q, gamma) : C_1 + .. + C_n = sum_i q_i P_i + gamma H and q satisfies the claim at the snapshot }

for n registered accounts of one venue. Commitments add, so the proof is the one of `circuits.claims` about the sum, of
the same size as a proof about one account. It is bound to every member: name, state and commitment.

Why
---
A charge that steepens with size - a concentration add-on, a tier table - can be lowered by spreading a position over
accounts: f(x/2) + f(x/2) < f(x). A claim about the group takes that gain away, since it charges f of the sum. Who
belongs to a group is the venue's knowledge; leaving an account out of it is not something a proof can show.

Bounds
------
    1 to 1,024 members; a quantity of the sum is below 2^quantity_bits in size, where a group of n has
    ceil(log2 n) bits more than its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import ClassVar

from circuits.registration import Account
from zkmargin.amounts import bounded
from zkmargin.commitments import Commitment, Opening
from zkmargin.encoding import encode_string
from zkmargin.errors import StatementError

MAX_MEMBERS = 1_024


@dataclass(frozen=True, slots=True)
class Group:
    """Several accounts of one venue, each once, ascending by name.

    Raises:
        StatementError: if there are none or more than 1,024, their venues differ, or a name repeats or is out of order.

    Example:
        >>> from circuits import registration
        >>> secrets = [Opening.fresh({"USD": 5}), Opening.fresh({"USD": 7})]
        >>> names = ("alice", "alice-2")
        >>> pairs = zip(names, secrets, strict=True)
        >>> group = Group.of(registration.register("demo", name, secret).account for name, secret in pairs)
        >>> group.quantity_bits, total(secrets).quantities
        (78, {'USD': 12})
    """

    context_label: ClassVar[str] = "group"
    members: tuple[Account, ...]

    def __post_init__(self) -> None:
        bounded("number of members", len(self.members), 1, MAX_MEMBERS)
        for left, right in pairwise(self.members):
            if left.venue != right.venue:
                raise StatementError(f"venue of every member must be {left.venue}, got {right.venue}")
            if left.account >= right.account:
                raise StatementError(f"members must ascend by name, each account once: {right.account} does not")

    @staticmethod
    def of(accounts: Iterable[Account]) -> Group:
        """Return the group of the accounts, put in order."""
        return Group(tuple(sorted(accounts, key=lambda account: account.account)))

    @property
    def venue(self) -> str:
        """Return the venue of all members."""
        return self.members[0].venue

    @property
    def basis(self) -> tuple[str, ...]:
        """Return the ids of all members, in code-point order."""
        return tuple(sorted(frozenset().union(*(member.basis for member in self.members))))

    @property
    def commitment(self) -> Commitment:
        """Return the sum of the commitments."""
        return reduce(add, (member.commitment for member in self.members))

    @property
    def quantity_bits(self) -> int:
        """Return the bound of a quantity of the sum: the members' bits, and ceil(log2 n) more."""
        return max(member.quantity_bits for member in self.members) + (len(self.members) - 1).bit_length()

    def context(self) -> bytes:
        """Return the canonical bytes that bind a proof to every member, its state and its commitment."""
        parts = [part for member in self.members for part in (member.context(), member.commitment.to_bytes())]
        return len(self.members).to_bytes(4, "big") + b"".join(map(encode_string, parts))


Subject = Account | Group


def total(openings: Sequence[Opening]) -> Opening:
    """Return the opening of the sum of commitments: what a group proves with."""
    return reduce(add, openings)
