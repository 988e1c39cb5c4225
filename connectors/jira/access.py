"""How a connection calls Jira: at which address, in which version of its REST API, and as whom.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#authentication
https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html
"""

import base64
from dataclasses import dataclass, field

from sync_service.domain.connectors import Connection, Refused


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where Atlassian takes consents, and where it takes the calls that they allow."""

    auth: str = "https://auth.atlassian.com"
    api: str = "https://api.atlassian.com"


ATLASSIAN = Hosts()


@dataclass(frozen=True, slots=True)
class Access:
    """Calls go to `base` and a path; `version` is 3 on Cloud and 2 on Data Center, which has no other."""

    base: str
    version: int
    authorization: str = field(repr=False)

    @property
    def rest(self) -> str:
        """Give the address that REST paths follow, without a slash at its end."""
        return f"{self.base}/rest/api/{self.version}"

    @property
    def is_cloud(self) -> bool:
        """Tell Cloud from Data Center."""
        return self.version == 3


def is_on_cloud(connection: Connection) -> bool:
    """Tell Cloud, whose tokens go with an e-mail address or a consent, from Data Center; makes no call."""
    return bool(connection.client or connection.options.get("email"))


def access(connection: Connection, hosts: Hosts = ATLASSIAN) -> Access:
    """Say how a connection calls: by consent through Atlassian's gateway, else at its site with its token.

    Where `api_site` is set, that is where the token is good: scoped ones are at the gateway alone.
    An e-mail address goes with a Cloud API token, none with a server's. Raises `Refused` where there is
    neither, and where a consent does not say for which site it is: its token is good for nothing else.
    """
    if connection.client and not connection.token:
        raise Refused("nobody has consented yet that this connection calls Jira: do so on its page")
    if not connection.token:
        raise Refused("the connection has no token to look with")
    if connection.client and not connection.site_id:
        raise Refused("the consent names no site to call: consent again on the connection's page")
    if connection.client:
        return Access(f"{hosts.api}/ex/jira/{connection.site_id}", 3, f"Bearer {connection.token}")
    told = connection.options.get("api_site")
    base = (told if isinstance(told, str) and told.strip() else connection.site).strip().rstrip("/")
    email = connection.options.get("email")
    if isinstance(email, str) and email:
        pair = f"{email}:{connection.token}".encode()
        return Access(base, 3, f"Basic {base64.b64encode(pair).decode()}")
    return Access(base, 2, f"Bearer {connection.token}")
