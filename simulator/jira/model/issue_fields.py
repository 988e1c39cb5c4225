"""What people do to the custom fields of an issue on the simulated Jira."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.jira.model.changelog import Item, changelog_item, number
from simulator.jira.model.custom_fields import shown
from simulator.jira.model.host import Host


@dataclass(eq=False, kw_only=True)
class WithCustomFields(ABC):
    """The custom fields of an issue: its points, and those that administrators made, by their ids."""

    points: float | None = None
    custom: dict[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def site(self) -> Host:
        """The site."""

    @abstractmethod
    def _update(self, now: datetime, items: list[Item], *, type_name: str = ...) -> None:
        """Send the webhook of a change."""

    def set_points(self, points: float | None) -> None:
        """Estimate it, or take the estimate away."""
        with (site := self.site).changing() as now:
            former, self.points = self.points, points
            item = changelog_item(site.points_field, was=(None, number(former)), now=(None, number(points)))
            self._update(now, [{**item, "fieldtype": "custom", "fieldId": site.points_field_id}])

    def set_field(self, name: str, value: Any) -> None:
        """Set a custom field, by its name, to a value as REST shows it; None empties it."""
        with (site := self.site).changing() as now:
            one = site.custom_fields.named(name)
            was, self.custom[one.id] = self.custom.get(one.id), value
            item = changelog_item(one.name, was=(None, shown(was)), now=(None, shown(value)))
            self._update(now, [{**item, "fieldtype": "custom", "fieldId": one.id}])
