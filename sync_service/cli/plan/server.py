"""Ask a running service for a plan, by its API."""

import time
from typing import Any

import click
import requests
from pydantic import ValidationError

from sync_service.config_file.plan.apply import Files
from sync_service.web.api.plan.models import Plan

SECONDS = (10.0, 300.0)
"""How long to connect, and how long to wait for the answer."""

TRIES = 12
"""How often to ask while the service computes another plan."""


def ask_server(server: str, token: str, files: Files, *, prune: bool) -> Plan:
    """Return the plan that a service computes. Raise `ClickException` when it refuses, or can't be asked."""
    if not server.startswith(("https://", "http://")):
        raise click.UsageError(f"--server needs an address like https://okr.example.com, not {server!r}")
    if not token.strip():
        raise click.ClickException("OKR_SYNC_TOKEN is not set: --server needs an API token with the role member")
    body = {"files": [{"name": name, "text": _text(name, content)} for name, content in files], "prune": prune}
    response = _post(f"{server.rstrip('/')}/api/v1/plan", token.strip(), body)
    if response.status_code != requests.codes.ok:
        raise click.ClickException(_refusal(server, response))
    try:
        return Plan.model_validate(response.json())
    except (requests.JSONDecodeError, ValidationError) as error:
        raise click.ClickException(f"{server} does not answer as OKR Sync does; check the address") from error


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{name} is not UTF-8") from error


def _post(url: str, token: str, body: dict[str, Any]) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    for tries_left in reversed(range(TRIES)):
        try:
            response = requests.post(url, json=body, headers=headers, timeout=SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise click.ClickException(f"{url} can't be asked: {_reason(error)}") from error
        wait = response.headers.get("Retry-After", "")
        if response.status_code != requests.codes.service_unavailable or not wait.isdecimal() or not tries_left:
            break
        time.sleep(min(int(wait), 60))
    return response


def _reason(error: requests.RequestException) -> str:
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return getattr(cause, "strerror", None) or next(iter(str(cause).splitlines()), type(cause).__name__)


def _refusal(server: str, response: requests.Response) -> str:
    """Return what a service answered, each error of a file in a line as `okr-sync apply` says it."""
    if response.is_redirect:
        return f"{server} redirects to {response.headers['Location']}; write that address"
    try:
        found = response.json()
        lines = [f"{one['parameter']}: {one['detail']}" for one in found.get("errors", [])]
        return "\n".join(lines) or str(found["detail"])
    except (requests.JSONDecodeError, KeyError, TypeError, AttributeError):
        return f"{server} answered {response.status_code}, and not as OKR Sync does; check the address"
