"""Issues: one by id or key, or up to 100 in one call on Cloud; and the page of an issue for people."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response

from simulator.html_pages import not_found_page, page
from simulator.jira.json import Json, changelog_json, issue_json
from simulator.jira.model.changelog import History
from simulator.jira.model.issue import Issue
from simulator.jira.query.fields import field_names
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

_MAX_BULK = 100
_MAX_CHANGELOGS = 1000
_MAX_FIELDS = 10


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls that read issues."""
    versions = (2,) if site.data_center else (2, 3)
    calls: dict[tuple[str, str], View] = {
        ("GET", f"/rest/api/{version}/issue/<id_or_key>"): _issue_view(site, version) for version in versions
    }
    if not site.data_center:
        calls["POST", "/rest/api/3/issue/bulkfetch"] = _bulk_view(site)
        calls["GET", "/rest/api/3/issue/<id_or_key>/changelog"] = _changelog_view(site)
        calls["POST", "/rest/api/3/changelog/bulkfetch"] = _bulk_changelog_view(site)
    return calls


def pages(site: JiraSite) -> Mapping[str, View]:
    """Return the pages for people: one for each issue."""

    def shown(_request: Request, key: str) -> Response:
        with site.reading():
            found = site.find(key)
            if found is None:
                return not_found_page()
            lines = {
                "Type": found.type.name,
                "Status": found.status.name,
                "Resolution": found.resolution.name if found.resolution else "",
                "Labels": ", ".join(found.labels),
                "Assignee": found.assignee.display_name if found.assignee else "",
            }
            return page(f"{found.summary} · {found.key}", lines)

    return {"/browse/<key>": shown}


def chosen(issue: Issue, *, version: int, requested: list[str]) -> Json:
    """Write an issue with the fields that a caller wants; `-name` leaves one out."""
    body = {"expand": "renderedFields,names,schema", **issue_json(issue, version=version)}
    dropped = {name.removeprefix("-") for name in requested if name.startswith("-")}
    included = {name for name in requested if not name.startswith("-")}
    everything = not included or included & {"*all", "*navigable"}
    fields = {
        name: value
        for name, value in body["fields"].items()
        if name not in dropped and (everything or name in included)
    }
    return {**body, "fields": fields}


def _issue_view(site: JiraSite, version: int) -> View:
    def view(request: Request, id_or_key: str) -> Response:
        with site.reading():
            found = site.find_visible(id_or_key)
            if found is None:
                return problem(404)
            body = chosen(found, version=version, requested=request.args.get("fields", "*all").split(","))
            if "names" in request.args.get("expand", "").split(","):
                body["names"] = field_names(site, body)
            if "changelog" in request.args.get("expand", "").split(","):
                body["changelog"] = _shown_changelog(site, found)
            return json_response(body)

    return view


def _shown_changelog(site: JiraSite, issue: Issue) -> Json:
    """Write the changelog inside an issue: the newest entries first on Cloud, the oldest on Data Center."""
    ordered = issue.histories if site.data_center else issue.histories[::-1]
    shown = changelog_json(issue, ordered[: site.changelog_limit])
    return {"startAt": 0, "maxResults": len(shown), "total": len(ordered), "histories": shown}


def _changelog_view(site: JiraSite) -> View:
    def view(request: Request, id_or_key: str) -> Response:
        with site.reading():
            found = site.find_visible(id_or_key)
            if found is None:
                return problem(404)
            start, most = int(request.args.get("startAt", 0)), min(int(request.args.get("maxResults", 100)), 100)
            total = len(found.histories)
            if site.empty_changelog_pages:
                site.empty_changelog_pages -= 1
                return json_response({"startAt": start, "maxResults": most, "isLast": False, "values": []})
            page = {"startAt": start, "maxResults": most, "total": total, "isLast": start + most >= total}
            return json_response({**page, "values": changelog_json(found, found.histories[start : start + most])})

    return view


def _bulk_changelog_view(site: JiraSite) -> View:
    def view(request: Request) -> Response:
        if site.lacks_bulk_changelogs:
            return problem(404)
        try:
            payload = request.get_json()
            names, fields = payload["issueIdsOrKeys"], payload.get("fieldIds", [])
            start = int((payload.get("nextPageToken") or "0").partition(" ")[0])
            most = int(payload.get("maxResults", 1000))
        except (BadRequest, KeyError, ValueError, TypeError):
            return problem(400, "Invalid request payload.")
        if not 0 < len(names) <= _MAX_CHANGELOGS or len(fields) > _MAX_FIELDS:
            return problem(400, f"1 to {_MAX_CHANGELOGS} issues, {_MAX_FIELDS} fields at most.")
        if site.empty_changelog_pages:
            site.empty_changelog_pages -= 1
            return json_response(
                {"issueChangeLogs": [], "nextPageToken": f"{start} empty {site.empty_changelog_pages}"}
            )
        with site.reading():
            issues = [issue for name in names if (issue := site.find_visible(str(name))) is not None]
            entries = [(issue, one) for issue in issues for one in _about(issue, fields)]
            page: dict[str, list[History]] = {}
            for issue, one in entries[start : start + most]:
                page.setdefault(issue.id, []).append(one)
            logs = [{"issueId": id_, "changeHistories": _in_bulk(site, id_, listed)} for id_, listed in page.items()]
        rest = {"nextPageToken": str(start + most)} if start + most < len(entries) else {}
        return json_response({"issueChangeLogs": logs, **rest})

    return view


def _about(issue: Issue, fields: list[str]) -> list[History]:
    """Return the entries that change one of these fields, or all."""
    return [one for one in issue.histories if not fields or any(item.get("fieldId") in fields for item in one.items)]


def _in_bulk(site: JiraSite, id_: str, histories: list[History]) -> list[Json]:
    """Write entries as the call for many issues does: times in milliseconds."""
    issue = site.issues[id_]
    written = changelog_json(issue, histories)
    times = [int(one.created.timestamp() * 1000) for one in histories]
    return [{**body, "created": at} for body, at in zip(written, times, strict=True)]


def _bulk_view(site: JiraSite) -> View:
    def view(request: Request) -> Response:
        try:
            payload = request.get_json()
        except BadRequest:
            return problem(400, "Invalid request payload.")
        names = payload.get("issueIdsOrKeys") if isinstance(payload, dict) else None
        if not isinstance(names, list) or not 0 < len(names) <= _MAX_BULK:
            return problem(400, f"issueIdsOrKeys takes 1 to {_MAX_BULK} ids or keys.")
        requested = payload.get("fields") or ["*navigable"]
        with site.reading():
            found = {issue.id: issue for name in names if (issue := site.find_visible(str(name))) is not None}
            failing = [found.pop(id_) for id_ in site.failing_ids & found.keys()]
            bodies = [chosen(found[id_], version=3, requested=requested) for id_ in sorted(found, key=int)]
            if "names" in (payload.get("expand") or ()):
                bodies = [{**body, "names": field_names(site, body)} for body in bodies]
            errors = [
                {"id": issue.id, "errorMessage": "The issue could not be loaded. Try again."} for issue in failing
            ]
        return json_response({"issues": bodies, "issueErrors": errors})

    return view
