"""The local mailbox: without an SMTP server, mails are shown here instead of being sent."""

from flask import Blueprint, abort, make_response, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.store.engine.database import reading
from sync_service.store.jobs.mails import MailOpened, mailbox, open_mail
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")

PAGE = 50

FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
"""The CSP of a mail in its frame: its own styles, no scripts, no requests."""


@blueprint.get("")
@guarded(Guard.ADMIN)
def index() -> ResponseReturnValue:
    """List the mails, newest first. `?to=` filters by recipient; `?before=` pages."""
    server = services().settings.smtp
    if server is not None:
        return render_template("mailbox_sent.html", server=server)
    recipient = request.args.get("to", "").strip().lower()[:320]
    before = request.args.get("before", type=int)
    with reading(services().engine) as tx:
        found = mailbox(tx, services().sealer, limit=PAGE + 1, before=before, recipient=recipient or None)
    return render_template(
        "mailbox.html",
        mails=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        continued=before is not None,
        recipient=recipient,
    )


@blueprint.get("/<int:mail_id>")
@guarded(Guard.ADMIN)
def show(mail_id: int) -> ResponseReturnValue:
    """Show one mail: its headers, its HTML in a frame, and its text."""
    return render_template("mail.html", mail=_open(mail_id))


@blueprint.get("/<int:mail_id>/html")
@guarded(Guard.ADMIN)
def html(mail_id: int) -> ResponseReturnValue:
    """Return a mail's HTML alone, for the frame."""
    response = make_response(_open(mail_id).html)
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    return response


def _open(mail_id: int) -> MailOpened:
    if services().settings.smtp is not None:
        abort(404, "Mails are sent by an SMTP server; there is no local mailbox.")
    with reading(services().engine) as tx:
        found = open_mail(tx, services().sealer, mail_id)
    if found is None:
        abort(404, f"There is no mail {mail_id}.")
    return found
