"""The JSON that decisions about values are sent as: each model is a schema of the OpenAPI document."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from sync_service.progress.applying.proposals import LONGEST_WORD


def text_alone(given: object) -> object:
    """Return a text; raise `ValueError` for a number, which could be seconds or milliseconds."""
    if not isinstance(given, str):
        raise ValueError("write the time as a text")  # noqa: TRY004 - pydantic converts it
    return given


class Body(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class ProposalDecision(Body):
    """What becomes of a proposed value."""

    decision: Literal["accept", "decline"] = Field(examples=["accept"])
    word: str = Field("", max_length=LONGEST_WORD, description="why, for the history", examples=["agreed"])
    value: float | None = Field(
        None,
        strict=True,
        description="the value that was seen; when another one is proposed by now, it is refused",
        examples=[75],
    )


class NewOverride(Body):
    """A value to apply in place of the computed one."""

    value: float = Field(strict=True, allow_inf_nan=False, examples=[80])
    until: Annotated[AwareDatetime, BeforeValidator(text_alone)] | Literal["change"] | None = Field(
        None,
        description="when it ends by itself: at a time with its offset, or `change`, with the next change of the "
        "computed value; without it: not before it is ended",
        examples=["2026-11-30T18:00:00+01:00"],
    )
