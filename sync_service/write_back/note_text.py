"""The text of a note: which key results an issue serves, and their values. See `domain/trackers/write_back.py`."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import Row

from sync_service.domain.forecasts.words.worth_text import note_text
from sync_service.domain.measures.status import STATUS_TEXT, Status, Thresholds
from sync_service.domain.measures.status_text import lasting_threshold_clause
from sync_service.domain.text import amount, goal, percent, plain
from sync_service.domain.trackers.write_back import Note, ServedKeyResult
from sync_service.progress.forecasts.worth import Worth
from sync_service.store.okrs.team_settings import TeamSettings


def build_note(rows: Sequence[Row[Any]], base_url: str, settings: TeamSettings, worth: Sequence[Worth] = ()) -> Note:
    """Return the note for rows of `write_backs.served`. Each text is one line, but still comes from other people.

    `worth` says what closing the issue is worth.
    """
    closing = {one.key_result_id: _closing(one) for one in worth}
    return Note(
        tuple(_serving(row, base_url, settings.of(row.team_id).thresholds, closing.get(row.id, "")) for row in rows)
    )


def _closing(one: Worth) -> str:
    if not one.applies:
        return ""
    return note_text((one.progress_before, one.progress_after), (one.chance_before, one.chance_after))


def key_result_ids(rows: Sequence[Row[Any]]) -> str:
    """Return the ids of the key results as one text, in a fixed order."""
    return " ".join(str(key_result_id) for key_result_id in sorted(row.id for row in rows))


def _serving(row: Row[Any], base_url: str, thresholds: Thresholds, closing: str) -> ServedKeyResult:
    status = Status(row.status)
    by_target = row.stay is None and row.progress is not None and row.progress < 1
    return ServedKeyResult(
        slug=row.slug,
        title=plain(row.title),
        url=f"{base_url}/key-results/{quote(row.slug, safe='')}",
        objective=plain(row.objective),
        value=amount(row.current, plain(row.unit), row.target),
        target=goal(row.target, row.stay, plain(row.unit)),
        progress=percent(row.progress),
        status=STATUS_TEXT[status] + (lasting_threshold_clause(status, thresholds) if by_target else ""),
        stays=row.stay is not None,
        completed=status is Status.COMPLETED,
        closing=closing,
    )
