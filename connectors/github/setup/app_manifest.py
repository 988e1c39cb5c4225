"""GitHub App manifest flow: the form that registers an app, and the exchange of the code for its credentials.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

import json
import re
from typing import Any
from urllib.parse import quote

from connectors.github.api.site import Site, error_text
from connectors.github.setup.onboarding import ENTERPRISE_SERVER, EVENTS, NEWER_EVENTS, pages_of, permissions
from connectors.http import HttpClient
from connectors.json_fields import exact_text, identifier, required, text
from connectors.responses import raise_for_response
from sync_service.domain.trackers.capabilities import AppForm, AppRegistration, RegisteredApp
from sync_service.domain.trackers.connector import AppKey, Rejected, WrongField

LONGEST_NAME = 34
"""Characters in an app's name. https://docs.github.com/en/apps/creating-github-apps/registering-a-github-app/registering-a-github-app"""

_ACCOUNT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_LONGEST_KEY = 20_000
_APP_EVENTS = ("installation_target",)
"""Events of app webhooks only. GitHub sends those about installations and their repositories without being asked."""


def app_form(*, site: str, wanted: AppRegistration, state: str) -> AppForm:
    """Return the form for GitHub's page for a new app. Raise `WrongField` with what is allowed."""
    if wanted.organization and not _ACCOUNT.fullmatch(wanted.organization):
        raise WrongField("organization", "the name of an organisation on GitHub, or nothing for your own account")
    if not 0 < len(wanted.name) <= LONGEST_NAME:
        raise WrongField("name", f"a name of {LONGEST_NAME} characters at most")
    owner = f"organizations/{quote(wanted.organization)}/" if wanted.organization else ""
    asked = permissions(writes_back=wanted.writes_back)
    return AppForm(
        action=f"{pages_of(site)}/{owner}settings/apps/new?state={quote(state, safe='')}",
        fields={"manifest": json.dumps(_manifest(site, wanted))},
        asks=(
            ("Permissions", ", ".join(f"{name.replace('_', ' ')}: {level}" for name, level in asked.items())),
            ("Events", ", ".join(EVENTS.values())),
            ("Webhook", wanted.hook_url),
        ),
    )


def _manifest(site: str, wanted: AppRegistration) -> dict[str, Any]:
    events = [*EVENTS, *_APP_EVENTS]
    if site.endswith(ENTERPRISE_SERVER):
        events = [event for event in EVENTS if event not in NEWER_EVENTS]
    return {
        "name": wanted.name,
        "url": wanted.home_url,
        "hook_attributes": {"url": wanted.hook_url, "active": True},
        "redirect_url": wanted.back_url,
        "setup_url": wanted.installed_url,
        "description": "Links key results to issues and moves them as work is done.",
        "public": False,
        "default_permissions": dict(permissions(writes_back=wanted.writes_back)),
        "default_events": events,
    }


def take_app(http: HttpClient, site: Site, *, url: str, code: str) -> RegisteredApp:
    """Exchange the code for the app's credentials. A code is valid for one hour and one use."""
    if not _CODE.fullmatch(code):
        raise Rejected("the code for the new app is not valid")
    reply = site.send("POST", f"/app-manifests/{code}/conversions", authorization=None)
    if reply.status == 404:
        raise Rejected(
            f"{reply.shown_host} does not know the code for the new app: it is valid for one hour and one use. "
            "If the app was registered, delete it there and start again"
        )
    raise_for_response(reply, now=http.now(), words=error_text(reply))
    made = reply.object()
    number = required(identifier(made.get("id")), "the app's number")
    # Enterprise Server up to 3.13 takes the number alone as issuer.
    id_ = number if url.endswith(ENTERPRISE_SERVER) else exact_text(made.get("client_id"), 100) or number
    pem = made.get("pem")
    if not isinstance(pem, str) or not 0 < len(pem) <= _LONGEST_KEY:
        raise Rejected(f"{reply.shown_host} returns no private key for the app")
    return RegisteredApp(
        name=text(made.get("name"), 100) or "the app",
        app=AppKey(id_, pem.strip()),
        secret=exact_text(made.get("webhook_secret"), 500),
    )
