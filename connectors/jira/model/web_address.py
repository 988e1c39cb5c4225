"""Read the key of an issue from the web address of any page that shows it."""

import re
from urllib.parse import parse_qs, urlsplit

from connectors.jira.model.snapshots import KEY

_SELECTED = "selectedIssue"
"""The parameter of boards, backlogs and queues that names the issue which is open there."""

_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def key_in(written: str, *, site: str) -> str:
    """Return the key in capitals, from a key or from an address; empty when there is none.

    The address must be of this site, where one is given. Pages of an issue: `/browse/SHOP-7`,
    `/projects/SHOP/issues/SHOP-7`, `/jira/software/c/projects/SHOP/issues/SHOP-7`, `?selectedIssue=SHOP-7` of any page,
    and `/servicedesk/customer/portal/2/SHOP-7`.
    """
    if not _ADDRESS.fullmatch(written):
        return _as_key(written)
    try:
        address, ours = urlsplit(written), urlsplit(site)
        same = not site or (address.hostname, address.port) == (ours.hostname, ours.port)
    except ValueError:
        return ""
    if not same:
        return ""
    selected = parse_qs(address.query).get(_SELECTED, [])
    segments = [_as_key(one) for one in [*selected, *reversed(address.path.split("/"))]]
    return next(filter(None, segments), "")


def _as_key(text: str) -> str:
    key = text.upper()
    return key if len(key) <= 255 and KEY.fullmatch(key) else ""
