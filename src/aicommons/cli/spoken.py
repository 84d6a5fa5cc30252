"""``commons consent sign``, and what a steward is handed instead of a paper: a signed message, or the vote of a co-op.

A person signs in a home of its own, where no ledger has to answer; the message says all that is consented to, for one
person's key, and the steward can add nothing to it. A vote says it in the same words: those of the consent that the
executed proposal gave on the ledger. ``papers`` enters both.
"""

import dataclasses
import hashlib
import pathlib
import time
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import assembly, homes, naming, output, steward
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import consents, statements
    from aicommons.node.consents import entering

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)
VOTE_TAG = b"AI Commons vote, version 1"


@dataclasses.dataclass(frozen=True, slots=True)
class Yes:
    """What was said without a paper."""

    paper: dict[str, Any]
    """Fields of ``entering.Paper``."""
    terms: dict[str, Any]
    """Fields of ``entering.Common``: what is permitted."""
    signer: tuple[str, str] | None = None
    """Field of the paper in which the signing key has to stand, and its address."""


@click.command("sign")
@steward.DATASET
@click.option(
    "--person", required=True, help="Your key in the owner's table (or your data wallet's name), or the child's."
)
@click.option("--for-child", is_flag=True, help="You are the child's guardian.")
@click.option("--purpose", "purposes", multiple=True, required=True, help="Purpose code; may be repeated.")
@click.option("--until", required=True, help="Last day, as YYYY-MM-DD.")
@click.option("--commercial", is_flag=True, help="Permit commercial use too. [default: not]")
@click.option("--field", "fields", multiple=True, help="A column that is covered; may be repeated. [default: all]")
@click.option("--problem", help="Id of the only problem, in full. [default: any]")
@click.option("--grantee", type=click.IntRange(1), help="Member id of the only solver. [default: any]")
@click.option("--uses", type=click.IntRange(1, 2**31 - 1), help="How many runs may use it. [default: any number]")
@click.option("--out", type=FILE, required=True, help="New file for the steward.")
@output.json_option
def sign(dataset_id: int, out: pathlib.Path, **said: Any) -> None:
    """Consent with this home's key to a use of DATASET: writes a message for its steward to enter.

    It names you to the steward, and to nobody else. Take it back with the receipt, or with this home's key.
    """
    from aicommons.domain import statements, vocabulary
    from aicommons.node.consents import importing
    from aicommons.protocol import consents as trees

    output.check_new(out)
    for code in said["purposes"]:
        vocabulary.bit(code)
    home = homes.home()
    place = app.register_place(home)
    signer = homes.unlock(home.wallet_file)
    statement = statements.Statement(
        dataset=dataset_id,
        person=said["person"],
        guardian=said["for_child"],
        purposes=tuple(said["purposes"]),
        commercial=said["commercial"],
        fields=tuple(said["fields"]),
        problem=None if said["problem"] is None else ids.parse_bytes32(said["problem"]),
        grantee=said["grantee"],
        max_uses=said["uses"],
        given_at=int(time.time()),
        expiry=importing.day("--until", said["until"]) + naming.DAY,
    )
    try:
        statement.check()
    except errors.DecodeError as err:
        raise errors.InputError(err.message, which=err.which, expected=err.expected) from err
    signature = "0x" + signer.sign_digest(trees.statement_digest(place, statement)).hex()
    made = statements.SignedStatement(place.chain_id, ids.format_id(place.contract), statement, signature)
    app.write_private(out, made.encode().decode() + "\n")
    output.emit(
        {"dataset": dataset_id, "signer": ids.format_id(signer.address), "out": str(out)},
        f"{out} holds your consent, signed by {ids.format_id(signer.address)}. Give it to the steward of dataset {dataset_id},",
        f"who enters it with `commons consent enter {dataset_id} --by-key FILE --steward NAME` and hands you a receipt.",
    )


def read(home: app.Home, file: pathlib.Path, dataset_id: int) -> Yes:
    """Return what somebody signed for a dataset.

    Raises:
        errors.InputError: the file cannot be read, or is about another dataset.
        errors.DecodeError, errors.SignatureInvalid: not what ``consent sign`` writes.
        errors.LedgerMismatch: it was signed for another ledger.
    """
    from aicommons.domain import signature
    from aicommons.protocol import consents as trees

    signed = _read(file)
    said, place = signed.statement, app.register_place(home)
    if (signed.chain_id, ids.parse_address(signed.contract)) != (place.chain_id, place.contract):
        raise errors.LedgerMismatch("this consent was signed for another ledger", which=file.name)
    if said.dataset != dataset_id:
        raise errors.InputError(
            "this consent is for another dataset", which=file.name, expected=f"dataset {dataset_id}",
            got=f"dataset {said.dataset}",
        )  # fmt: skip
    by = signature.recover(trees.statement_digest(place, said), _bytes(signed.signature, file.name))
    return Yes(
        {"person": said.person, "evidence": said.evidence, "given_at": said.given_at, "given": _how("by-key")},
        {"purposes": said.purposes, "expiry": said.expiry, "commercial": said.commercial, "fields": said.fields,
         "problem": said.problem, "grantee": said.grantee, "max_uses": said.max_uses},
        signer=("guardian_account" if said.guardian else "holder", ids.format_id(by)),
    )  # fmt: skip


def check_signer(yes: Yes, paper: "entering.Paper") -> None:
    """Check that a message was signed by the key that the steward knows as this person's; raises ``errors.InputError``."""
    if yes.signer is None:
        return
    field, signer = yes.signer
    known = getattr(paper, field)
    if known != signer:
        raise errors.InputError(
            "nobody known has signed this",
            which=f"--{field.replace('_', '-')}",
            expected="the address of the key that signed, which you have seen to be this person's",
            got="none" if known is None else "another key",
            next_step="ask the person for the address of its key (`commons consent sign` shows it)",
        )


def check_role(record: "consents.ConsentRecord", file: pathlib.Path) -> None:
    """Check that a guardian signed for a child, and everybody else for itself; raises ``errors.InputError``."""
    said = _read(file).statement
    if said.guardian != (record.guardian is not None):
        raise errors.InputError(
            "somebody else had to sign this",
            which=file.name,
            expected="a child's guardian (`consent sign --for-child`)" if record.guardian else "the person itself",
            got="a guardian" if said.guardian else "the person itself",
            next_step="give --born and --guardian for a child, or let the right person sign",
        )


def of_vote(proposal: str, dataset_id: int, holder: str | None) -> Yes:
    """Return what an executed proposal of this home's co-op permits, for somebody on the co-op's roll.

    Raises:
        errors.InputError: it was not executed, was about something else, what it gave is over, or the person is nobody
            there.
    """
    from aicommons.domain import vocabulary

    opened = homes.look()
    desk = assembly.desk_of(opened)
    number = assembly.resolve(desk, proposal)
    view = opened.desk.view()
    given = desk.carried(number, view, dataset_id)
    if view.dead_since(given.consent_id, naming.from_now(view, 0)) is not None:
        raise errors.InputError("what this vote permitted is over", which=assembly.short(number))
    if holder is None or naming.parse_address(holder) not in desk.view().people:
        raise errors.InputError(
            "this vote was not this person's", which="--holder", expected="a key on the co-op's roll",
            got="none" if holder is None else "another key", next_step="see `commons coop list`",
        )  # fmt: skip
    terms = given.terms
    evidence = hashlib.sha256(VOTE_TAG + bytes(desk.place.contract) + number.to_bytes(32, "big")).digest()
    return Yes(
        {"evidence": evidence, "given_at": min(given.at.time, int(time.time())), "given": _how("by-vote")},
        {"purposes": vocabulary.codes(terms.purposes), "expiry": terms.expiry, "commercial": terms.commercial,
         "problem": terms.problem if any(terms.problem) else None, "grantee": int(terms.grantee) or None,
         "max_uses": terms.max_uses},
    )  # fmt: skip


def _how(name: str) -> "consents.Given":
    from aicommons.domain import consents

    return consents.Given(name)


def _read(file: pathlib.Path) -> "statements.SignedStatement":
    from aicommons.domain import statements

    try:
        data = file.read_bytes()
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(file), got=err.strerror) from err
    return statements.SignedStatement.decode(data.strip())


def _bytes(text: str, which: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as err:
        raise errors.SignatureInvalid("not a signature", which=which, expected="0x and hexadecimal digits") from err


COMMANDS = (sign,)
"""What ``consent`` takes into its group."""
