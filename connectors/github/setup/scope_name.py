"""Name of a repository, from what a person wrote: owner/name, an address of a page, or an address to clone from."""

import re
from urllib.parse import urlsplit

from connectors.github.api.client import is_repository_name
from connectors.github.setup.onboarding import ENTERPRISE_SERVER, pages_of

_CLONE_BY_SSH = re.compile(r"(?:ssh://)?git@(?P<host>[^:/\s]+)[:/](?P<path>\S+)")
_WITHOUT_SCHEME = re.compile(r"(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?)/(?P<path>[^/\s]+/\S+)", re.IGNORECASE)
_NO_OWNERS = frozenset({"apps", "enterprises", "marketplace", "orgs", "settings", "users"})
"""The first words of addresses at GitHub that are no repository's."""

_ALLOWED = "one repository as owner/name, or its web address"


def normalize_scope(written: str, *, site: str) -> str:
    """Return a repository's name, owner/name. Raise `ValueError` with what is allowed.

    https://docs.github.com/en/repositories/creating-and-managing-repositories/about-repositories
    """
    stripped = written.strip()
    host, path = _split(stripped)
    if host and not _is_of(host, site):
        raise ValueError(f"{_ALLOWED} at {pages_of(site)}")
    parts = [part for part in path.removeprefix(ENTERPRISE_SERVER).removeprefix("/repos").split("/") if part]
    if host and len(parts) > 2:
        parts = parts[:2]  # the address of an issue, of a folder, of settings
    name = "/".join(parts).removesuffix(".git")
    is_name = is_repository_name(name) and (parts[0] not in _NO_OWNERS if host else "/".join(parts) == stripped)
    if not is_name:
        raise ValueError(_ALLOWED + _nearest(parts))
    return name


def _is_of(host: str, site: str) -> bool:
    home = urlsplit(pages_of(site)).netloc
    return host.lower() in (home.lower(), f"www.{home}".lower(), urlsplit(site).netloc.lower())


def _split(written: str) -> tuple[str, str]:
    """Return the host of an address and the path after it; no host for a name."""
    found = _CLONE_BY_SSH.fullmatch(written) or _WITHOUT_SCHEME.fullmatch(written)
    if found:
        return found["host"], found["path"]
    if "://" not in written:
        return "", written
    try:
        parts = urlsplit(written)
    except ValueError:  # an unclosed bracket
        return "nowhere", ""
    return parts.netloc.rpartition("@")[2] or "nowhere", parts.path


def _nearest(parts: list[str]) -> str:
    if parts[1:] and "*" in parts[1]:
        return f"; name each repository of {parts[0]} by itself"
    if len(parts) == 1 and is_repository_name(f"{parts[0]}/x"):
        return f"; {parts[0]} alone is an owner: write {parts[0]}/ and the name"
    return ""
