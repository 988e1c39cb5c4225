"""Key of a project, from what a person wrote: the key, or an address of a page of the project."""

import re
from urllib.parse import urlsplit

from connectors.jira.setup.onboarding import site_of

_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,254}", re.IGNORECASE | re.ASCII)
_ISSUE_KEY = re.compile(r"([A-Z][A-Z0-9_]*)-[0-9]+", re.IGNORECASE | re.ASCII)
_IN_PATH = re.compile(r"/(?:projects|browse)/(?P<key>[^/?#]+)")
_ALLOWED = "the key of one project such as SHOP, or the project's web address"


def normalize_scope(written: str, *, site: str) -> str:
    """Return a project's key. Raise `ValueError` with what is allowed.

    https://support.atlassian.com/jira-software-cloud/docs/what-are-issue-types-keys-and-statuses/
    """
    stripped = written.strip()
    if "://" not in stripped:
        return _checked(stripped).upper()
    try:
        address = urlsplit(stripped)
    except ValueError:  # an unclosed bracket
        raise ValueError(_ALLOWED) from None
    found = _IN_PATH.search(address.path)
    if found is None or address.netloc.lower() != urlsplit(site_of(site)).netloc.lower():
        raise ValueError(f"{_ALLOWED} at {site_of(site)}")
    issue = _ISSUE_KEY.fullmatch(found["key"])
    return _checked(issue[1] if issue else found["key"]).upper()


def _checked(key: str) -> str:
    if _KEY.fullmatch(key):
        return key
    issue = _ISSUE_KEY.fullmatch(key)
    raise ValueError(_ALLOWED + (f"; {key} is an issue of the project {issue[1]}" if issue else ""))
