"""The end of a cycle by page: make its numbers final, compute them once more, settle scores and outcomes."""

from collections.abc import Callable, Sequence

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.cycles.outcomes import Outcome
from sync_service.domain.text import counted, sentence
from sync_service.progress.cycles.closing import Closer, NotPossible, line_of
from sync_service.store.engine.database import reading
from sync_service.store.views.cycles.closing import ClosingLine, ClosingView, closing_view
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import compute_for_seconds, services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = Blueprint("objectives_closing", __name__, url_prefix="/cycles/<slug>")

Change = Callable[[Closer, ClosingView], tuple[str, Sequence[int]]]
"""Changes a cycle; returns what was done, in words, and the key results to compute, by their row ids."""


@blueprint.post("/close")
@guarded(Guard.ADMIN)
def close(slug: str) -> ResponseReturnValue:
    """Make the numbers of a cycle final once its days of grace are over."""

    def change(closer: Closer, view: ClosingView) -> tuple[str, Sequence[int]]:
        return "The numbers are final.", closer.close(view)

    return _changed(slug, change)


@blueprint.post("/settle")
@guarded(Guard.ADMIN)
def settle(slug: str) -> ResponseReturnValue:
    """Settle the outcome of one key result, the chosen or the proposed one; without a key result, all proposed ones."""
    named = request.form.get("key_result")
    chosen = _outcome(request.form.get(f"outcome:{named}", "")) if named else None

    def change(closer: Closer, view: ClosingView) -> tuple[str, Sequence[int]]:
        if named:
            return f"{named}: settled as {closer.settle(view.slug, _line(view, named), chosen)}.", ()
        left = closer.settle_proposed(view)
        without = f" {counted(len(left), 'key result')} without data: choose each outcome." if left else ""
        return f"Settled.{without}", ()

    return _changed(slug, change)


@blueprint.post("/refreeze")
@guarded(Guard.ADMIN)
def refreeze(slug: str) -> ResponseReturnValue:
    """Compute a key result's final number once more that was stale or partly seen, or all of them."""
    named = request.form.get("key_result")

    def change(closer: Closer, view: ClosingView) -> tuple[str, Sequence[int]]:
        ids = closer.refreeze([_line(view, named)] if named else view.key_results)
        slugs = (one.slug for one in view.key_results if one.id in ids)
        return f"Computed again: {', '.join(slugs)}.", ids

    return _changed(slug, change)


def _outcome(written: str) -> Outcome | None:
    try:
        return Outcome(written) if written else None
    except ValueError:
        abort(400, "There is no such outcome.")


def _line(view: ClosingView, slug: str) -> ClosingLine:
    return line_of(view, slug) or abort(404, f"The cycle {view.slug} has no key result {slug}.")


def _changed(slug: str, change: Change) -> ResponseReturnValue:
    """Change a cycle as the caller, and go back to its page; it says what was done, or why that can't be done."""
    caller, now, engine = current_caller(), services().now(), services().engine
    closer = Closer(engine=engine, by=caller.name if caller else "", actor=actor(), now=now)
    try:
        done, ids = change(closer, _read(slug))
    except NotPossible as error:
        flash(sentence(str(error)), "error")
    else:
        compute_for_seconds(ids)
        wake("recompute", "write_back")
        left = _read(slug).under_way if ids else None
        flash(f"Under way: {left}." if left else done, "success")
    return redirect(url_for("objectives_cycle.show", slug=slug, _anchor="closing"))


def _read(slug: str) -> ClosingView:
    with reading(services().engine) as tx:
        return closing_view(tx, slug, services().now()) or abort(404, f"There is no cycle {slug}.")
