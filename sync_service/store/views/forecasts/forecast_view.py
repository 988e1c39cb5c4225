"""The forecast of a key result as pages, API and command line show it: stored, never computed here."""

from dataclasses import dataclass

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.forecasts.forecast import Forecast
from sync_service.domain.forecasts.words.forecast_text import forecast_sentences, why_none
from sync_service.domain.text import sentence
from sync_service.store.okrs import forecasts
from sync_service.store.okrs.forecasts import Deciding, Found
from sync_service.store.views.key_results import KeyResultView


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastView:
    """The newest forecast of a key result in sentences. `forecast` None: the sentences say why there is none."""

    forecast: Forecast | None
    sentences: tuple[str, ...]
    deciding: tuple[Deciding, ...] = ()


def forecast_view(tx: Transaction, view: KeyResultView) -> ForecastView:
    """Return the newest forecast of a key result; none of a goal that has changed since, or of final numbers."""
    found = forecasts.of_key_result(tx, view.id)
    if found is None or view.closed or not _is_of(found, view):
        why = why_none(view.measure["kind"], stays=view.stay is not None, closed=view.closed)
        return ForecastView(forecast=None, sentences=(sentence(why),))
    goal = found.basis.goal
    return ForecastView(
        forecast=found.forecast,
        sentences=tuple(
            forecast_sentences(
                found.forecast,
                unit=view.unit,
                target=float(goal.target),
                rises=goal.direction > 0,
                today=found.basis.today,
                ends=found.basis.ends,
            )
        ),
        deciding=found.deciding,
    )


def _is_of(found: Found, view: KeyResultView) -> bool:
    """Return whether a forecast is about the goal and the measure of now."""
    basis = found.basis
    return (basis.goal.start, basis.goal.target, basis.measure) == (view.start, view.target, view.measure)
