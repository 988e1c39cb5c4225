"""Configuration files for tests, from plain values: as JSON, which is valid YAML, so nothing needs quoting."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from simulator import GitHub, Jira

ANA: dict[str, Any] = {"email": "ana@example.com", "name": "Ana Ruiz", "role": "admin"}
LABELLED: dict[str, Any] = {"field": "labels", "has": "checkout"}
"""A rule's condition."""

_COMMON = {"owner": ANA["email"], "webhook_secrets": ["hush-hush"], "earlier": "ignore"}
GITHUB: dict[str, Any] = {"slug": "gh", "kind": "github", "token": "t", "scopes": ["acme/checkout"]} | _COMMON
"""A connection to a GitHub that is never called."""


def github(hub: GitHub, **fields: Any) -> dict[str, Any]:
    """Return a connection to a simulated GitHub, by default with its token."""
    return {**GITHUB, "site": hub.api_url, "token": hub.token, **fields}


def jira(site: Jira, **fields: Any) -> dict[str, Any]:
    """Return a connection to a simulated Jira, Cloud or Data Center, by default with its token."""
    email = None if site.data_center else site.email
    common = {"slug": "jira", "kind": "jira", "site": site.url, "scopes": ["SHOP"]}
    return {**common, **_COMMON, "email": email, "token": site.token, **fields}


def okrs(
    *connections: Mapping[str, Any], key_results: Iterable[Mapping[str, Any]] = ({"slug": "KR-1"},), **sections: Any
) -> bytes:
    """Return a file with one objective of Ana's in a cycle that always runs; `sections` add or replace top-level keys.

    Key results measure done-share. The issues labelled `checkout` of the first connection count toward KR-1.
    """
    first = connections[0]["slug"]
    content = {
        "people": [ANA],
        "cycles": [{"slug": "ever", "name": "Ever", "starts": "2020-01-01", "ends": "2199-12-31"}],
        "connections": connections,
        "objectives": [
            {
                "slug": "fast",
                "title": "Paying is fast",
                "cycle": "ever",
                "owner": ANA["email"],
                "key_results": [{"title": "Ship it", "measure": {"kind": "done-share"}, **one} for one in key_results],
            }
        ],
        "rules": [{"slug": "labelled", "connection": first, "key_result": "KR-1", "when": LABELLED}],
    }
    return json.dumps(content | sections, ensure_ascii=False).encode()
