"""Keys, sealing, signatures and blind index. The only module that ever sees a key.

`python -m sealing instance/keys.json` makes the key file unless it is there.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

VERSION = b"\x01"
NONCE = 12
KEY = 32
POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


class SealBroken(Exception):
    """A sealed value was changed or moved, or its key is gone. Never show what it held."""


class KeysMissing(Exception):
    """The key file is absent, readable by others or incomplete: the start is refused."""


class WrappedKey(Protocol):
    """What this module needs of a DataKey row: id, the master key's name, the wrapped bytes."""

    id: UUID
    master: str
    wrapped: bytes


@dataclass
class Ring:
    """The master keys by name, the current one's name, and what hangs on the same file."""

    masters: Mapping[str, AESGCM]
    current: str
    index: bytes
    signer: ec.EllipticCurvePrivateKey
    reserve: bytes
    former: tuple[bytes, ...]  # signed before a planned change: what they signed still counts
    leaked: tuple[bytes, ...]  # count for old versions of plans only, never on a device
    cookies: str
    opened: dict[UUID, AESGCM] = field(default_factory=dict)


_ring: Ring | None = None


def ring() -> Ring:
    if _ring is None:
        raise KeysMissing("no keys are loaded")
    return _ring


# ── the key file ─────────────────────────────────────────────────────────────────────────────────


def make_keys(path: Path) -> None:
    """Write a new key file, and beside it the reserve's private half, which belongs elsewhere."""
    signer = ec.generate_private_key(ec.SECP256R1())
    # The key file comes last: where it stands, everything stands.
    reserve = _reserve_key(path.with_name("reserve-key.pem"))
    name = secrets.token_hex(4)
    _write_private(
        path,
        json.dumps(
            {
                "current": name,
                "masters": {name: _b64(secrets.token_bytes(KEY))},
                "index": _b64(secrets.token_bytes(KEY)),
                "cookies": secrets.token_urlsafe(KEY),
                "signer": _pem(signer),
                "reserve": _b64(reserve.public_key().public_bytes(*POINT)),
            }
        ),
    )


def load_keys(path: Path) -> None:
    """Read the key file; raises KeysMissing when it is absent, incomplete or open to others."""
    global _ring
    try:
        mode = path.stat().st_mode
        keys = json.loads(path.read_text())
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeysMissing(f"{path.name} is readable by others: chmod 600")
        masters = {name: base64.b64decode(key) for name, key in keys["masters"].items()}
        if keys["current"] not in masters or any(len(key) != KEY for key in masters.values()):
            raise KeysMissing(f"{path.name} holds no usable master key")
        signer = serialization.load_pem_private_key(keys["signer"].encode(), None)
        _ring = Ring(
            masters={name: AESGCM(key) for name, key in masters.items()},
            current=keys["current"],
            index=base64.b64decode(keys["index"]),
            signer=signer,
            reserve=base64.b64decode(keys["reserve"]),
            former=tuple(base64.b64decode(key) for key in keys.get("former", [])),
            leaked=tuple(base64.b64decode(key) for key in keys.get("leaked", [])),
            cookies=keys["cookies"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:
        raise KeysMissing(f"{path} is missing or unreadable") from reason


def rotate(path: Path, reserve: Path, leaked: bool = False) -> None:
    """Sign with the reserve from now on; in its place lies a new one, to be moved away again.

    Killed between the two writes, it is called once more and only finishes the second.
    """
    keys, fresh = json.loads(path.read_text()), reserve.with_name("next-reserve-key.pem")
    following = _reserve_key(fresh)
    if keys["reserve"] != _point(following):
        signer = serialization.load_pem_private_key(reserve.read_bytes(), None)
        if keys["reserve"] != _point(signer):
            raise KeysMissing(f"{reserve.name} is not the reserve of {path.name}")
        before = serialization.load_pem_private_key(keys["signer"].encode(), None)
        keys.setdefault("leaked" if leaked else "former", []).append(_point(before))
        keys |= {"signer": _pem(signer), "reserve": _point(following)}
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        _write_private(unfinished, json.dumps(keys))
        unfinished.replace(path)
    fresh.replace(reserve)


def _point(key: ec.EllipticCurvePrivateKey) -> str:
    return _b64(key.public_key().public_bytes(*POINT))


def _reserve_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A new one, or the one that a set-up before this left behind when it was killed."""
    if path.exists():
        return serialization.load_pem_private_key(path.read_bytes(), None)
    reserve = ec.generate_private_key(ec.SECP256R1())
    _write_private(path, _pem(reserve))
    return reserve


def cookie_secret() -> str:
    return ring().cookies


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _write_private(path: Path, text: str) -> None:
    """All of it or nothing, even if the process is killed; never over a file that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    unfinished.rename(path)


# ── data keys and sealing ────────────────────────────────────────────────────────────────────────


def new_data_key(key_id: UUID) -> tuple[str, bytes]:
    """A fresh data key: the master's name and the key wrapped by it, bound to its own id."""
    plain = secrets.token_bytes(KEY)
    wrapped = _encrypt(ring().masters[ring().current], plain, f"data-key:{key_id}")
    ring().opened[key_id] = AESGCM(plain)
    return ring().current, wrapped


def unwrap(key: WrappedKey) -> None:
    """Remember an opened data key; SealBroken when its master is gone or the row was moved."""
    master = ring().masters.get(key.master)
    if master is None:
        raise SealBroken(f"data key {key.id} needs a master key that is not loaded")
    plain = _decrypt(master, bytes(key.wrapped), f"data-key:{key.id}")
    ring().opened[key.id] = AESGCM(plain)


def is_open(key_id: UUID) -> bool:
    return key_id in ring().opened


def seal(value: bytes, key_id: UUID, about: str) -> bytes:
    """Sealed bytes: version, nonce, ciphertext. `about` (table:row) binds them to their place."""
    return _encrypt(ring().opened[key_id], value, about)


def unseal(sealed: bytes, key_id: UUID, about: str) -> bytes:
    """The bytes again; raises SealBroken when they were changed or belong to another row."""
    return _decrypt(ring().opened[key_id], sealed, about)


def _encrypt(key: AESGCM, value: bytes, about: str) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return VERSION + nonce + key.encrypt(nonce, value, about.encode())


def _decrypt(key: AESGCM, sealed: bytes, about: str) -> bytes:
    if sealed[:1] != VERSION:
        raise SealBroken(f"{about}: unknown seal")
    try:
        return key.decrypt(sealed[1 : NONCE + 1], sealed[NONCE + 1 :], about.encode())
    except InvalidTag as reason:
        raise SealBroken(about) from reason


# ── signatures, hashes, tokens ───────────────────────────────────────────────────────────────────


def sign(context: str, value: bytes) -> bytes:
    """Raw r||s (64 bytes, P-256 over SHA-256) of context + newline + value, for WebCrypto."""
    r, s = decode_dss_signature(
        ring().signer.sign(context.encode() + b"\n" + value, ec.ECDSA(SHA256()))
    )
    return r.to_bytes(KEY, "big") + s.to_bytes(KEY, "big")


def verify(public_key: bytes, context: str, value: bytes, signature: bytes) -> bool:
    """Whether `signature` (raw r||s) by an uncompressed point covers context + newline + value."""
    if len(signature) != 2 * KEY:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:KEY], signature[KEY:]))
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
        key.verify(encode_dss_signature(r, s), context.encode() + b"\n" + value, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_keys() -> tuple[bytes, bytes]:
    """The two public keys that devices trust, current and reserve, as uncompressed points."""
    return ring().signer.public_key().public_bytes(*POINT), ring().reserve


def former_keys() -> tuple[bytes, ...]:
    """What a device may still hold was signed with one of these, before a planned change."""
    return ring().former


def signers() -> tuple[bytes, ...]:
    """Every key that has signed versions of plans here."""
    return public_keys()[0], *ring().former, *ring().leaked


def digest(value: bytes | str) -> bytes:
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()


def blind_index(text: str) -> bytes:
    """Equality look-up of an address or number without keeping it in clear."""
    return hmac.digest(ring().index, text.strip().casefold().encode(), "sha256")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if not target.exists():
        make_keys(target)
