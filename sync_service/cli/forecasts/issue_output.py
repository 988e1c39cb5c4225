"""What an issue serves, and what closing it is worth, as lines of text."""

from collections.abc import Iterator, Mapping

from sync_service.domain.forecasts.words.worth_text import chance_text, move_text
from sync_service.domain.text import listed
from sync_service.progress.forecasts.explain_issue import IssueExplanation, is_closed
from sync_service.store.views.key_results import KeyResultView


def issue_lines(found: IssueExplanation, views: Mapping[str, KeyResultView]) -> Iterator[str]:
    """Yield the lines that explain an issue; `views` are the key results by slug."""
    yield f"{found.connection}:{found.key}  {found.title}".rstrip()
    yield f"  state      {found.state or 'unknown'}"
    if found.closes:
        yield f"  closes     {listed(list(found.closes))}"
    yield ""
    yield "What it serves" if found.serves else f"It serves no key result: {found.why_none}"
    for one in found.serves:
        by = f"by rule {', '.join(one.link.rules)}" if one.link.origin == "rule" else f"by {one.link.origin}"
        why_not = "" if one.link.counts else f"; does not count: {one.link.why_not}"
        yield f"  {one.slug}  {views[one.slug].title}  ({by}{why_not})"
    yield ""
    if not found.worth:
        yield "It is closed already" if is_closed(found) else "Closing it moves no key result"
        return
    yield "What merging it is worth" if found.closes else "What closing it is worth"
    for worth in found.worth:
        view = views[worth.slug]
        moved = move_text(worth.before, worth.after, unit=view.unit, target=view.target)
        held = "" if worth.applies else " (computed; another value applies until its owner decides)"
        yield f"  {worth.slug}  {moved}{chance_text(worth.chance_before, worth.chance_after)}{held}"
