"""Secrets at rest: sealed with the service's secret key, and openable with older ones after a rotation."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Unopenable(Exception):
    """A sealed text that none of the secret keys opens: the key was lost or changed."""


class Sealer:
    """Seals and opens texts. The first key seals; all of them open."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key, b"okr-sync seal")) for key in keys])
        self._keys = keys

    def seal(self, text: str) -> str:
        """Encrypt and authenticate a text."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Give the text back. Raises `Unopenable`."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unopenable("OKR_SYNC_SECRET_KEY does not open what is stored; was it lost or replaced?") from error

    def derive(self, purpose: str) -> str:
        """Give a key of its own for another purpose, such as signing cookies (hex)."""
        return hmac.digest(self._keys[0].encode(), purpose.encode(), "sha256").hex()


def _derive(key: str, purpose: bytes) -> bytes:
    # The setting may be any text; Fernet wants 32 bytes in URL-safe base64.
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), purpose, "sha256"))


def fingerprint(token: str) -> str:
    """Hash a random token for keeping: it can be recognised, not read back (hex)."""
    return hashlib.sha256(token.encode()).hexdigest()
