"""How tests call the simulated GitHub: with the right token unless told otherwise, following no redirect."""

import re
from typing import Any

import requests

from simulator import GitHub


def ask(
    hub: GitHub, path: str, *, method: str = "GET", token: str = "", json: Any = None, **headers: str
) -> requests.Response:
    """Ask under the API's root, or at a whole address; header names are written with underscores."""
    whole = {
        "Authorization": f"Bearer {token or hub.token}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    address = path if path.startswith("http") else hub.api_url + path
    return requests.request(method, address, headers=whole, json=json, timeout=10, allow_redirects=False)


def following(answer: requests.Response, relation: str = "next") -> str:
    """Give the address of another page, or an empty text."""
    found = re.search(rf'<([^>]+)>; rel="{relation}"', answer.headers.get("Link", ""))
    return found.group(1) if found else ""
