"""Rate limit of sign-in requests, per client address and web process. Webhooks are never limited."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(key_func=get_remote_address, storage_uri="memory://", headers_enabled=False)
