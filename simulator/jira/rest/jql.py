"""Calls about JQL: its words for editors; on Cloud also parse queries, and match issues against queries.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from simulator.jira.json import Json
from simulator.jira.query.evaluate import Matcher
from simulator.jira.query.fields import field_descriptions
from simulator.jira.query.jql import Clause, Compound, Condition, Empty, Function, JqlError, Operand, Query, parse
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

_OPERATORS = {"!~": "~="}
"""Operators that Atlassian's API description names differently."""

_FUNCTIONS = (
    ("currentUser", "false", "com.atlassian.jira.user.ApplicationUser"),
    ("now", "false", "java.util.Date"),
    ("openSprints", "true", "com.atlassian.greenhopper.service.sprint.Sprint"),
    ("releasedVersions", "true", "com.atlassian.jira.project.version.Version"),
)

MOST_ISSUES = 50
"""How many issues one call of `match` may be about."""


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls."""
    words: dict[tuple[str, str], View] = {
        ("GET", f"/rest/api/{version}/jql/autocompletedata"): _words_view(site)
        for version in ((2,) if site.data_center else (2, 3))
    }
    if site.data_center:
        return words
    return {
        **words,
        ("POST", "/rest/api/3/jql/parse"): _parse_view(site),
        ("POST", "/rest/api/3/jql/match"): _match_view(site),
    }


def structure(query: Query) -> Json:
    """Write a query as its syntax tree."""
    found: Json = {} if query.where is None else {"where": _clause(query.where)}
    if query.order:
        found["orderBy"] = {"fields": [_ordering(each.field, each.descending) for each in query.order]}
    return found


def _words_view(site: JiraSite) -> View:
    def view(request: Request) -> Response:
        del request
        with site.reading():
            return json_response(words_of_jql(field_descriptions(site)))

    return view


def words_of_jql(fields: list[Json]) -> Json:
    """Return the words of JQL with these fields; a custom one is known by its quoted name and its number."""
    return {
        "visibleFieldNames": [_field_words(field) for field in fields],
        "visibleFunctionNames": [
            {"value": f"{name}()", "displayName": f"{name}()", "isList": is_list, "types": [kind]}
            for name, is_list, kind in _FUNCTIONS
        ],
        "jqlReservedWords": ["and", "or", "not", "empty", "null", "order", "by", "was", "changed"],
    }


def _field_words(field: Json) -> Json:
    kind = field["schema"]["type"]
    name = f'"{field["name"]}"' if field["custom"] else field["id"]
    label = f"{field['name']} - {field['clauseNames'][0]}" if field["custom"] else field["name"]
    operators = ["~", "!~"] if kind == "string" else ["=", "!=", "in", "not in", "is", "is not"]
    words = {"value": name, "displayName": label, "orderable": "true", "searchable": "true", "operators": operators}
    cfid = {"cfid": field["clauseNames"][0]} if field["custom"] else {}
    return {**words, **cfid, "types": [f"com.atlassian.jira.{kind}"]}


def _parse_view(site: JiraSite) -> View:
    def view(request: Request) -> Response:
        queries = _texts(request, "queries")
        validation = request.args.get("validation", "")
        if not queries or validation not in ("strict", "warn", "none"):
            return problem(400, "Queries, and a validation of strict, warn or none, are required.")
        with site.reading():
            return json_response({"queries": [_parsed(site, text, validation) for text in queries]})

    return view


def _parsed(site: JiraSite, text: str, validation: str) -> Json:
    try:
        query = parse(text)
        found: Json = {"query": text, "structure": structure(query)}
    except JqlError as error:
        return {"query": text, "errors": [str(error)]}
    try:
        if validation != "none":
            Matcher(site, query.where)
    except JqlError as error:
        return (
            {"query": text, "errors": [str(error)]} if validation == "strict" else {**found, "warnings": [str(error)]}
        )
    return found


def _match_view(site: JiraSite) -> View:
    def view(request: Request) -> Response:
        payload = _body(request)
        jqls, ids = _texts(request, "jqls"), payload.get("issueIds")
        if not jqls or not isinstance(ids, list) or not all(isinstance(id_, int) for id_ in ids):
            return problem(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        if len(ids) > MOST_ISSUES:
            return problem(400, f"A maximum of {MOST_ISSUES} issues can be matched.")
        with site.reading():
            return json_response({"matches": [_matched(site, text, ids) for text in jqls]})

    return view


def _matched(site: JiraSite, text: str, ids: list[int]) -> Json:
    """Match the issues as searches know them: a change is not seen at once."""
    try:
        matcher = Matcher(site, parse(text).where)
        found = [id_ for id_ in dict.fromkeys(ids) if _is_matched(site, matcher, str(id_))]
    except JqlError as error:
        return {"matchedIssues": [], "errors": [str(error)]}
    return {"matchedIssues": found, "errors": []}


def _is_matched(site: JiraSite, matcher: Matcher, id_: str) -> bool:
    issue = site.index.shown(id_)
    return issue is not None and site.shows(issue) and matcher.matches(issue)


def _body(request: Request) -> dict[str, Any]:
    try:
        found = request.get_json()
    except HTTPException:
        return {}
    return found if isinstance(found, dict) else {}


def _texts(request: Request, name: str) -> list[str]:
    found = _body(request).get(name)
    texts = found if isinstance(found, list) else []
    return texts if all(isinstance(text, str) and text for text in texts) else []


def _clause(clause: Clause) -> Json:
    if isinstance(clause, Compound):
        return {"operator": clause.operator, "clauses": [_clause(each) for each in clause.clauses]}
    operator = _OPERATORS.get(clause.operator, clause.operator)
    return {"field": {"name": clause.field}, "operator": operator, "operand": _operands(clause)}


def _operands(condition: Condition) -> Json:
    written = list(_written(condition))
    return {"values": written} if condition.listed else written[0]


def _written(condition: Condition) -> Iterator[Json]:
    yield from map(_operand, condition.operands)


def _operand(operand: Operand) -> Json:
    if isinstance(operand, Empty):
        return {"keyword": "empty"}
    if isinstance(operand, Function):
        return {"function": operand.name, "arguments": list(operand.arguments)}
    return {"value": operand.text}


def _ordering(field: str, descending: bool | None) -> Json:  # noqa: FBT001  as the tree has it
    found: Json = {"field": {"name": field}}
    return found if descending is None else {**found, "direction": "desc" if descending else "asc"}
