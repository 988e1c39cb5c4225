"""How GitHub writes a hook in JSON, in its ping and in REST answers alike; the secret stays hidden."""

from simulator.github.bodies import Body, api, moment
from simulator.github.hooks import Hook


def hook_body(hook: Hook) -> Body:
    """Write a hook."""
    kind, address = _place(hook)
    return {
        "type": kind,
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": config_body(hook),
        "updated_at": moment(hook.updated or hook.created),
        "created_at": moment(hook.created),
        **({"app_id": hook.app.id} if hook.app is not None else _links(address, kind)),
    }


def config_body(hook: Hook) -> Body:
    """Write a hook's settings."""
    config: Body = {"content_type": hook.content_type, "insecure_ssl": "0", "url": hook.url}
    return {**config, "secret": "********"} if hook.secret else config


def _place(hook: Hook) -> tuple[str, str]:
    if hook.app is not None:
        return "App", ""
    if hook.repository is not None:
        return "Repository", f"{api(hook.repository)}/hooks/{hook.id}"
    return "Organization", f"{hook.api_url}/orgs/{hook.owner.login}/hooks/{hook.id}"


def _links(address: str, kind: str) -> Body:
    links = {"url": address, "ping_url": f"{address}/pings", "deliveries_url": f"{address}/deliveries"}
    if kind == "Organization":
        return links
    unused = {"code": None, "status": "unused", "message": None}
    return {**links, "test_url": f"{address}/test", "last_response": unused}
