"""What a steward has on the desk becomes a consent record: one paper, and what all papers of a dataset have in common.

A message that somebody signed with a key, and the vote of a co-op, count as papers too. Called by ``commons consent enter``, by ``importing`` and by the owner's page. Who is a child follows from the date of
birth alone, which is then forgotten: the record keeps the day of majority.
"""

import dataclasses

from aicommons.domain import consents, errors, vocabulary
from aicommons.node.consents import register, sealing

AGE_OF_MAJORITY = 18
"""Years, where the steward says nothing else."""
WAY_OUT = (
    "give a scan of what proves guardianship (--guardian-paper), or ask an organisation that has seen it to run "
    "`commons consent attest-guardian` and give its id (--guardianship)"
)
"""What to do about a guardian without proof."""


@dataclasses.dataclass(frozen=True, slots=True)
class Common:
    """What the papers of a dataset share."""

    dataset: int
    """Dataset id."""
    purposes: tuple[str, ...]
    """Purpose codes."""
    expiry: int
    """When consents end, in seconds since 1970."""
    steward: str
    """Who enters them."""
    controller: str
    """Who answers for the data."""
    now: int
    """The present time, in seconds since 1970."""
    commercial: bool = False
    """Whether commercial use is covered."""
    fields: tuple[str, ...] = ()
    """Columns covered; empty for all."""
    problem: bytes | None = None
    """The only problem, or ``None`` for any."""
    grantee: int | None = None
    """Member id of the only solver, or ``None`` for any."""
    max_uses: int | None = None
    """How many runs, or ``None`` for any number."""
    language: str = "en"
    """Of notice and receipt."""
    notice: bytes | None = None
    """SHA-256 of the information sheet."""
    withdrawal: str = "with the code on the receipt, through the steward, or by the key that consented"
    """How it can be withdrawn."""
    age_of_majority: int = AGE_OF_MAJORITY
    """Years."""


@dataclasses.dataclass(frozen=True, slots=True)
class Paper:
    """What one signed paper, signed message or vote says."""

    person: str
    """The person's key in the owner's table."""
    evidence: bytes
    """SHA-256 of the scanned paper, of the signed statement, or of the vote's proposal."""
    given_at: int
    """When it was signed, in seconds since 1970."""
    born: str | None = None
    """Date of birth as ``YYYY-MM-DD``; needed for a child."""
    guardian: str | None = None
    """Name of who signed for a child."""
    relation: str | None = None
    """Such as ``mother``."""
    guardian_evidence: bytes | None = None
    """SHA-256 of what proves guardianship."""
    guardian_account: str | None = None
    """Address of the guardian's key, ``0x…``."""
    guardianship: bytes | None = None
    """Id of an attestation on the ledger."""
    ward: bytes | None = None
    """``consents.ward_commitment`` to the child, which opens that attestation's."""
    holder: str | None = None
    """Address of the person's own key, ``0x…``."""
    given: consents.Given = consents.Given.ON_PAPER
    """How it was given."""


def record_of(paper: Paper, common: Common, kept: register.Register, draw: sealing.Draw) -> consents.ConsentRecord:
    """Return the record of a paper.

    Raises:
        errors.InputError: a child without guardian or proof, a guardian for an adult, or a date that is none; ``which``
            names the column.
    """
    majority = None if paper.born is None else consents.coming_of_age(paper.born, common.age_of_majority)
    is_child = majority is not None and majority > paper.given_at
    _check_guardian(paper, is_child=is_child)
    _check_purposes(common.purposes)
    if not common.now < common.expiry:
        raise _wrong("expires", "a consent that is over already", "a day after today")
    if paper.given_at > common.now:
        raise _wrong("given", "a day in the future", "the day of the signature")
    by = {
        consents.Given.ON_PAPER: f"steward {common.steward}",
        consents.Given.BY_KEY: "guardian" if is_child else "holder",
        consents.Given.BY_VOTE: "vote",
    }
    first = consents.Change(consents.Status.GIVEN, paper.given_at, by[paper.given], paper.evidence)
    return consents.ConsentRecord(
        record=draw(32),
        tag=kept.tag(common.dataset, paper.person),
        subject=consents.Subject.CHILD if is_child else consents.Subject.ADULT,
        majority=majority if is_child else None,
        holder=paper.holder,
        guardian=_guardian_of(paper) if is_child else None,
        purposes=common.purposes,
        commercial=common.commercial,
        scope=consents.Scope(common.dataset, common.fields, common.problem, common.grantee),
        basis=consents.Basis.CONSENT if paper.given is consents.Given.BY_VOTE else consents.Basis.EXPLICIT,
        expiry=common.expiry,
        max_uses=common.max_uses,
        given=paper.given,
        evidence=paper.evidence,
        steward=common.steward,
        controller=common.controller,
        notice=common.notice,
        language=common.language,
        withdrawal=common.withdrawal,
        history=(first,),
    )


def _check_guardian(paper: Paper, *, is_child: bool) -> None:
    if not paper.person.strip():
        raise _wrong("person", "nobody is named", "the person's key in the table")
    if paper.guardian is not None and paper.born is None:
        raise _wrong("born", "a guardian without the child's date of birth", "YYYY-MM-DD")
    if paper.guardian is not None and not is_child:
        raise _wrong("guardian", "a guardian for somebody of age", "the person's own signature")
    if is_child and paper.guardian is None:
        raise _wrong("guardian", "a child without a guardian", "who signed for it")
    if is_child and paper.guardian_evidence is None:
        raise errors.InputError(
            "a guardian without proof",
            which="guardian_evidence",
            expected="the digest or file of what proves guardianship",
            next_step=WAY_OUT,
        )


def _check_purposes(codes: tuple[str, ...]) -> None:
    """Check that somebody who reads the purposes knows what they mean, and that none of them is banned."""
    for code in codes:
        vocabulary.bit(code)
        banned = vocabulary.broader(code) & vocabulary.BANNED_PURPOSES
        if banned:
            raise errors.InputError(
                "a purpose that nothing may be used for", which="purpose", expected="another", got=code
            )


def _guardian_of(paper: Paper) -> consents.Guardian:
    return consents.Guardian(
        name=paper.guardian or "",
        relation=paper.relation or "guardian",
        evidence=paper.guardian_evidence or bytes(32),
        account=paper.guardian_account,
        guardianship=paper.guardianship,
        ward=paper.ward,
    )


def _wrong(column: str, message: str, expected: str) -> errors.InputError:
    return errors.InputError(message, which=column, expected=expected)
