"""Accounts and issue types: what belongs to a GitHub organisation, not to one repository."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(eq=False)
class User:
    """An account, which may be renamed; `kind` is GitHub's `User`, `Organization` or `Bot`."""

    id: int
    node_id: str
    login: str
    kind: str = "User"


@dataclass(frozen=True)
class AsOrganization:
    """An account, to be written as an organisation."""

    account: User


@dataclass(frozen=True)
class IssueType:
    """A type of the organisation's issues, such as Bug."""

    id: int
    node_id: str
    name: str
    created: datetime
