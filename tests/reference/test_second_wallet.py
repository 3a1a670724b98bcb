"""The section "Wallet" of docs/wire-format.md is enough: a reader written from it reads what the wallet wrote."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.reference import wallet as stranger
from zkmargin.client import contents, memo, sealing, seed
from zkmargin.client.wallet import Wallet
from zkmargin.commitments import Opening

PASSPHRASE = "Fu\u00dfga\u0308nger zone"
CHANGE = {"PERP": -3, "USD": 2**62}


@pytest.fixture
def wallet(tmp_path):
    with Wallet.create(tmp_path / "w", "demo", "alice", PASSPHRASE, log2_n=14) as made:
        yield made


@pytest.fixture(scope="module")
def section(root):
    return (root / "docs" / "wire-format.md").read_text("utf-8").split("\n## Wallet\n")[1].split("\n## ")[0]


def table(section, heading):
    rows = section.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.MULTILINE))


def test_a_stranger_reads_the_file(wallet, tmp_path):
    wallet.prepare("t-1", CHANGE)
    read = stranger.read_file((tmp_path / "w").read_bytes(), PASSPHRASE)
    assert read == wallet._contents.to_document()
    assert read["pending"][0]["opening"]["quantities_lots"] == CHANGE


def test_a_stranger_derives_the_same_secrets_from_the_backup(wallet):
    secret = stranger.seed_of_backup(wallet.backup())
    made = wallet.prepare("t-1", CHANGE)
    assert made.opening.blinding == stranger.blinding(secret, ("demo", "alice", "t-1", 0), CHANGE)
    for number, key in enumerate((wallet.public_key, wallet.next_public_key)):
        private = Ed25519PrivateKey.from_private_bytes(stranger.account_key(secret, "demo", "alice", number))
        assert private.public_key().public_bytes_raw() == key


@pytest.mark.parametrize("change", [{}, CHANGE])
def test_a_stranger_reads_the_memo(wallet, change):
    made = wallet.prepare("t-1", change)
    secret, place = stranger.seed_of_backup(wallet.backup()), ("demo", "alice", "t-1", 0)
    read = stranger.read_memo(secret, place, sorted(change), made.commitment.to_bytes(), made.memo)
    assert Opening(*read) == made.opening


def test_the_page_states_the_formats_fields_and_bounds_of_the_code(wallet, tmp_path, section):
    file, inner = table(section, "Wallet file"), table(section, "Wallet contents")
    assert (file["format"], inner["format"]) == (f"`{sealing.FORMAT}`", f"`{contents.FORMAT}`")
    written = stranger.json.loads((tmp_path / "w").read_bytes())
    assert written.keys() == file.keys()
    assert wallet._contents.to_document().keys() | {"opening"} == inner.keys()
    assert f"integer {sealing.LEAST_LOG2_N} .. {sealing.MOST_LOG2_N}" in file["scrypt"]
    assert f"at most {contents.MAX_PENDING} objects" in inner["pending"]
    assert (sealing.MAX_SEALED_BYTES, contents.MAX_KEY_NUMBER, contents.LARGEST) == (2**21, 2**32 - 1, 2**112 - 1)
    assert f"9 *n* + {memo.length(0)} bytes" in section
    assert f'"{seed.TAG.decode()}"' in section
    assert f"`{seed.BACKUP_PREFIX}`" in section
