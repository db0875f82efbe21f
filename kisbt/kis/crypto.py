"""Order notices come encrypted: base64 of AES-256-CBC with PKCS#7 padding."""

import base64
import binascii
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


class StreamKey(NamedTuple):
    """Key and vector that an acknowledgement carries: 32 and 16 characters, used as bytes."""

    key: str
    iv: str

    def __repr__(self) -> str:
        return "StreamKey(***)"


def decrypt(payload: str, key: StreamKey) -> str:
    """Return the clear text of an encrypted payload.

    Raises:
        ValueError: not base64, not whole blocks, wrong key, or not UTF-8.
    """
    try:
        blocks = base64.b64decode(payload, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    cipher = Cipher(algorithms.AES256(key.key.encode()), modes.CBC(key.iv.encode()))
    decryptor = cipher.decryptor()
    padded = decryptor.update(blocks) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode("utf-8")
