"""`steps` and `manual`: what people tick and check in."""

from collections.abc import Collection, Iterator, Mapping
from math import fsum

from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.kinds.shares import percentage
from sync_service.domain.measures.kinds.words import Line, Result
from sync_service.domain.measures.settings import Measure
from sync_service.domain.text import counted, number
from sync_service.domain.trackers.observations import State


def done_steps(measure: Measure, *, ticked: Collection[str], states: Mapping[str, State]) -> frozenset[str]:
    """Return the names of the steps that are done: ticked by a person, or their issue is done (dropped is not done).

    `states` maps the issues of steps, as the measure names them, to their states.
    """
    done = (step for step in measure.steps if step.issue is not None and states.get(step.issue) is State.DONE)
    return frozenset({step.name for step in measure.steps if step.name in ticked} | {step.name for step in done})


def steps(inputs: Inputs) -> Result:
    """Return the weight of the done steps as percent of the weight of all."""
    every = inputs.measure.steps
    done = [step for step in every if step.name in inputs.steps_done]
    reached = fsum(step.weight for step in done)
    missing = fsum(step.weight for step in every if step.name not in inputs.steps_done)
    words = f"{number(len(done))} of {counted(len(every), 'step')} done"
    if (reached, reached + missing) != (len(done), len(every)):
        words += f", {number(reached, apart_from=[reached + missing])} of {number(reached + missing)} by weight"
    return percentage(reached, missing), words


def step_lines(inputs: Inputs) -> Iterator[Line]:
    """Yield the line of each step."""
    for step in inputs.measure.steps:
        done = step.name in inputs.steps_done
        words = f"{step.name}: {'done' if done else 'not done'}, of weight {number(step.weight)}"
        yield Line(step.weight if done else 0.0, words, step.weight)


def manual(inputs: Inputs) -> Result:
    """Return the value of the latest check-in."""
    words = "no check-in has set a value yet" if inputs.checked_in is None else "set by the latest check-in"
    return inputs.checked_in, words
