"""The webhook side of the simulated GitHub: who is registered, and who is told what."""

from __future__ import annotations

import json
import uuid
from abc import ABC
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.delivery import Delivery
from simulator.github import enterprise
from simulator.github.bodies import organization as organization_body
from simulator.github.directory import Directory
from simulator.github.hooks import ContentType, Hook, parcel
from simulator.github.render import render

if TYPE_CHECKING:
    from simulator.github.app import Installation
    from simulator.github.planning import User
    from simulator.github.repository import Repository

Told = tuple[Hook, "Installation | None"]
"""A hook that is told something, and the installation by which an app's hook hears of it."""

_ZEN = "Practicality beats purity."


class Teller(Directory, ABC):
    """Sends messages to the hooks that want them. It never retries a delivery; `redeliver` does so by hand."""

    hooks: list[Hook]

    def add_hook(
        self,
        repository: Repository | None = None,
        *,
        url: str,
        secret: str = "",
        content_type: ContentType = "json",
        events: Iterable[str] = ("*",),
    ) -> Hook:
        """Register a webhook on a repository, or on the organisation; a `ping` is sent at once."""
        with self.changing() as now:
            hook = Hook(
                id=self.new_id("H")[0],
                api_url=self.api_url,
                url=url,
                secret=secret,
                content_type=content_type,
                events=tuple(events),
                repository=repository,
                owner=self.owner if repository is None else repository.owner,
                created=now,
            )
            self.hooks.append(hook)
            self.ping(hook)
        return hook

    def remove_hook(self, hook: Hook) -> None:
        """Tell this hook nothing any more, but for this, if it wants to hear it."""
        with self.changing():
            self.hooks.remove(hook)
            if hook.hears("meta"):
                message = {"action": "deleted", "hook_id": hook.id, "hook": hook}
                self._send("meta", message, repository=hook.repository, owner=hook.owner, told=[(hook, None)])

    def ping(self, hook: Hook) -> None:
        """Send a `ping` to one hook."""
        with self.changing():
            message = {"zen": _ZEN, "hook_id": hook.id, "hook": hook}
            owner = hook.owner if hook.app is None else None
            self._send("ping", message, repository=hook.repository, owner=owner, told=[(hook, None)])

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a logged delivery again, under the same GUID, whole and well signed."""
        again = self.webhooks.take(replace(delivery.parcel, sent=self.clock()), redelivery=True)
        self.webhooks.settle()
        return again

    def tell(self, event: str, message: Mapping[str, object], *, repository: Repository) -> None:
        """Send one message to every hook that wants it, under one GUID."""
        if self.ghes and not enterprise.sends(event, str(message["action"])):
            return
        told = [each for hook in self.hooks if (each := _told(hook, event, repository)) is not None]
        self._send(event, message, repository=repository, owner=repository.owner, told=told)

    def tell_organization(self, event: str, message: Mapping[str, object], *, owner: User) -> None:
        """Send a message that is about no repository to the organisation's own hooks."""
        hooks = [hook for hook in self.hooks if hook.repository is None and hook.app is None and hook.owner == owner]
        told: list[Told] = [(hook, None) for hook in hooks if hook.hears(event)]
        self._send(event, message, repository=None, owner=owner, told=told)

    def tell_app(self, hook: Hook, event: str, message: Mapping[str, object]) -> None:
        """Send an app what it is told whether it asked for it or not: what becomes of its installations."""
        self._send(event, message, repository=None, owner=None, told=[(hook, None)])

    def _send(
        self,
        event: str,
        message: Mapping[str, object],
        *,
        repository: Repository | None,
        owner: User | None,
        told: Iterable[Told],
    ) -> None:
        whole: dict[str, object] = dict(message)
        if repository is not None:
            whole["repository"] = repository
        if owner is not None and owner.kind == "Organization":
            whole["organization"] = organization_body(owner, self.site)
        whole["sender"] = self.actor
        rendered = enterprise.without_news(render(whole, self.site)) if self.ghes else render(whole, self.site)
        guid, now = str(uuid.uuid4()), self.clock()
        for hook, installation in told:
            mark = {} if installation is None else {"installation": installation.reference}
            text = json.dumps({**rendered, **mark}, ensure_ascii=False)
            wrapped = parcel(hook, event=event, guid=guid, text=text, message=message, sent=now)
            if self.ghes:
                wrapped = replace(wrapped, headers={**wrapped.headers, **enterprise.message_headers(self.ghes)})
            self.webhooks.take(wrapped)


def _told(hook: Hook, event: str, repository: Repository) -> Told | None:
    if not hook.hears(event):
        return None
    if hook.app is None:
        return (hook, None) if hook.covers(repository) else None
    installation = hook.app.installation_on(repository)
    if installation is None or not installation.hears(event):
        return None
    return hook, installation
