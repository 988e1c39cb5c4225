"""The REST API of the simulated Jira: every call and page, and who may call.

Cloud: https://developer.atlassian.com/cloud/jira/platform/rest/v3/, with an email address and a token by basic
authentication. Data Center has version 2 alone, with a personal access token as bearer.
"""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.jira.rest import (
    admin_webhooks,
    comments,
    dynamic_webhooks,
    issues,
    jql,
    projects,
    remote_links,
    search,
)
from simulator.jira.rest import site as site_calls
from simulator.jira.rest.problems import problem
from simulator.jira.rest.stranger import answer_to_stranger
from simulator.jira.site import JiraSite
from simulator.rest_server import View

pages = issues.pages


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return every call of the REST API."""
    groups = (
        admin_webhooks,
        comments,
        dynamic_webhooks,
        issues,
        jql,
        projects,
        remote_links,
        search,
        site_calls,
    )
    return {route: view for group in groups for route, view in group.views(site).items()}


def admit(site: JiraSite, request: Request) -> Response | None:
    """Refuse a request without valid credentials; answer an expired token of Cloud as a stranger."""
    given = request.authorization
    if given is None or (site.token_expired and site.data_center):
        return problem(401)
    if site.token_expired:
        return answer_to_stranger(site, request)
    if site.data_center:
        right = given.type == "bearer" and given.token == site.token
    else:
        right = given.type == "basic" and (given.username, given.password) == (site.email, site.token)
    return None if right else problem(401)
