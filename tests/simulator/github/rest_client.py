"""Call the simulated GitHub's REST API from tests, with a valid token by default, without following redirects."""

import re
from typing import Any

import jwt
import requests

from simulator import GitHub
from simulator.github import App, Installation


def call(
    hub: GitHub, path: str, *, method: str = "GET", token: str = "", json: Any = None, **headers: str
) -> requests.Response:
    """Call a path below the API's root, or a whole URL; header names are written with underscores."""
    url = path if path.startswith("http") else hub.api_url + path
    return _request(method, url, token or hub.token, json, **headers)


def _request(method: str, url: str, token: str, json: Any, **headers: str) -> requests.Response:
    whole = {
        "Authorization": f"Bearer {token}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return requests.request(method, url, headers=whole, json=json, timeout=10, allow_redirects=False)


def page_url(answer: requests.Response, relation: str = "next") -> str:
    """Return the URL of another page, or an empty text."""
    found = re.search(rf'<([^>]+)>; rel="{relation}"', answer.headers.get("Link", ""))
    return found.group(1) if found else ""


def app_jwt(app: App, *, key: str | None = None, **claims: Any) -> str:
    """Return the JWT of an app, by the simulator's clock; claims can be replaced, or left out by None."""
    now = int(app.hub.clock().timestamp())
    whole = {"iat": now - 60, "exp": now + 540, "iss": app.client_id, **claims}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, key or app.key, "RS256")


def create_token(installation: Installation, **limits: Any) -> requests.Response:
    """Create a token of an installation."""
    app = installation.app
    url = f"{app.hub.api_url}/app/installations/{installation.id}/access_tokens"
    return _request("POST", url, app_jwt(app), limits or None)
