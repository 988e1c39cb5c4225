"""Write-back of remote links: one for each key result that an issue serves, identified by our global id.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
"""

from collections.abc import Collection, Mapping
from typing import Any

from connectors.jira.write_back.issue_client import IssueClient
from connectors.json_fields import exact_text, json_object
from sync_service.domain.trackers.connector import Gone
from sync_service.domain.trackers.write_back import Note, ServedKeyResult

MOST_LINKS = 10
"""Most key results linked on one issue: Jira allows 20 writes to an issue in two seconds, from all writers together."""

_LONGEST = 255
"""Characters of a title. Data Center's database column holds no more."""


def put_links(client: IssueClient, note: Note, *, made: Collection[str], force: bool) -> Collection[str]:
    """Make our links equal to the note's first ten; return the slugs of the links that exist afterwards.

    Read the existing links first: send no unchanged link, and find links that a crash left. A link that was `made`
    and then removed by somebody is made again only if `force`.
    """
    existing = _links(client)
    wanted = {one.slug: one for one in note.key_results[:MOST_LINKS]}
    removed = set() if force else {slug for slug in wanted if slug in made and slug not in existing}
    for slug, one in wanted.items():
        link = _link(client, one)
        if slug not in removed and not _is_same(existing.get(slug), link):
            # Jira creates or replaces it by its global id; an omitted field would become empty.
            client.send("POST", "remotelink", body=link)
    for slug in sorted(set(existing) - set(wanted)):
        _remove(client, slug)
    return set(wanted) - removed


def wanted_links(note: Note) -> list[str]:
    """Return the slugs of the key results to link."""
    return sorted(one.slug for one in note.key_results[:MOST_LINKS])


def remove_links(client: IssueClient) -> None:
    """Remove all our links."""
    for slug in sorted(_links(client)):
        _remove(client, slug)


def _global_id(client: IssueClient, slug: str) -> str:
    """Return the global id of the link to a key result; it is unique to this connection."""
    return f"okr-sync/{client.mark}/{slug}"


def _links(client: IssueClient) -> dict[str, Mapping[str, Any]]:
    """Return our existing links, by the slug of their key result."""
    prefix = _global_id(client, "")
    found = {exact_text(one.get("globalId")): one for one in client.send("GET", "remotelink").objects()}
    return {name.removeprefix(prefix): one for name, one in found.items() if name and name.startswith(prefix)}


def _remove(client: IssueClient, slug: str) -> None:
    """Remove a link, if it still exists."""
    try:
        client.send("DELETE", "remotelink", params={"globalId": _global_id(client, slug)})
    except Gone:
        return


def _link(client: IssueClient, one: ServedKeyResult) -> dict[str, Any]:
    """Return a link with all fields. Jira strikes out the title if `resolved`, and shows it as plain text."""
    return {
        "globalId": _global_id(client, one.slug),
        "application": {"type": "okr-sync", "name": "OKR Sync"},
        "relationship": "counts toward",
        "object": {
            "url": one.url,
            "title": _clipped(f"{one.slug} {one.title}"),
            "summary": _clipped(
                f"{one.progress} ({one.value_of_target}), {one.status} · {one.objective}{_closing(one)}"
            ),
            "icon": {"title": "Key result"},
            "status": {"resolved": one.completed, "icon": {"title": one.status, "link": one.url}},
        },
    }


def _is_same(existing: Mapping[str, Any] | None, link: Mapping[str, Any]) -> bool:
    """Return whether an existing link shows the same; ignore empty fields, which Jira may return differently."""
    if existing is None or existing.get("relationship") != link["relationship"]:
        return False
    shown, expected = json_object(existing.get("object")), link["object"]
    same = all(shown.get(name) == expected[name] for name in ("url", "title", "summary"))
    return same and json_object(shown.get("status")).get("resolved") == expected["status"]["resolved"]


def _closing(one: ServedKeyResult) -> str:
    return f" · {one.closing}" if one.closing else ""


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
