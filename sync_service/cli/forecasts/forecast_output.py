"""The forecast of a key result as lines of text."""

from collections.abc import Iterator

from sync_service.domain.forecasts.words.forecast_text import effect_text
from sync_service.domain.text import listed
from sync_service.store.views.forecasts.forecast_view import ForecastView


def forecast_lines(found: ForecastView) -> Iterator[str]:
    """Yield the forecast sentence by sentence, and what decides it."""
    yield ""
    yield "Forecast" if found.forecast is not None else "No forecast"
    yield from (f"  {one}" for one in found.sentences)
    if found.deciding:
        yield ""
        yield "What decides it"
    for one in found.deciding:
        title = f"  {one.title}" if one.title else ""
        yield f"  {one.key}{title}  ({listed(list(one.reasons))}; {effect_text(one.effect)})"
