"""How often one visitor may try to come in. Counted in each web process; trackers' webhooks are never limited."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(key_func=get_remote_address, storage_uri="memory://", headers_enabled=False)
