"""What the objects of the simulated Jira need of the site; the site imports them, and they never import it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from simulator.clock import Clock
from simulator.jira.model.custom_fields import CustomFields
from simulator.jira.model.site_defaults import IssueType, Named, Status, User


class Host(Protocol):
    """The site, as its objects see it."""

    @property
    def url(self) -> str:
        """The base URL."""

    @property
    def clock(self) -> Clock:
        """The clock of the site."""

    @property
    def data_center(self) -> bool:
        """Whether it is Data Center, not Cloud."""

    @property
    def points_field(self) -> str:
        """The name of the custom field for story points."""

    @property
    def points_field_id(self) -> str:
        """The id of that field."""

    @property
    def custom_fields(self) -> CustomFields:
        """The custom fields that administrators made."""

    @property
    def actor(self) -> User:
        """The account that acts now."""

    @property
    def bot(self) -> User:
        """The account whose token REST calls use."""

    def changing(self) -> AbstractContextManager[datetime]:
        """Change the state under the site's lock; yield the present time."""

    def new_id(self) -> str:
        """Return an unused id."""

    def new_ids(self, count: int) -> int:
        """Reserve ids in a row; return the first."""

    def user(self, name: str) -> User:
        """Return the account of that name; create it if it does not exist."""

    def status(self, name: str) -> Status:
        """Return the status of that name; raise `LookupError`."""

    def issue_type(self, name: str) -> IssueType:
        """Return the issue type of that name; raise `LookupError`."""

    def resolution(self, name: str) -> Named:
        """Return the resolution of that name; raise `LookupError`."""

    def priority(self, name: str) -> Named:
        """Return the priority of that name; raise `LookupError`."""

    def reference(self, account: User | None) -> tuple[str | None, str | None]:
        """Return an account as a changelog names it: id and display name."""

    def transition_type_name(self, was: Status, now: Status) -> str:
        """Return the `issue_event_type_name` of a transition."""
