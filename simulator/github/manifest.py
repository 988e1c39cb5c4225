"""A manifest: an app described by whoever wants it, for a person to register with one press of a button.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.github.app import App

LIFE = timedelta(hours=1)
"""How long the code for a new app is good for."""


class BadManifest(ValueError):
    """A manifest that GitHub would not take; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a manifest says, as far as the simulator goes by it."""

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
    """An app that was registered and not yet handed over."""

    app: App
    made: datetime


def read_manifest(text: str) -> Manifest:
    """Read a manifest; raises `BadManifest`."""
    try:
        said: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadManifest(f"Manifest is not JSON: {error}") from error
    hook = said.get("hook_attributes", {})
    for wanted in ("name", "url", "redirect_url"):
        if not isinstance(said.get(wanted), str) or not said[wanted]:
            raise BadManifest(f'"{wanted}" wasn\'t supplied')
    if hook and not hook.get("url"):
        raise BadManifest('Hook "url" wasn\'t supplied')
    return Manifest(
        name=said["name"],
        url=said["url"],
        redirect_url=said["redirect_url"],
        setup_url=said.get("setup_url", ""),
        description=said.get("description"),
        hook_url=hook["url"] if hook.get("active", True) and hook else "",
        permissions=said.get("default_permissions", {}),
        events=tuple(said.get("default_events", ())),
    )
