"""Jira authentication: base URL, REST API version and Authorization header of a connection.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#authentication
https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html
"""

import base64
from dataclasses import dataclass, field

from connectors.responses import host_of_url
from sync_service.domain.trackers.connector import Connection, Refused


@dataclass(frozen=True, slots=True)
class Hosts:
    """Atlassian's OAuth server and its API gateway."""

    auth: str = "https://auth.atlassian.com"
    api: str = "https://api.atlassian.com"


ATLASSIAN = Hosts()


@dataclass(frozen=True, slots=True)
class JiraAuth:
    """Base URL and credentials; `version` of the REST API is 3 on Cloud and 2 on Data Center, which has only that.

    `by_gateway`: Atlassian's gateway checks an OAuth token before each call, and answers no stranger.
    """

    base: str
    version: int
    authorization: str = field(repr=False)
    by_gateway: bool = False

    @property
    def rest_url(self) -> str:
        """Return the base URL of REST paths, without a slash at its end."""
        return f"{self.base}/rest/api/{self.version}"

    @property
    def is_cloud(self) -> bool:
        """Return True for Cloud, False for Data Center."""
        return self.version == 3


def is_on_cloud(connection: Connection) -> bool:
    """Return True for Cloud, which has an e-mail address or an OAuth app, False for Data Center. Makes no call."""
    return bool(connection.client or connection.options.get("email"))


def auth_of(connection: Connection, hosts: Hosts = ATLASSIAN) -> JiraAuth:
    """Return how a connection calls Jira: with OAuth through Atlassian's gateway, else with its token at its site.

    `api_site` replaces the site: scoped API tokens work at the gateway only. A Cloud API token has an e-mail
    address, a Data Center token has none. Raise `Refused` without a token, and when an OAuth token names no site.
    """
    if connection.client and not connection.token:
        raise Refused("nobody has consented yet that this connection calls Jira: do so on its page")
    if not connection.token:
        raise Refused("the connection has no token to call Jira with")
    if connection.client and not connection.site_id:
        raise Refused("the OAuth token names no site: connect again on the connection's page")
    if connection.client:
        return JiraAuth(f"{hosts.api}/ex/jira/{connection.site_id}", 3, f"Bearer {connection.token}", by_gateway=True)
    api_site = connection.options.get("api_site")
    base = (api_site if isinstance(api_site, str) and api_site.strip() else connection.site).strip().rstrip("/")
    email = connection.options.get("email")
    if isinstance(email, str) and email:
        pair = f"{email}:{connection.token}".encode()
        return JiraAuth(base, 3, f"Basic {base64.b64encode(pair).decode()}")
    return JiraAuth(base, 2, f"Bearer {connection.token}")


def lacks_email(connection: Connection) -> bool:
    """Return whether an API token of a Cloud site comes without the e-mail address of its account.

    Atlassian's gateway (`api_site`) and OAuth take a token alone.
    """
    options = connection.options
    if connection.client or options.get("email") or options.get("api_site"):
        return False
    return (host_of_url(connection.site) or "").endswith(".atlassian.net")
