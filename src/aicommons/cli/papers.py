"""``commons consent enter | import``: consents come into the register, one by one, from a table, or from another system.

One consent is given on a signed paper, by a message that the person's own key signed (``--by-key``), or by the vote of a
co-op that the person belongs to (``--by-vote``). A guardian's proof is a scan or an attestation on the ledger
(``guarding``). What a record becomes is ``node/consents``' business; ``exchanging`` reads FHIR and DPV.
"""

import os
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import exchanging, guarding, naming, output, speaking, spoken, steward
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import consents
    from aicommons.node.consents import entering
    from aicommons.owner import stewarding

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)
FOLDER = click.Path(path_type=pathlib.Path, file_okay=False)
NOT_IN_TABLE = click.option(
    "--not-in-table", is_flag=True, help="Take a key that no row of the table has now: the person's rows come later."
)
TERMS = ("purposes", "until", "commercial", "fields", "problem", "grantee", "uses")
"""Options that say what is permitted; a signed message, a vote or a record of another system says so itself."""
OPTIONS_OF = {"guardian_evidence": "guardian-paper", "guardian_account": "guardian-account"}
"""Column of a table of papers -> the option, where it has another name."""


def common_options(function: output.F) -> output.F:
    """Give a command the options that all papers of a dataset share."""
    options = (
        click.option("--purpose", "purposes", multiple=True, help="Purpose code; may be repeated."),
        click.option("--until", help="Last day, as YYYY-MM-DD."),
        click.option("--steward", required=True, help="Your name, as it stands on receipts."),
        click.option("--commercial", is_flag=True, help="The paper covers commercial use. [default: it does not]"),
        click.option("--field", "fields", multiple=True, help="A column that is covered; may be repeated. [default: all]"),
        click.option("--problem", help="Id of the only problem. [default: any]"),
        click.option("--grantee", type=click.IntRange(1), help="Member id of the only solver. [default: any]"),
        click.option("--uses", type=click.IntRange(1, 2**31 - 1), help="How many runs may use it. [default: any number]"),
        click.option("--language", type=click.Choice(["en", "fr", "sw"]), default="en", show_default=True, help="Of the receipt."),
        click.option("--notice", type=FILE, help="The information sheet that was handed out."),
        click.option("--majority", "age_of_majority", type=click.IntRange(1, 30), default=18, show_default=True, help="Age in years."),
    )  # fmt: skip
    return _with(options, function)


def person_options(function: output.F) -> output.F:
    """Give a command the options that say whose consent it is, and who gave it."""
    options = (
        click.option("--person", help="The person's key in your table. [default: asked for, so that it stands in no history]"),
        click.option("--paper", type=FILE, help="Scan of the signed paper."),
        click.option("--evidence", help="Instead of --paper: the scan's SHA-256."),
        click.option("--given", help="Day of the signature, as YYYY-MM-DD, or its minute in UTC, as YYYY-MM-DDTHH:MM. [default: now]"),
        click.option("--born", help="A child's date of birth, as YYYY-MM-DD; it is not kept."),
        click.option("--guardian", help="Who signed for a child."),
        click.option("--relation", help="Such as mother."),
        click.option("--guardian-paper", type=FILE, help="Scan of what proves guardianship."),
        click.option("--guardian-account", help="Address of the guardian's key."),
        click.option("--guardianship", help="Instead: an attestation on the ledger (`consent attest-guardian`), or its beginning."),
        click.option("--ward", help="With --guardianship: who the child is, in the attester's words. [default: asked for]"),
        click.option("--ward-file", type=FILE, help="With --guardianship: the attester's file, which shows that it is for this child."),
        click.option("--holder", help="Address of the person's own key."),
        click.option("--receipt", type=FILE, help="Where the receipt goes: .html, .txt or .json. [default: printed]"),
    )  # fmt: skip
    return _with(options, function)


def _with(options: tuple[Callable[[Any], Any], ...], function: output.F) -> output.F:
    made: Any = function
    for option in reversed(options):
        made = option(made)
    done: output.F = made
    return done


@click.command("enter")
@steward.DATASET
@person_options
@click.option(
    "--by-key",
    type=FILE,
    help="Instead of a paper: what was signed with `consent sign`, by the key of --holder or of the guardian.",
)
@click.option(
    "--by-vote", help="Instead of a paper: an executed proposal of your co-op, on whose roll --holder stands."
)
@common_options
@NOT_IN_TABLE
@speaking.by
@output.json_option
def enter(dataset_id: int, receipt: pathlib.Path | None, *, not_in_table: bool, by: str, **said: Any) -> None:
    """Enter one consent for DATASET, given on paper, by key or by vote, and hand over a receipt."""
    from aicommons.node.consents import entering

    if said["by_key"] is not None or said["by_vote"] is not None:
        _check_alone(said)
    with steward.desk(by=speaking.one(by)) as counter:
        counter.register.column(dataset_id)
        if receipt is not None:
            output.check_new(receipt)
        paper, terms = _given(counter.home, dataset_id, said)
        common = _common(counter.home, dataset_id, said, terms)
        record = _by_options(lambda: entering.record_of(paper, common, counter.register, os.urandom))
        if said["by_key"] is not None:
            spoken.check_role(record, said["by_key"])
        _enter(counter, record, receipt, not_in_table=not_in_table)


@click.command("import")
@steward.DATASET
@click.argument("file", type=FILE, required=False)
@click.option("--fhir", type=FILE, help="Instead of a table: one person's FHIR R4B Consent resource.")
@click.option("--dpv", type=FILE, help="Instead of a table: one person's ISO/IEC TS 27560 record in DPV.")
@click.option("--scans", type=FOLDER, help="Folder of the scans that the table names; else it holds their SHA-256.")
@click.option("--receipts", type=FOLDER, help="New folder for a page to print for each person.")
@exchanging.name_options
@person_options
@common_options
@NOT_IN_TABLE
@speaking.by
@output.json_option
def import_papers(
    dataset_id: int,
    file: pathlib.Path | None,
    *,
    fhir: pathlib.Path | None,
    dpv: pathlib.Path | None,
    receipt: pathlib.Path | None,
    not_in_table: bool,
    by: str,
    **said: Any,
) -> None:
    """Enter all consents of the table FILE for DATASET, or none; or one person's, as another system wrote it down.

    Columns of the table: person, given, evidence; for children born, guardian, relation, guardian_evidence; where needed
    guardian_account, guardianship, holder, expires, max_uses, language. What a FHIR or DPV record says that is not
    understood is refused by name.
    """
    if (file, fhir, dpv).count(None) != 2:
        raise click.UsageError("give one of FILE, --fhir and --dpv")
    if file is not None:
        _import_table(dataset_id, file, {**said, "not_in_table": not_in_table}, by=by)
        return
    document = exchanging.open_document(fhir, dpv)
    with steward.desk(by=speaking.one(by)) as counter:
        counter.register.column(dataset_id)
        if receipt is not None:
            output.check_new(receipt)
        terms = {"purposes": (), "expiry": exchanging.FOR_NOW, **_bounds(said)}
        if said["until"] is not None:
            terms["expiry"] = _last_day(said["until"])
        draft = _common(counter.home, dataset_id, said, terms)
        evidence = document.evidence if said["paper"] is None else steward.digest_of(said["paper"])
        paper = _paper(said, person=_person(said), evidence=evidence, given_at=document.given_at)
        record = _by_options(lambda: document.read(paper, draft, counter.register, said))
        _enter(counter, record, receipt, not_in_table=not_in_table)


def _import_table(dataset_id: int, file: pathlib.Path, said: dict[str, Any], *, by: str) -> None:
    from aicommons.node.consents import importing
    from aicommons.owner import stewarding

    receipts = said["receipts"]
    with steward.desk(by=speaking.one(by)) as counter:
        counter.register.column(dataset_id)
        if receipts is not None:
            output.check_new(receipts)
        common = _common(counter.home, dataset_id, said, _on_paper(said))
        told = list(importing.notices(file))
        for notice in told:
            output.note(notice)
        records = importing.read(file, common, counter.register, os.urandom, scans=said["scans"])
        without = 0 if said["not_in_table"] else stewarding.without_row(counter, dataset_id, records)
        if without:
            told.append(
                f"{without} of {len(records)} keys have no row in the table now (column {counter.register.column(dataset_id)}): "
                "compare them with the table"
            )
            output.note(told[-1])
        made = stewarding.enter_all(counter, dataset_id, records, guarding.look)
    if receipts is not None:
        receipts.mkdir(mode=0o700, parents=True)
        for each in made:
            steward.hand_out(each.receipt, receipts / f"consent-{dataset_id}-{each.entered.number}.html")
    output.emit(
        {
            "dataset": dataset_id,
            "entered": len(made),
            "receipts": None if receipts is None else str(receipts),
            "notices": told,
        },
        f"{len(made)} consents are entered for dataset {dataset_id}. They count from the next posting on:"
        f" `{output.command(f'consent post {dataset_id}')}`.",
    )


def _enter(
    counter: "stewarding.Counter",
    record: "consents.ConsentRecord",
    receipt: pathlib.Path | None,
    *,
    not_in_table: bool,
) -> None:
    """Enter one record and hand out its receipt."""
    from aicommons.owner import stewarding

    dataset_id = record.scope.dataset
    made = stewarding.enter_record(counter, record, guarding.look, not_in_table=not_in_table)
    notices = [stewarding.SAME_SCAN] if made.is_same_scan else []
    lines = steward.hand_out(made.receipt, receipt)
    name = f"{dataset_id}-{made.entered.number}"
    counts = f"It counts from the next posting on: `{output.command(f'consent post {dataset_id}')}`."
    over = f"It is over ({record.status.value}): it permits nothing, and stands in the register as it was."
    output.emit(
        {"dataset": dataset_id, "number": made.entered.number, "subject": record.subject.value, "given": record.given.value,
         "status": record.status.value, "majority": record.majority, "expiry": record.expiry, "code": made.receipt.code,
         "receipt": None if receipt is None else str(receipt), "notices": notices},
        *lines,
        *(f"Careful: {each}." for each in notices),
        f"Consent {name} is entered. {counts if record.status.is_live else over}",
    )  # fmt: skip


def _check_alone(said: dict[str, Any]) -> None:
    """Check that nothing is said twice: a signed message or a vote says itself what is permitted."""
    by_key = said["by_key"]
    if by_key is not None and said["by_vote"] is not None:
        raise click.UsageError("give one of --by-key and --by-vote")
    twice = [name for name in (*TERMS, "paper", "evidence", "given") if said[name]]
    if by_key is not None and said["person"] is not None:
        twice.append("person")
    if twice:
        name = {"purposes": "purpose", "fields": "field"}.get(twice[0], twice[0].replace("_", "-"))
        raise click.UsageError(f"--{name} is said by the {'vote' if by_key is None else 'signed message'} itself")


def _given(home: app.Home, dataset_id: int, said: dict[str, Any]) -> "tuple[entering.Paper, dict[str, Any]]":
    """Return what one consent is founded on, and what it permits."""
    if said["by_key"] is not None:
        signed = spoken.read(home, said["by_key"], dataset_id)
        paper = _paper(said, **signed.paper)
        spoken.check_signer(signed, paper)
        return paper, signed.terms
    if said["by_vote"] is not None:
        voted = spoken.of_vote(said["by_vote"], dataset_id, said["holder"])
        return _paper(said, person=_person(said), **voted.paper), voted.terms
    if (said["paper"] is None) == (said["evidence"] is None):
        raise click.UsageError("give --paper or --evidence")
    evidence = steward.digest_of(said["paper"]) if said["paper"] is not None else ids.parse_bytes32(said["evidence"])
    return _paper(said, person=_person(said), evidence=evidence, given_at=_day(said)), _on_paper(said)


def _day(said: dict[str, Any]) -> int:
    from aicommons.node.consents import importing

    return int(time.time()) if said["given"] is None else importing.moment("--given", said["given"])


def _person(said: dict[str, Any]) -> str:
    return str(
        said["person"] if said["person"] is not None else click.prompt("Key of the person in the table", err=True)
    )


def _paper(said: dict[str, Any], **found: Any) -> "entering.Paper":
    """Return a paper; ``found`` is what a message, a vote or a record of another system says of it."""
    from aicommons.node.consents import entering

    account, holder, proof = (said[name] for name in ("guardian_account", "holder", "guardian_paper"))
    values: dict[str, Any] = {
        "born": said["born"],
        "guardian": said["guardian"],
        "relation": said["relation"],
        "guardian_evidence": None if proof is None else steward.digest_of(proof),
        "guardian_account": None if account is None else ids.format_id(naming.parse_address(account)),
        "holder": None if holder is None else ids.format_id(naming.parse_address(holder)),
        **found,
    }
    if said["guardianship"] is not None:
        named, view = guarding.attested(said["guardianship"])
        vouched = view.guardianships[named].attested
        values["guardianship"] = named
        values["ward"] = guarding.ward(said["ward"], said["ward_file"])
        values["guardian_account"] = values["guardian_account"] or ids.format_id(vouched.guardian)
        values["guardian_evidence"] = values["guardian_evidence"] or vouched.evidence
    return entering.Paper(**values)


def _on_paper(said: dict[str, Any]) -> dict[str, Any]:
    """Return what a paper permits, as the steward reads it."""
    for name, option in (("purposes", "--purpose"), ("until", "--until")):
        if not said[name]:
            raise click.UsageError(f"Missing option '{option}'.")
    return {"purposes": tuple(said["purposes"]), "expiry": _last_day(said["until"]), **_bounds(said)}


def _last_day(until: str) -> int:
    from aicommons.node.consents import importing

    return importing.day("--until", until) + naming.DAY


def _bounds(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "commercial": said["commercial"],
        "fields": tuple(said["fields"]),
        "problem": None if said["problem"] is None else ids.parse_bytes32(said["problem"]),
        "grantee": said["grantee"],
        "max_uses": said["uses"],
    }


def _common(home: app.Home, dataset_id: int, said: dict[str, Any], terms: dict[str, Any]) -> "entering.Common":
    from aicommons.node.consents import entering

    notice = said["notice"]
    return entering.Common(
        dataset=dataset_id,
        steward=said["steward"],
        controller=home.settings().name,
        now=int(time.time()),
        language=said["language"],
        notice=None if notice is None else steward.digest_of(notice),
        age_of_majority=said["age_of_majority"],
        **terms,
    )


def _by_options(make: "Callable[[], consents.ConsentRecord]") -> "consents.ConsentRecord":
    """Return a record; what is wrong is named by its option instead of by its column."""
    try:
        return make()
    except errors.InputError as err:
        column = err.which or ""
        if not column.isidentifier():
            raise
        which = f"--{OPTIONS_OF.get(column, column.replace('_', '-'))}"
        raise errors.InputError(err.message, which=which, expected=err.expected, next_step=err.next_step) from err


COMMANDS = (enter, import_papers)
"""What ``consent`` takes into its group."""
