"""API routes of check-ins: list, add, correct, withdraw. The author is the token, by its name."""

from dataclasses import replace
from typing import Annotated, Any, NoReturn

from flask import Response, abort
from flask_openapi3 import Tag
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from sync_service.domain.people.check_in import CheckIn, CheckInRefused, NotAllowed, Unlikely, one_line
from sync_service.progress.manual import check_ins
from sync_service.store.engine.database import reading, writing
from sync_service.store.views.check_ins import check_in_view, check_in_views
from sync_service.web.api.entries.models import CheckIn as CheckInModel
from sync_service.web.api.entries.models import CheckInList
from sync_service.web.api.etag import unless_unchanged
from sync_service.web.api.key_results import KeyResultPath, find
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import LARGEST_ID, PageQuery, id_after, id_of, json_response, page
from sync_service.web.api.problems import not_found, problem
from sync_service.web.request.audit_log import author
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint(
    "api_check_ins", __name__, Tag(name="Check-ins", description="What people and programs say about key results.")
)

Confidence = Annotated[int | None, Field(strict=True, description="tenths of the chance to reach the target, 0 to 10")]
Value = Annotated[float | None, Field(strict=True, description="only where the measure is `manual`")]
Text = Annotated[str | None, Field(description="500 characters at most, line breaks become spaces")]


class NewCheckIn(BaseModel):
    """What to check in: at least one of confidence, value, note and blockers."""

    model_config = ConfigDict(extra="forbid")

    confidence: Confidence = None
    value: Value = None
    note: Text = None
    blockers: Text = None
    confirm: bool = Field(
        default=False, strict=True, description="true: take a value that is ten times past the target, or away from it"
    )

    def applied_to(self, before: CheckIn) -> CheckIn:
        """Return a check-in with the fields that were sent; null empties one."""
        sent: dict[str, Any] = self.model_dump(exclude_unset=True, exclude={"confirm"})
        texts: dict[str, Any] = {name: one_line(sent[name] or "") for name in ("note", "blockers") if name in sent}
        return replace(before, **sent | texts)


class CheckInPath(KeyResultPath):
    """The path parameters of one check-in."""

    check_in_id: int = Field(ge=0, le=LARGEST_ID, description="the check-in's id")


@blueprint.get("/key-results/<slug>/check-ins", responses=responses(CheckInList, list_=True, polled=True, missing=True))
@guarded(Guard.VIEWER)
def list_check_ins(path: KeyResultPath, query: PageQuery) -> Response:
    """List the check-ins of a key result, the last entered first."""
    before = id_after(query)

    def build() -> Response:
        found = check_in_views(tx, find(tx, path.slug).id, before=before, limit=query.limit + 1)
        return page(found, limit=query.limit, sort_key=id_of, model=CheckInList)

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)


@blueprint.post(
    "/key-results/<slug>/check-ins", responses=responses(CheckInModel, missing=True, status=201, conflict=True)
)
@guarded(Guard.MEMBER)
def add_check_in(path: KeyResultPath, body: NewCheckIn) -> Response:
    """Check in: a member's token with a confidence, an admin's also with a value."""
    entered = body.applied_to(CheckIn())
    with reading(services().engine) as tx:
        view = find(tx, path.slug)
    try:
        with writing(services().engine) as tx:
            id_ = check_ins.check_in(tx, view, entered, author=author(), now=services().now(), confirmed=body.confirm)
            response = _response(tx, view.id, id_, 201)
    except CheckInRefused as refused:
        _refuse(refused)
    wake("recompute")
    return response


@blueprint.patch(
    "/key-results/<slug>/check-ins/<check_in_id>",
    responses=responses(CheckInModel, missing=True, conflict=True),
)
@guarded(Guard.MEMBER)
def correct_check_in(path: CheckInPath, body: NewCheckIn) -> Response:
    """Correct a check-in of this token: what is not sent stays. The answer is the new check-in, with its own id."""
    with reading(services().engine) as tx:
        view = find(tx, path.slug)
        before = check_in_view(tx, view.id, path.check_in_id)
    if before is None:
        not_found(f"There is no check-in {path.check_in_id} on {view.slug}.")
    entered = body.applied_to(before.entered)
    confirmed = body.confirm or entered.value == before.value
    try:
        with writing(services().engine) as tx:
            id_ = check_ins.correct(
                tx, view, before.id, entered, author=author(), now=services().now(), confirmed=confirmed
            )
            response = _response(tx, view.id, id_, 200)
    except CheckInRefused as refused:
        _refuse(refused)
    wake("recompute")
    return response


@blueprint.delete(
    "/key-results/<slug>/check-ins/<check_in_id>",
    responses=responses(CheckInModel, missing=True, conflict=True),
)
@guarded(Guard.MEMBER)
def withdraw_check_in(path: CheckInPath) -> Response:
    """Withdraw a check-in of this token. It stays in the list, and is the answer."""
    with reading(services().engine) as tx:
        view = find(tx, path.slug)
    try:
        with writing(services().engine) as tx:
            check_ins.withdraw(tx, view, path.check_in_id, author=author(), now=services().now())
            response = _response(tx, view.id, path.check_in_id, 200)
    except CheckInRefused as refused:
        _refuse(refused)
    wake("recompute")
    return response


def _response(tx: Connection, key_result_id: int, check_in_id: int, status: int) -> Response:
    response = json_response(CheckInModel.json_of(check_in_view(tx, key_result_id, check_in_id)))
    response.status_code = status
    return response


def _refuse(refused: CheckInRefused) -> NoReturn:
    """Abort with 403, 404, 409 or 422. An unlikely value is a 409 with `confirm`."""
    if isinstance(refused, Unlikely):
        abort(problem(409, f"{refused} If it is, send it again with confirm: true.", confirm=True))
    if isinstance(refused, NotAllowed):
        abort(problem(403, str(refused)))
    if isinstance(refused, check_ins.NoCheckIn):
        abort(problem(404 if refused.missing else 409, str(refused)))
    errors = [{"parameter": refused.field, "detail": str(refused)}] if refused.field else []
    abort(problem(422, str(refused), errors=errors))
