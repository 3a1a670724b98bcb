"""The tables of the verifier.

    events        the append-only log: canonical JSON of each record, its place in the chain and its hash
    accounts      the projection: where each account stands, and when the clock moves it next
    registrations their commitments, with the proofs that they are well formed
    epochs        the snapshots, signed, and when their proofs are due
    proofs        every proof that counted, so that an auditor can verify it again
    receipts      what was answered to a submission, under the key that the sender chose
    facts         what is so until it is replaced: how the venue was founded, its committee, a halt
    notices       the outbox: what somebody has to be told, until it was delivered

Times are milliseconds since 1970. Documents are canonical JSON as text: they are hashed and signed as they stand, and a
database that re-orders the keys of its JSON columns would change them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The metadata of all tables, with names for every constraint, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class EventRow(Base):
    """One record of the log."""

    __tablename__ = "events"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(String(64), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    document: Mapped[str] = mapped_column(Text)


class AccountRow(Base):
    """Where an account stands: a projection of the log."""

    __tablename__ = "accounts"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    due_ms: Mapped[int | None] = mapped_column(BigInteger, index=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)


class RegistrationRow(Base):
    """An account's public record and its proofs, for each number of its book's state."""

    __tablename__ = "registrations"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)


class EpochRow(Base):
    """One epoch."""

    __tablename__ = "epochs"

    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    opened_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    signed: Mapped[str] = mapped_column(Text)
    standing: Mapped[str] = mapped_column(Text)


class ProofRow(Base):
    """One proof that counted."""

    __tablename__ = "proofs"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[int] = mapped_column(BigInteger)
    received_ms: Mapped[int] = mapped_column(BigInteger)
    in_time: Mapped[int] = mapped_column(BigInteger)
    header: Mapped[str] = mapped_column(Text)
    proof: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("ix_proofs_epoch_account", "epoch", "account"),)


class ReceiptRow(Base):
    """One answer to one submission."""

    __tablename__ = "receipts"

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    account: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    request: Mapped[str] = mapped_column(String(64))
    receipt: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("account", "key"),)


class FactRow(Base):
    """One thing that is so until it is replaced."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    document: Mapped[str] = mapped_column(Text)


class NoticeRow(Base):
    """One notice that waits for its delivery, or was delivered."""

    __tablename__ = "notices"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(String(64), index=True)
    document: Mapped[str] = mapped_column(Text)
    next_ms: Mapped[int | None] = mapped_column(BigInteger, index=True)
    attempts: Mapped[int] = mapped_column(BigInteger, default=0)
