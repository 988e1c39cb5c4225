"""Archived issues: no search shows them, their addresses still do. No webhook is sent about them."""

from simulator.jira.model.issue import Issue


def archive(issue: Issue) -> None:
    """Archive an issue, as `PUT /rest/api/3/issue/archive`."""
    site = issue.project.site
    with site.changing() as now:
        issue.archived = now
        site.index.note_gone(issue.id)


def restore(issue: Issue) -> None:
    """Take an issue out of the archive: searches show it again, as changed now."""
    site = issue.project.site
    with site.changing() as now:
        issue.archived, issue.updated = None, now
        site.index.note(issue)
