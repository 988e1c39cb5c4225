"""The site of a connection in a file: any address of it will do, as on the page of a new connection."""

from urllib.parse import urlsplit

from sync_service.config_file.read import models
from sync_service.domain.trackers.capabilities import HasSetupGuide
from sync_service.domain.trackers.connector import Connector


def site_of(form: models.Connection, connector: Connector) -> str:
    """Return the site, read from any address of it; as written if it is no web address."""
    written = (form.site or connector.default_site or "").strip()
    if not isinstance(connector, HasSetupGuide) or not is_web_address(written):
        return written
    return connector.normalize_site(written)


def is_web_address(site: str) -> bool:
    """Return whether a text is an address that begins with https:// or http://, without a user or password."""
    try:
        url = urlsplit(site)
    except ValueError:  # an unclosed bracket
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and "@" not in url.netloc
