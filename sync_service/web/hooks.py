"""The door for trackers: `POST /hooks/<connection>`. It verifies, stores and acknowledges; the work comes after."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from sync_service.domain.connectors import Post
from sync_service.receive import LARGEST, Receipt
from sync_service.web.guards import Guard, guarded
from sync_service.web.house import house, ring

PREFIX = "/hooks/"

blueprint = Blueprint("hooks", __name__)

SAYS = {
    Receipt.STORED: "stored",
    Receipt.FORGED: "the signature is missing or wrong",
    Receipt.UNKNOWN: "there is no such connection",
    Receipt.TOO_LARGE: "the body is larger than 25 MB",
    Receipt.UNABLE: "it can't be stored now; send it again",
}


@blueprint.post(f"{PREFIX}<slug>")
@guarded(Guard.OPEN)
def receive(slug: str) -> ResponseReturnValue:
    """Take one delivery; the statuses are those of `Receipt`."""
    # Of a body in chunks the library gives the first so many bytes without a word; one more shows that it is too large.
    request.max_content_length = LARGEST + 1
    try:
        body = request.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        known = house().connections.named(slug) is not None
        return _answer(Receipt.TOO_LARGE if known else Receipt.UNKNOWN)
    headers = {name.lower(): value for name, value in request.headers.items()}
    receipt = house().receive.take(slug, Post(headers, body))
    if receipt is Receipt.STORED:
        ring("delivery")
    return _answer(receipt)


def _answer(receipt: Receipt) -> ResponseReturnValue:
    return {"outcome": SAYS[receipt]}, receipt.value
