"""Checks of this machine: the settings, the data directory and what is in it."""

import ipaddress
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from config.secret_key import FILE_NAME
from config.settings import Settings
from config.urls import LOOPBACK
from sync_service.cli.startup import base_url_for
from sync_service.domain.trackers.diagnostics import Finding


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the data directory, our own address and the secret key."""
    yield from _directory(settings)
    yield _address(settings)
    yield _key(settings)


def key_is_lost(settings: Settings) -> bool:
    """Return whether the key made for this database is missing: a new one could decrypt nothing."""
    return settings.given_secret_key is None and not (settings.data_dir / FILE_NAME).exists()


def open_to_others(path: Path) -> bool:
    """Return whether anybody but its owner may read or write a file."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _directory(settings: Settings) -> Iterator[Finding]:
    directory, what = settings.data_dir, "data directory"
    if not directory.is_dir():
        if settings.embedded or settings.redis_url is None:
            yield Finding(what=what, well=None, says=f"{directory} does not exist yet; the first start creates it")
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        mend = "make the user that runs okr-sync its owner, or set OKR_SYNC_DATA_DIR to another directory"
        yield Finding(what=what, well=False, says=f"{directory} is not writable", mend=mend)
    elif open_to_others(directory):
        says = f"{directory} is open to other users of this machine"
        yield Finding(what=what, well=False, says=says, mend=f"chmod 700 {directory}")
    else:
        yield Finding(what=what, well=True, says=f"{directory}, readable only by its owner")


def _address(settings: Settings) -> Finding:
    address, what = base_url_for(settings), "address"
    url = urlsplit(address)
    mend = "set OKR_SYNC_BASE_URL to the https address at which people and trackers reach the service"
    if settings.given_base_url is None or url.hostname in LOOPBACK:
        says = f"{address} works only on this machine: links in mails do not work elsewhere, and no webhook arrives"
        return Finding(what=what, well=None, says=says, mend=mend)
    if _is_private(url.hostname or ""):
        return Finding(
            what=what, well=None, says=f"{address} is in a private network: trackers outside cannot reach it"
        )
    if url.scheme == "http":
        says = f"{address} is not encrypted: others on the network can read sign-in links and deliveries"
        return Finding(what=what, well=None, says=says, mend=mend)
    return Finding(what=what, well=True, says=address)


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _key(settings: Settings) -> Finding:
    what, file = "secret key", settings.data_dir / FILE_NAME
    if settings.given_secret_key is not None:
        count = len(settings.secret_keys())
        says = "set" if count == 1 else f"{count} are set: the first encrypts, the others decrypt what they encrypted"
        return Finding(what=what, well=True, says=says)
    if not file.exists():
        return Finding(
            what=what, well=None, says=f"does not exist yet; the first start creates it in {settings.data_dir}"
        )
    if open_to_others(file):
        return Finding(what=what, well=False, says=f"{file} is open to other users", mend=f"chmod 600 {file}")
    return Finding(what=what, well=True, says=f"stored in {file}")
