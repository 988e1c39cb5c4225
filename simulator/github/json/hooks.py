"""Write a webhook's registration as JSON, the same in its ping and in REST responses; the secret is hidden."""

from simulator.github.json.common import Json, moment, repository_api_url
from simulator.github.model.hooks import Hook


def hook_json(hook: Hook) -> Json:
    """Write a hook."""
    kind, address = _kind_and_url(hook)
    return {
        "type": kind,
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": config_json(hook),
        "updated_at": moment(hook.updated or hook.created),
        "created_at": moment(hook.created),
        **({"app_id": hook.app_id} if hook.app_id is not None else _links(address, kind)),
    }


def config_json(hook: Hook) -> Json:
    """Write a hook's settings."""
    config: Json = {"content_type": hook.content_type, "insecure_ssl": "0", "url": hook.url}
    return {**config, "secret": "********"} if hook.secret else config


def _kind_and_url(hook: Hook) -> tuple[str, str]:
    if hook.app_id is not None:
        return "App", ""
    if hook.repository is not None:
        return "Repository", f"{repository_api_url(hook.repository)}/hooks/{hook.id}"
    return "Organization", f"{hook.api_url}/orgs/{hook.owner.login}/hooks/{hook.id}"


def _links(address: str, kind: str) -> Json:
    links = {"url": address, "ping_url": f"{address}/pings", "deliveries_url": f"{address}/deliveries"}
    if kind == "Organization":
        return links
    unused = {"code": None, "status": "unused", "message": None}
    return {**links, "test_url": f"{address}/test", "last_response": unused}
