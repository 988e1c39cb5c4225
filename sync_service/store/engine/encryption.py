"""Encrypt secrets at rest with the service's secret key; after a key rotation, older keys still decrypt."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class DecryptionError(Exception):
    """None of the secret keys decrypts a text: the key was lost or changed."""


class Sealer:
    """Encrypts and decrypts texts: encrypts with the first key, decrypts with any of them."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key, b"okr-sync seal")) for key in keys])
        self._keys = keys

    def encrypt(self, text: str) -> str:
        """Encrypt and authenticate a text (Fernet)."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        """Decrypt a text. Raise `DecryptionError` when no key fits."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise DecryptionError(
                "OKR_SYNC_SECRET_KEY does not decrypt the stored secrets; was it replaced?"
            ) from error

    def derive(self, purpose: str) -> str:
        """Derive a separate key for another purpose, such as signing cookies (hex)."""
        return hmac.digest(self._keys[0].encode(), purpose.encode(), "sha256").hex()


def _derive(key: str, purpose: bytes) -> bytes:
    # The setting may be any text; Fernet needs 32 bytes in URL-safe base64.
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), purpose, "sha256"))


def hash_token(token: str) -> str:
    """Return the SHA-256 hash of a random token (hex): it can be compared, not read back."""
    return hashlib.sha256(token.encode()).hexdigest()
