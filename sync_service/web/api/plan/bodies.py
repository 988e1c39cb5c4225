"""The JSON that the route of plans takes."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class File(BaseModel):
    """A configuration file: its `text` as YAML or JSON, or its `content` as a JSON object."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("file", max_length=200, description="for messages", examples=["okrs.yaml"])
    text: Annotated[str | None, Field(strict=True)] = None
    content: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_one(self) -> "File":
        if (self.text is None) == (self.content is None):
            raise ValueError("either text or content is needed")
        return self

    def as_file(self) -> tuple[str, bytes]:
        """Return the name and the content."""
        text = self.text if self.text is not None else json.dumps(self.content, indent=2, ensure_ascii=False)
        return self.name, text.encode(errors="surrogatepass")


class PlanFiles(BaseModel):
    """The files to plan."""

    model_config = ConfigDict(extra="forbid")

    files: list[File] = Field(min_length=1, max_length=1000)
    prune: bool = Field(default=False, strict=True, description="as with `okr-sync apply --prune`")
