"""How tests call the simulated GitHub: with the right token unless told otherwise, following no redirect."""

import re
from typing import Any

import jwt
import requests

from simulator import GitHub
from simulator.github import App, Installation


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


def assertion(app: App, *, key: str | None = None, **claims: Any) -> str:
    """Write what an app proves itself with, by the simulator's clock; claims can be replaced, or left out by None."""
    now = int(app.hub.clock().timestamp())
    whole = {"iat": now - 60, "exp": now + 540, "iss": app.client_id, **claims}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, key or app.key, "RS256")


def mint(installation: Installation, **limits: Any) -> requests.Response:
    """Ask for a token of an installation."""
    app = installation.app
    path = f"/app/installations/{installation.id}/access_tokens"
    return ask(app.hub, path, method="POST", token=assertion(app), json=limits or None)
