"""App manifests: JSON from which a person registers an app with one button.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.github.model.app import App

LIFETIME = timedelta(hours=1)
"""How long the code for a new app is good for."""


class ManifestError(ValueError):
    """GitHub refuses the manifest; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The fields of a manifest that the simulator uses."""

    name: str
    url: str
    redirect_url: str
    setup_url: str = ""
    description: str | None = None
    hook_url: str = ""
    permissions: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NewApp:
    """A registered app whose credentials were not fetched yet."""

    app: App
    made: datetime


def parse_manifest(text: str) -> Manifest:
    """Parse a manifest; raise `ManifestError`."""
    try:
        document: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise ManifestError(f"Manifest is not JSON: {error}") from error
    hook = document.get("hook_attributes", {})
    for name in ("name", "url", "redirect_url"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise ManifestError(f'"{name}" wasn\'t supplied')
    if hook and not hook.get("url"):
        raise ManifestError('Hook "url" wasn\'t supplied')
    return Manifest(
        name=document["name"],
        url=document["url"],
        redirect_url=document["redirect_url"],
        setup_url=document.get("setup_url", ""),
        description=document.get("description"),
        hook_url=hook["url"] if hook.get("active", True) and hook else "",
        permissions=document.get("default_permissions", {}),
        events=tuple(document.get("default_events", ())),
    )
