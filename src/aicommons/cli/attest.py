"""``commons attest``: what members state about models, problems, datasets and each other.

The text of an attestation goes into the store for everybody to read; on the ledger stand who said it, about what, until when,
and whether it was taken back. Which kind needs which role is the contract's word; releases count audits.
"""

import pathlib
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids, model_events

if TYPE_CHECKING:
    from aicommons.protocol import attestations
    from aicommons.protocol import view as views

KINDS = {each.word: each for each in model_events.Kind}
SUBJECT = "RUN|PROBLEM|DIGEST|member:N"
DAYS = 365
"""Days for which an attestation stands that says nothing else: long enough for a model's life between two looks."""
LONGEST = 4 * 2**20
"""Bytes of a report, as of any document."""


@click.group()
def command() -> None:
    """State something in your organisation's name, take it back, see what others state."""


@command.command("make")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("subject", metavar=SUBJECT)
@click.option("--words", help="What you state, in words that everybody may read.")
@click.option(
    "--file", type=click.Path(path_type=pathlib.Path, dir_okay=False), help="A report that goes out as it is."
)
@click.option("--failed", is_flag=True, help="The audit found that it is not fit, or nothing is granted.")
@click.option("--days", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="How long it stands.")
@output.json_option
def make(kind: str, subject: str, *, words: str | None, file: pathlib.Path | None, failed: bool, days: int) -> None:
    """State something of a KIND about a model, a problem, a dataset's card or a member.

    Audits and accreditations need the role of an auditor, ethics approvals that of the ethics board; a course any member
    can certify.
    """
    from aicommons import office

    text = _text(words, file)
    opened = homes.act_as_member()
    view = opened.desk.view()
    said = office.Attestation(
        kind=KINDS[kind],
        subject=named(subject, view),
        expiry=naming.from_now(view, days * naming.DAY),
        text=text,
        passed=not failed,
    )
    made = opened.desk.models.attest(said)
    attestation = opened.desk.view().attestations.by_id[made]
    output.emit(
        described(attestation),
        f"Attestation {ids.format_id(made)}",
        f"  {_in_words(attestation)}",
        f"Take it back with `{output.command(f'attest revoke {naming.short(made)}')}`.",
    )


@command.command("revoke")
@click.argument("attestation")
@click.option("--reason", default="", help="Why, in words that everybody may read.")
@output.json_option
def revoke(attestation: str, reason: str) -> None:
    """Take an attestation of yours back, at once and for good."""
    opened = homes.act()
    known = opened.desk.view().attestations.by_id
    found = naming.resolve(attestation, known, "attestation")
    opened.desk.models.revoke(found, reason)
    output.emit(
        {"attestation": ids.format_id(found), "state": "revoked"},
        f"Attestation {naming.short(found)} is taken back; nothing counts it any more.",
    )


@command.command("show")
@click.argument("attestation")
@output.json_option
def show(attestation: str) -> None:
    """Show an attestation, and whether it counts now."""
    opened = homes.look()
    view = opened.desk.view()
    found = naming.resolve(attestation, view.attestations.by_id, "attestation")
    known, counts = view.attestations.by_id[found], opened.desk.models.counts(found)
    names = naming.Names(opened, view)
    output.emit(
        {**described(known), "counts": counts},
        f"Attestation {ids.format_id(found)}",
        f"  by       {names(int(known.made.attester))}",
        f"  says     {_in_words(known)}",
        f"  counts   {'yes' if counts else 'no: ' + _why_not(known, view)}",
        f"  text     {ids.format_digest(known.made.document)}",
    )


@command.command("list")
@click.option("--about", metavar=SUBJECT, help="Only those about one subject.")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only those of one kind.")
@output.json_option
def list_attestations(about: str | None, kind: str | None) -> None:
    """List what members state, the newest last."""
    opened = homes.look()
    view = opened.desk.view()
    wanted = None if kind is None else KINDS[kind]
    if about is not None:
        found = view.attestations.about(named(about, view), wanted)
    else:
        found = [each for each in view.attestations.by_id.values() if wanted in (None, each.made.kind)]
    names = naming.Names(opened, view)
    rows = [
        [
            naming.short(each.made.attestation_id),
            each.made.kind.word,
            naming.short(each.made.subject),
            names(int(each.made.attester)),
            _state(each, view),
        ]
        for each in found
    ]
    output.emit(
        {"attestations": [described(each) | {"state": _state(each, view)} for each in found]},
        *(output.aligned(["attestation", "kind", "about", "by", "state"], rows) if rows else ["Nothing is stated."]),
    )


def named(text: str, view: "views.LedgerView") -> bytes:
    """Return the 32 bytes of what an attestation is about.

    Raises:
        errors.InputError: neither a run, nor a problem, nor a member, nor a digest.
    """
    if text.startswith("member:"):
        return _member(text.removeprefix("member:"), view)
    if text.startswith("sha256:"):
        return bytes(naming.parse_digest(text.removeprefix("sha256:")))
    known = [*view.runs, *view.problems]
    return naming.resolve(text, known, "run or problem")


def _member(text: str, view: "views.LedgerView") -> bytes:
    if not text.isdecimal() or int(text) not in view.members:
        raise errors.InputError("no such member", which=f"member:{text[:20]}", next_step="see `commons member list`")
    return int(text).to_bytes(32, "big")


def _text(words: str | None, file: pathlib.Path | None) -> bytes:
    if (words is None) == (file is None):
        raise click.UsageError("say what you state: --words or --file")
    if file is None:
        if not str(words).strip():
            raise click.UsageError("--words says nothing")
        return str(words).strip().encode()
    try:
        data = file.read_bytes()
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(file), got=err.strerror) from err
    if not 0 < len(data) <= LONGEST:
        raise errors.InputError(
            "the report is empty or too long", which=str(file), expected=f"1 to {LONGEST} bytes", got=len(data)
        )
    return data


def described(attestation: "attestations.AttestationView") -> dict[str, object]:
    """Return an attestation as JSON."""
    made = attestation.made
    return {
        "attestation": ids.format_id(made.attestation_id),
        "kind": attestation.made.kind.word,
        "about": ids.format_id(made.subject),
        "by": int(made.attester),
        "passed": made.passed,
        "expiry": made.expiry,
        "revoked": attestation.revoked is not None,
        "document": ids.format_digest(made.document),
    }


def _in_words(attestation: "attestations.AttestationView") -> str:
    made = attestation.made
    found = "passed" if made.passed else "did not pass"
    return (
        f"{attestation.made.kind.word} of {naming.short(made.subject)}: {found}, until {naming.when(made.expiry)[:10]}"
    )


def _state(attestation: "attestations.AttestationView", view: "views.LedgerView") -> str:
    if attestation.revoked is not None:
        return "taken back"
    if not attestation.stands(view.time):
        return "over"
    return "passed" if attestation.made.passed else "did not pass"


def _why_not(attestation: "attestations.AttestationView", view: "views.LedgerView") -> str:
    if attestation.revoked is not None:
        return "its author took it back"
    return "its time is over" if not attestation.stands(view.time) else "its author may not say this any more"
