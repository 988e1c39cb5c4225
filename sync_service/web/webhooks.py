"""The webhook endpoint: `POST /hooks/<connection>`. It verifies, stores and acknowledges; workers apply it later."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from sync_service.domain.trackers.connector import WebhookRequest
from sync_service.ingest.receive import LARGEST, Receipt
from sync_service.web.limits.too_large import is_too_large
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded
from sync_service.web.server.environ import TOO_LARGE

PREFIX = "/hooks/"

blueprint = Blueprint("hooks", __name__)

OUTCOMES = {
    Receipt.STORED: "stored",
    Receipt.FORGED: "the signature is missing or wrong",
    Receipt.UNKNOWN: "there is no such connection",
    Receipt.TOO_LARGE: "the body is larger than 25 MB",
    Receipt.UNABLE: "the delivery can't be stored now; send it again",
}


RETRY_SECONDS = "5"
"""When a sender may try again what we can't store now."""


@blueprint.post(f"{PREFIX}<slug>", strict_slashes=False)
@guarded(Guard.OPEN)
def receive(slug: str) -> ResponseReturnValue:
    """Receive one delivery; the HTTP statuses are those of `Receipt`."""
    # Werkzeug silently truncates a chunked body at this limit; one byte more shows that the body is too large.
    request.max_content_length = LARGEST + 1
    if is_too_large():
        return _refuse_too_large(slug)
    try:
        body = _whole_body()
    except RequestEntityTooLarge:
        return _refuse_too_large(slug)
    headers = {name.lower(): value for name, value in request.headers.items()}
    receipt = services().receive.receive(slug, WebhookRequest(headers, body))
    if receipt is Receipt.STORED:
        wake("delivery")
    return _respond(receipt)


def _whole_body() -> bytes:
    """Return the body. Under our server it is bounded already, and read without the copies that another bound makes."""
    if TOO_LARGE in request.environ:
        body: bytes = request.environ["wsgi.input"].read()
        return body
    return request.get_data(cache=False, parse_form_data=False)


def _refuse_too_large(slug: str) -> ResponseReturnValue:
    known = services().connections.named(slug) is not None
    return _respond(Receipt.TOO_LARGE if known else Receipt.UNKNOWN)


def _respond(receipt: Receipt) -> ResponseReturnValue:
    headers = {"Retry-After": RETRY_SECONDS} if receipt is Receipt.UNABLE else {}
    return {"outcome": OUTCOMES[receipt]}, receipt.value, headers
