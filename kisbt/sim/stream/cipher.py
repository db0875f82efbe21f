"""AES-256-CBC as KIS uses it for order notices: key and iv are the ack's texts, as bytes."""

import base64
import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK_BITS = 128


def made_key(seed: str) -> tuple[str, str]:
    """A key of 32 and an iv of 16 ASCII characters for one socket."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return digest[:32], digest[32:48]


def encrypt(text: str, key: str, iv: str) -> str:
    """Base64 of the encrypted text."""
    padder = PKCS7(BLOCK_BITS).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key.encode()), modes.CBC(iv.encode())).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()
