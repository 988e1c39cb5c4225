"""Archived issues: no search shows them, their addresses still do. No webhook is sent about them."""

from simulator.jira.model.issue import Issue
from simulator.jira.site import JiraSite


def archive(site: JiraSite, issue: Issue) -> None:
    """Archive an issue, as `PUT /rest/api/3/issue/archive`."""
    with site.changing() as now:
        issue.archived = now
        site.index.note_gone(issue.id)


def restore(site: JiraSite, issue: Issue) -> None:
    """Take an issue out of the archive: searches show it again, as changed now."""
    with site.changing() as now:
        issue.archived, issue.updated = None, now
        site.index.note(issue)
