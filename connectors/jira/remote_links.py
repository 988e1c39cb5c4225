"""Remote links of ours on an issue: one for each key result it serves, known again by the global id that we gave it.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
"""

from collections.abc import Collection, Mapping
from typing import Any

from connectors.fields import exact, table
from connectors.jira.place import Place
from sync_service.domain.connectors import Gone
from sync_service.domain.writing import Note, Serving

MOST_LINKS = 10
"""Key results linked from one issue: Jira takes 20 writes to an issue in two seconds, from all who write there."""

_LONGEST = 255
"""Characters of a title. Data Center's own table holds no more."""


def put_links(place: Place, note: Note, *, made: Collection[str], afresh: bool) -> Collection[str]:
    """Let our links be those of the note, the first ten; give the slugs of those that stand there then.

    What is there is seen first, so nothing is sent that stands there already, and what we left in dying is found. A
    link that was `made` and somebody took away is made again only if `afresh`.
    """
    there = _links(place)
    wanted = {one.slug: one for one in note.serves[:MOST_LINKS]}
    taken = set() if afresh else {slug for slug in wanted if slug in made and slug not in there}
    for slug, one in wanted.items():
        link = _link(place, one)
        if slug not in taken and not _says(there.get(slug), link):
            # It is made or replaced by its global id; what is left out of it would become empty.
            place.send("POST", "remotelink", body=link)
    for slug in sorted(set(there) - set(wanted)):
        _remove(place, slug)
    return set(wanted) - taken


def wanted_links(note: Note) -> list[str]:
    """Give the slugs of the key results that links lead to."""
    return sorted(one.slug for one in note.serves[:MOST_LINKS])


def remove_links(place: Place) -> None:
    """Take all our links away."""
    for slug in sorted(_links(place)):
        _remove(place, slug)


def _global_id(place: Place, slug: str) -> str:
    """Give what names the link to a key result, for this connection alone."""
    return f"okr-sync/{place.mark}/{slug}"


def _links(place: Place) -> dict[str, Mapping[str, Any]]:
    """Give our links that are there, by the slug of their key result."""
    prefix = _global_id(place, "")
    found = {exact(one.get("globalId")): one for one in place.send("GET", "remotelink").objects()}
    return {name.removeprefix(prefix): one for name, one in found.items() if name and name.startswith(prefix)}


def _remove(place: Place, slug: str) -> None:
    """Take a link away, if it is still there."""
    try:
        place.send("DELETE", "remotelink", params={"globalId": _global_id(place, slug)})
    except Gone:
        return


def _link(place: Place, one: Serving) -> dict[str, Any]:
    """Write a link whole. Jira strikes out the title of what is `resolved`, and shows titles as they are."""
    return {
        "globalId": _global_id(place, one.slug),
        "application": {"type": "okr-sync", "name": "OKR Sync"},
        "relationship": "counts toward",
        "object": {
            "url": one.url,
            "title": _clipped(f"{one.slug} {one.title}"),
            "summary": _clipped(f"{one.progress} ({one.value} of {one.target}), {one.status} · {one.objective}"),
            "icon": {"title": "Key result"},
            "status": {"resolved": one.completed, "icon": {"title": one.status, "link": one.url}},
        },
    }


def _says(there: Mapping[str, Any] | None, link: Mapping[str, Any]) -> bool:
    """Tell whether a link that is there shows the same; Jira may write its empty parts otherwise."""
    if there is None or there.get("relationship") != link["relationship"]:
        return False
    shown, meant = table(there.get("object")), link["object"]
    same = all(shown.get(name) == meant[name] for name in ("url", "title", "summary"))
    return same and table(shown.get("status")).get("resolved") == meant["status"]["resolved"]


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
