"""The mails at the end of the story: read in the local mailbox as a person reads them, shown, and checked."""

from collections.abc import Sequence

from simulator.demo.stage import ExpectedMail, Stage
from simulator.demo.visiting import Mail

HEADLINES = {
    "completed": ("completed",),
    "fell back": ("fell back to",),
    "changed": ("is now", "is back on track", "has no data", "moved to"),
}
SIGN_IN = "Your sign-in link"


def show_and_check(stage: Stage) -> None:
    """Show the mails about key results; note what is missing, too much, or says something else."""
    mails = [mail for mail in stage.visitor.mails() if not mail.subject.startswith(SIGN_IN)]
    for mail in mails:
        stage.voice.mail(mail)
    stage.check(
        f"expected {len(stage.mails)} mails, one for each cause; found {[mail.subject for mail in mails]}",
        holds=len(mails) == len(stage.mails),
    )
    ids = {mail.message_id for mail in mails}
    stage.check("two mails have the same Message-ID", holds=len(ids) == len(mails))
    for expected, mail in zip(stage.mails, mails, strict=False):
        for mistake in mistakes(expected, mail):
            stage.check(f"mail “{mail.subject}”: {mistake}", holds=False)


def mistakes(expected: ExpectedMail, mail: Mail) -> Sequence[str]:
    """List what a mail says wrongly."""
    words, reason = " ".join(mail.text.split()), expected.reason
    happened = reason.what.partition(", ")[0] + (f" by {reason.actor}" if reason.actor else "")
    wanted = {
        f"it goes to {mail.to}, expected {expected.to}": mail.to == expected.to,
        f"expected {expected.slug} in its subject": mail.subject.startswith(f"{expected.slug} "),
        f"expected “{expected.kind}” in its subject": any(one in mail.subject for one in HEADLINES[expected.kind]),
        f"it does not name {reason.issue}": reason.issue is None or reason.issue in words,
        f"it does not say “{happened}”": happened in words,
    }
    return [mistake for mistake, holds in wanted.items() if not holds]
