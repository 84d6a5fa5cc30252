"""``commons consent export``, and what ``consent import --fhir | --dpv`` takes over: one consent as other systems have it.

The formats are ``domain/standards``' business. Here is who is who: a register knows people by their key in the table and
the other system by names of its own, so the steward says both. A name that was not expected is a refusal.
"""

import dataclasses
import hashlib
import json
import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import given, output, steward
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.domain import consents
    from aicommons.domain.standards import dpv_consent, fhir_consent
    from aicommons.node.consents import entering, register

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)
FOR_NOW = 2**40
"""Expiry of a draft until a record says when it ends; nothing is entered with it."""


def name_options(function: output.F) -> output.F:
    """Give a command the options that say how the other system names people and things."""
    options = (
        click.option("--subject", help="How the other system names the person, such as Patient/1."),
        click.option("--guardian-name", help="How it names the guardian, such as RelatedPerson/2."),
        click.option("--controller", help="DPV: how it names whoever answers for the data. [default: the home's name]"),
        click.option("--policy", help="FHIR: how it names the policy. [default: urn:aicommons:dataset:DATASET]"),
        click.option("--data", "categories", multiple=True, help="DPV: a category of personal data in the table, such as pd:MedicalHealth; may be repeated."),
    )  # fmt: skip
    made: Any = function
    for option in reversed(options):
        made = option(made)
    done: output.F = made
    return done


@click.command("export")
@click.argument("number", metavar="CONSENT")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["fhir", "dpv"]),
    required=True,
    help="FHIR R4B Consent, or ISO/IEC TS 27560 in DPV.",
)
@click.option("--out", type=FILE, help="New file. [default: printed]")
@name_options
@output.json_option
def export(number: str, kind: str, out: pathlib.Path | None, **said: Any) -> None:
    """Write CONSENT (its number, such as 3-17) for another system; it is as private as the register.

    Without --subject and --guardian-name people have names that mean nothing outside, the same for each person.
    """
    from aicommons.domain.standards import dpv_consent, fhir_consent

    if out is not None:
        output.check_new(out)
    from aicommons.owner import stewarding

    place = stewarding.parse_number(number)
    with steward.desk() as counter:
        record = counter.register.get(*place).record
    names = _names(record, said)
    if kind == "fhir":
        written = fhir_consent.write(record, _fhir(place[0], names, said))
    else:
        written = dpv_consent.write(record, _dpv(counter.home.settings().name, names, said))
    text = json.dumps(written, indent=1, ensure_ascii=False) + "\n"
    if out is not None:
        app.write_private(out, text)
    lines = text.splitlines() if out is None else [f"Consent {number} is in {out}."]
    output.emit({"number": number, "as": kind, "out": None if out is None else str(out), "record": written}, *lines)


@dataclasses.dataclass(frozen=True, slots=True)
class Foreign:
    """One consent as another system wrote it."""

    body: object
    """Parsed JSON."""
    is_fhir: bool
    evidence: bytes
    """SHA-256 of the file."""
    given_at: int
    """When it was given, in seconds since 1970."""

    def read(
        self,
        paper: "entering.Paper",
        common: "entering.Common",
        kept: "register.Register",
        said: dict[str, Any],
    ) -> "consents.ConsentRecord":
        """Return it as a record of the person that the steward names.

        Raises:
            errors.InputError: the first part that is not understood, or is about somebody or something else.
        """
        import os

        from aicommons.domain.standards import dpv_consent, fhir_consent
        from aicommons.node.consents import entering

        if said["subject"] is None:
            raise click.UsageError("Missing option '--subject'.")
        draft = entering.record_of(paper, common, kept, os.urandom)
        guardian = None if draft.guardian is None else said["guardian_name"] or draft.guardian.name
        names = (said["subject"], guardian)
        if self.is_fhir:
            expected = _fhir(common.dataset, names, said)
            record = fhir_consent.read(self.body, expected, draft, now=common.now)
        else:
            record = dpv_consent.read(self.body, _dpv(common.controller, names, said), draft)
        _check_times(record, common.now)
        return record


def open_document(fhir: pathlib.Path | None, dpv: pathlib.Path | None) -> Foreign:
    """Return the consent in a file.

    Raises:
        errors.InputError: it cannot be read, is not JSON, or does not say when it was given.
    """
    from aicommons.domain.standards import dpv_consent, fhir_consent

    file = fhir or dpv or pathlib.Path()
    body = given.read_json(file)
    given_at = fhir_consent.given_at(body) if fhir is not None else dpv_consent.given_at(body)
    return Foreign(body, fhir is not None, steward.digest_of(file), given_at)


def _check_times(record: "consents.ConsentRecord", now: int) -> None:
    if record.expiry == FOR_NOW:
        raise errors.InputError(
            "the record does not say until when", which="--until", expected="the last day", got="nothing",
            next_step="ask until when it was given, and say so with --until",
        )  # fmt: skip
    if record.history[-1].at > now:
        raise errors.InputError("a day in the future", which="history", expected="what has happened already")
    if record.status.is_live and record.expiry <= now:
        raise errors.InputError("a consent that is over already", which="expiry", expected="a day after today")


def _names(record: "consents.ConsentRecord", said: dict[str, Any]) -> tuple[str, str | None]:
    """Return the names of person and guardian; by default what nobody outside can turn into a person."""
    bare = hashlib.sha256(b"AI Commons export " + record.tag).hexdigest()[:32]
    subject = said["subject"] or f"Patient/{bare}"
    guardian = said["guardian_name"] or f"RelatedPerson/{bare}"
    return subject, None if record.guardian is None else guardian


def _fhir(dataset_id: int, names: tuple[str, str | None], said: dict[str, Any]) -> "fhir_consent.Expected":
    from aicommons.domain.standards import fhir_consent

    return fhir_consent.Expected(*names, policy=said["policy"] or f"urn:aicommons:dataset:{dataset_id}")


def _dpv(controller: str, names: tuple[str, str | None], said: dict[str, Any]) -> "dpv_consent.Expected":
    from aicommons.domain.standards import dpv_consent

    subject, guardian = names
    return dpv_consent.Expected(subject, said["controller"] or controller, guardian, frozenset(said["categories"]))


COMMANDS = (export,)
"""What ``consent`` takes into its group."""
