"""Emit the webhooks of the simulated GitHub: which hook gets which event."""

from __future__ import annotations

import json
import uuid
from abc import ABC
from collections.abc import Iterable, Mapping
from dataclasses import replace

from simulator.github.enterprise import message_headers, sends, without_new_fields
from simulator.github.json.common import organization_json
from simulator.github.json.render import render
from simulator.github.model.accounts import User
from simulator.github.model.app import App, Installation
from simulator.github.model.hooks import ContentType, Hook, webhook_request
from simulator.github.model.host import RepositoryIdentity
from simulator.github.registry import Registry
from simulator.webhook_delivery import Delivery

Recipient = tuple[Hook, Installation | None]
"""A hook that gets a webhook, and for an app's hook the installation that it gets it by."""

_ZEN = "Practicality beats purity."


class WebhookEmitter(Registry, ABC):
    """Sends webhooks to the hooks that want them. Like GitHub, it never retries; see `redeliver`."""

    hooks: list[Hook]
    apps: list[App]

    def add_hook(
        self,
        repository: RepositoryIdentity | None = None,
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
        """Remove a hook; it gets a last `meta` webhook if it wants that event."""
        with self.changing():
            self.hooks.remove(hook)
            if hook.wants("meta"):
                message = {"action": "deleted", "hook_id": hook.id, "hook": hook}
                self._send("meta", message, repository=hook.repository, owner=hook.owner, recipients=[(hook, None)])

    def ping(self, hook: Hook) -> None:
        """Send a `ping` to one hook."""
        with self.changing():
            message = {"zen": _ZEN, "hook_id": hook.id, "hook": hook}
            owner = hook.owner if hook.app_id is None else None
            self._send("ping", message, repository=hook.repository, owner=owner, recipients=[(hook, None)])

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a logged delivery again, under the same GUID, whole and well signed."""
        again = self.webhooks.send(replace(delivery.request, sent=self.clock()), redelivery=True)
        self.webhooks.deliver_queued()
        return again

    def emit(self, event: str, message: Mapping[str, object], *, repository: RepositoryIdentity) -> None:
        """Send a webhook to every hook that wants it, under one GUID."""
        if self.ghes and not sends(event, str(message["action"])):
            return
        recipients = [each for hook in self.hooks if (each := self._recipient(hook, event, repository)) is not None]
        self._send(event, message, repository=repository, owner=repository.owner, recipients=recipients)

    def emit_to_organization(self, event: str, message: Mapping[str, object], *, owner: User) -> None:
        """Send a webhook about no repository to the organisation's own hooks."""
        hooks = [hook for hook in self.hooks if hook.repository is None and hook.app_id is None and hook.owner == owner]
        recipients: list[Recipient] = [(hook, None) for hook in hooks if hook.wants(event)]
        self._send(event, message, repository=None, owner=owner, recipients=recipients)

    def emit_to_app(self, hook: Hook, event: str, message: Mapping[str, object]) -> None:
        """Send an app a webhook about its installations, which it gets whatever events it asked for."""
        self._send(event, message, repository=None, owner=None, recipients=[(hook, None)])

    def _send(
        self,
        event: str,
        message: Mapping[str, object],
        *,
        repository: RepositoryIdentity | None,
        owner: User | None,
        recipients: Iterable[Recipient],
    ) -> None:
        whole: dict[str, object] = dict(message)
        if repository is not None:
            whole["repository"] = repository
        if owner is not None and owner.kind == "Organization":
            whole["organization"] = organization_json(owner, self.site)
        whole["sender"] = self.actor
        rendered = without_new_fields(render(whole, self.site)) if self.ghes else render(whole, self.site)
        guid, now = str(uuid.uuid4()), self.clock()
        for hook, installation in recipients:
            mark = {} if installation is None else {"installation": installation.reference}
            text = json.dumps({**rendered, **mark}, ensure_ascii=False)
            wrapped = webhook_request(hook, event=event, guid=guid, text=text, message=message, sent=now)
            if self.ghes:
                wrapped = replace(wrapped, headers={**wrapped.headers, **message_headers(self.ghes)})
            self.webhooks.send(wrapped)

    def _recipient(self, hook: Hook, event: str, repository: RepositoryIdentity) -> Recipient | None:
        if not hook.wants(event):
            return None
        if hook.app_id is None:
            return (hook, None) if hook.covers(repository) else None
        app = next(app for app in self.apps if app.id == hook.app_id)
        installation = app.installation_on(repository)
        if installation is None or not installation.wants(event):
            return None
        return hook, installation
