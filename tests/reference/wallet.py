"""A second reader of wallets and memos, written from the section "Wallet" of docs/wire-format.md.

It uses the standard library, and one cipher of `cryptography`; of this project nothing.
"""

import hashlib
import hmac
import json
import unicodedata

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
TAG = b"zkmargin/seed/1"


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def string(data):
    return len(data).to_bytes(4, "little") + data


def hkdf(seed, purpose, *parts, length):
    info = TAG + b"".join(map(string, (purpose.encode(), *parts)))
    key, block, out = hmac.digest(bytes(32), seed, "sha256"), b"", b""
    for counter in range(1, 255):
        if len(out) >= length:
            break
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


def slot(venue, account, entry, sequence):
    return venue.encode(), account.encode(), entry.encode(), sequence.to_bytes(8, "big")


def seed_of_backup(text):
    data = bytes.fromhex("".join(text.split()).lower().removeprefix("zkm1").replace("-", ""))
    assert data[32:] == hashlib.sha256(TAG + data[:32]).digest()[:4]
    return data[:32]


def account_key(seed, venue, account, number):
    return hkdf(seed, "account key", venue.encode(), account.encode(), number.to_bytes(8, "big"), length=32)


def blinding(seed, place, change):
    return int.from_bytes(hkdf(seed, "blinding", *slot(*place), canonical(change), length=48), "big") % ORDER


def read_memo(seed, place, basis, commitment, memo):
    key = hkdf(seed, "memo key", *slot(*place), commitment, length=32)
    plain = ChaCha20Poly1305(key).decrypt(bytes(12), memo, None)
    assert len(plain) == 9 * len(basis) + 32
    lots = {label: int.from_bytes(plain[9 * i : 9 * i + 9], "big", signed=True) for i, label in enumerate(basis)}
    return lots, int.from_bytes(plain[9 * len(basis) :], "big")


def read_file(data, passphrase):
    document = json.loads(data)
    assert canonical(document) == data
    assert 14 <= document["scrypt"]["log2_n"] <= 20
    salt, cost = bytes.fromhex(document["scrypt"]["salt"]), 2 ** document["scrypt"]["log2_n"]
    text = unicodedata.normalize("NFKC", passphrase).encode()
    key = hashlib.scrypt(text, salt=salt, n=cost, r=8, p=1, dklen=32, maxmem=2**28)
    header = canonical({name: value for name, value in document.items() if name != "sealed"})
    plain = ChaCha20Poly1305(key).decrypt(bytes.fromhex(document["nonce"]), bytes.fromhex(document["sealed"]), header)
    return json.loads(plain)
