"""The consent desk: what a steward does with people's papers, for the owner's page and ``commons consent`` alike.

Enter, find, withdraw, hand over a receipt, post. A person's key comes in as an argument and goes into the register's tag
alone: no message, log or address has it. What a paper becomes is ``entering``'s business, what covers a use ``coverage``'s;
how files are read and forms look is the callers'.
"""

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from aicommons import app, office
from aicommons.domain import consents, errors, ids
from aicommons.ledger import wallet
from aicommons.node.consents import briefs, entering, importing, keeping, receipts, register, restoring
from aicommons.owner import guardians, keyed, noting
from aicommons.protocol import ports
from aicommons.protocol import view as views

DAY = 86_400
Number = tuple[int, int]
"""Dataset id and number of a consent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Counter:
    """A home's register, open for one act."""

    home: app.Home
    kept: keeping.Keeping
    register: register.Register
    by: str = ""
    """Operator's name, for the log."""

    def note(self, act: noting.Act, about: str, reason: str = "") -> None:
        """Add a line to the home's log, which never has a person's key or name."""
        noting.note_at(self.home, act, about, by=self.by, reason=reason)


def is_kept(home: app.Home) -> bool:
    """Return whether a home keeps a register of people's consents."""
    return app.open_consents(home, app.Bystander(ids.NOBODY)).key_file.exists


def check_kept(home: app.Home) -> None:
    """Check that a home keeps a register, before a passphrase is asked for.

    Raises:
        errors.InputError: not a home, or it keeps none yet.
    """
    home.settings()
    if not is_kept(home):
        raise errors.InputError(
            "this home keeps no register of people's consents yet",
            which=str(home.consents_folder),
            next_step="run `commons consent open DATASET --person COLUMN`",
        )


@contextlib.contextmanager
def at(
    home: app.Home, signer: ports.Signer, node: "Callable[[], ports.Signer] | None" = None, *, by: str = ""
) -> Iterator[Counter]:
    """Open a home's register with its wallet; a node key that is new is let in, when ``node`` can unlock it.

    Args:
        home: the home.
        signer: its wallet.
        node: unlocks the node's key.
        by: operator who acts, for the log.

    Raises:
        errors.InputError: as ``check_kept``.
        errors.KeyRefused: the wallet does not open it.
    """
    check_kept(home)
    kept = app.open_consents(home, signer)
    if node is not None and home.node_file.exists() and not kept.key_file.is_for(wallet.address(home.node_file)):
        kept.key_file.admit(kept.key, node())
    with kept.register() as opened:
        yield Counter(home, kept, opened, by)


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What a dataset's papers have in common, as a steward says it."""

    purposes: tuple[str, ...]
    """Purpose codes."""
    until: str
    """Last day, as ``YYYY-MM-DD``."""
    steward: str
    """Name, as it stands on receipts."""
    commercial: bool = False
    fields: tuple[str, ...] = ()
    """Columns covered; empty for all."""
    problem: str | None = None
    """Id of the only problem."""
    grantee: int | None = None
    """Member id of the only solver."""
    uses: int | None = None
    """How many runs, or ``None`` for any number."""
    language: str = "en"
    """Of the receipt."""
    notice: bytes | None = None
    """SHA-256 of the information sheet."""
    age_of_majority: int = entering.AGE_OF_MAJORITY
    """Years."""

    def common(self, home: app.Home, dataset_id: int, now: int) -> entering.Common:
        """Return them as the register wants them; raises ``errors.InputError`` naming the field."""
        receipts.words_of(self.language)
        if not self.purposes:
            raise errors.InputError(
                "a consent is for a purpose",
                which="purpose",
                expected="at least one",
                next_step="see `commons policy purposes`",
            )
        if not self.steward.strip():
            raise errors.InputError(
                "nobody enters this", which="steward", expected="your name", next_step="it stands on the receipt"
            )
        return entering.Common(
            dataset=dataset_id,
            purposes=self.purposes,
            expiry=importing.day("until", self.until) + DAY,
            steward=self.steward.strip(),
            controller=home.settings().name,
            now=now,
            commercial=self.commercial,
            fields=self.fields,
            problem=_id("problem", self.problem),
            grantee=self.grantee,
            max_uses=self.uses,
            language=self.language,
            notice=self.notice,
            age_of_majority=self.age_of_majority,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """One signed paper, as a steward says it."""

    person: str
    """The person's key in the owner's table."""
    evidence: bytes
    """SHA-256 of the scan."""
    given: str | None = None
    """Day of the signature, as ``YYYY-MM-DD``, or its minute in UTC, as ``YYYY-MM-DDTHH:MM``; ``None`` for now."""
    born: str | None = None
    """A child's date of birth, as ``YYYY-MM-DD``; not kept."""
    guardian: str | None = None
    """Who signed for a child."""
    relation: str | None = None
    """Such as mother."""
    guardian_evidence: bytes | None = None
    """SHA-256 of what proves guardianship."""
    guardian_account: str | None = None
    """Address of the guardian's key."""
    guardianship: str | None = None
    """Id of an attestation on the ledger."""
    ward: str | None = None
    """Who the child is, in the words of the attestation."""
    ward_salt: str | None = None
    """Salt of the attestation, 64 hexadecimal digits."""
    holder: str | None = None
    """Address of the person's own key."""

    def paper(self, now: int) -> entering.Paper:
        """Return it as the register wants it; raises ``errors.InputError`` naming the field."""
        return entering.Paper(
            person=self.person,
            evidence=self.evidence,
            given_at=now if self.given is None else importing.moment("given", self.given),
            born=self.born,
            guardian=self.guardian,
            relation=self.relation,
            guardian_evidence=self.guardian_evidence,
            guardian_account=_address("guardian_account", self.guardian_account),
            guardianship=_id("guardianship", self.guardianship),
            ward=importing.ward(self.ward, self.ward_salt),
            holder=_address("holder", self.holder),
        )


COPY = "copy it in full, or leave it out"


def _address(name: str, text: str | None) -> str | None:
    try:
        return None if text is None else ids.format_id(ids.parse_address(text))
    except errors.DecodeError as err:
        raise errors.InputError(
            "not an address", which=name, expected="0x and 40 hexadecimal digits", next_step=COPY
        ) from err


def _id(name: str, text: str | None) -> bytes | None:
    try:
        return None if text is None else ids.parse_bytes32(text)
    except errors.DecodeError as err:
        raise errors.InputError(
            "not an id", which=name, expected="0x and 64 hexadecimal digits", next_step=COPY
        ) from err


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A consent that was just entered, or whose receipt is printed again."""

    entered: briefs.Entered
    receipt: consents.Receipt
    """With its withdrawal code, which is kept nowhere."""
    is_same_scan: bool = False
    """Its scan was entered for another person before: a steward may have taken the wrong file."""


SAME_SCAN = "this scan was entered for another person too: compare the file with the paper; if it is another's, withdraw this consent"
"""What a steward is told of such a scan."""


def enter(
    counter: Counter,
    dataset_id: int,
    signed: Signed,
    terms: Terms,
    *,
    look: Callable[[], views.LedgerView],
    now: int,
    not_in_table: bool = False,
) -> Made:
    """Enter one consent given on paper.

    Args:
        counter: the register.
        dataset_id: the dataset.
        signed: the paper.
        terms: what it shares with the others.
        look: returns what the ledger says, where a guardian is attested there.
        now: seconds since 1970.
        not_in_table: take a key that no row of the table has now.

    Raises:
        errors.InputError: no register for this dataset, a key without a row, something that does not hold together (``which`` names the
            field, never the person), or a paper that was entered before.
    """
    counter.register.column(dataset_id)
    common = terms.common(counter.home, dataset_id, now)
    record = entering.record_of(signed.paper(now), common, counter.register, os.urandom)
    return enter_record(counter, record, look, not_in_table=not_in_table)


def enter_record(
    counter: Counter,
    record: consents.ConsentRecord,
    look: Callable[[], views.LedgerView],
    *,
    not_in_table: bool = False,
) -> Made:
    """Enter one consent, however it was given; raises ``errors.InputError`` as ``enter``."""
    guardians.check([record], look)
    if record.status.is_live and not not_in_table:
        _check_row(counter, record)
    is_same = record.given is consents.Given.ON_PAPER and counter.register.is_scan_of_another(
        record.scope.dataset, record.tag, record.evidence
    )
    ((entered, code),) = counter.register.enter([record], now=int(time.time()))
    counter.note(noting.Act.ENTER, text_of((record.scope.dataset, entered.number)))
    return Made(entered, receipt_of(counter.home, entered, code), is_same)


def _check_row(counter: Counter, record: consents.ConsentRecord) -> None:
    """Check that the table has a row of the person: a mistyped key gets a receipt that promises what never happens."""
    dataset_id = record.scope.dataset
    if keyed.without_row(counter.home, counter.register, dataset_id, [record.tag]):
        raise errors.InputError(
            "no row of the table has this key now",
            which=f"dataset {dataset_id}, column {counter.register.column(dataset_id)}",
            next_step="compare it with the table; if the person's rows come later, say so: `--not-in-table`, or the box on the page",
        )


def without_row(counter: Counter, dataset_id: int, records: Sequence[consents.ConsentRecord]) -> int:
    """Return how many live consents are of people without a row in the table now; 0 where it cannot be looked at."""
    tags = {each.tag for each in records if each.status.is_live}
    return len(keyed.without_row(counter.home, counter.register, dataset_id, tags) or ())


def enter_all(
    counter: Counter,
    dataset_id: int,
    records: Sequence[consents.ConsentRecord],
    look: Callable[[], views.LedgerView],
) -> list[Made]:
    """Enter many consents for a dataset, or none; raises ``errors.InputError`` as ``enter``."""
    guardians.check(records, look)
    made = counter.register.enter(records, now=int(time.time()))
    counter.note(noting.Act.IMPORT, f"dataset {dataset_id}", f"{len(made)} consents")
    return [Made(entered, receipt_of(counter.home, entered, code)) for entered, code in made]


def receipt_of(home: app.Home, entered: briefs.Entered, code: str) -> consents.Receipt:
    """Return the receipt of a consent with its code."""
    known = home.datasets().get(entered.record.scope.dataset)
    title = known["title"] if known is not None else f"dataset {entered.record.scope.dataset}"
    return receipts.make(entered, code, title=title)


def receipt_again(counter: Counter, number: Number) -> Made:
    """Return another receipt, with a new code that works at this home; on the ledger only the first one's does."""
    entered = counter.register.get(*number)
    made = Made(entered, receipt_of(counter.home, entered, counter.register.new_code(*number)))
    counter.note(noting.Act.RECEIPT, text_of(number))
    return made


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which consents are meant: by one of these three."""

    code: str | None = None
    """Withdrawal code of a receipt."""
    number: str | None = None
    """Number on a receipt, such as ``3-17``."""
    person: str | None = None
    """The person's key in the owner's table; needs the dataset."""
    dataset_id: int | None = None


def find(counter: Counter, wanted: Wanted) -> list[Number]:
    """Return the consents that are meant.

    Raises:
        errors.InputError: none; the message has neither key nor code.
    """
    if wanted.code is not None:
        return [counter.register.of_code(wanted.code)]
    if wanted.number is not None:
        number = parse_number(wanted.number)
        counter.register.get(*number)
        return [number]
    dataset_id = wanted.dataset_id or 0
    counter.register.column(dataset_id)
    found = counter.register.of_person(dataset_id, counter.register.tag(dataset_id, wanted.person or ""))
    if not found:
        raise errors.InputError(
            "nobody in the register has this key",
            which=f"dataset {dataset_id}",
            next_step="compare it with the table, or look the person up by the number or code of a receipt",
        )
    return [(dataset_id, each) for each in found]


def parse_number(text: str) -> Number:
    """Read the number of a consent such as ``3-17``; raises ``errors.InputError`` for anything else."""
    dataset_id, _, place = text.strip().partition("-")
    if not (text.isascii() and dataset_id.isdigit() and place.isdigit() and len(text) <= 30):
        raise errors.InputError(
            "not the number of a consent", expected="such as 3-17", got=text[:20], next_step="it stands on the receipt"
        )
    return int(dataset_id), int(place)


def text_of(number: Number) -> str:
    """Return the number of a consent as it stands on the receipt, such as ``3-17``."""
    return f"{number[0]}-{number[1]}"


def of_same_person(counter: Counter, number: Number) -> list[briefs.Entered]:
    """Return all consents of the person whose consent this is, newest first; raises ``errors.InputError``."""
    dataset_id, _ = number
    tag = counter.register.get(*number).record.tag
    return [counter.register.get(dataset_id, each) for each in reversed(counter.register.of_person(dataset_id, tag))]


@dataclasses.dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became of a withdrawal."""

    places: tuple[Number, ...]
    """What was taken back."""
    left: tuple[Number, ...]
    """Consents of the same people for the same dataset that are still live: their rows are used."""


def withdraw(
    counter: Counter, found: Sequence[Number], change: consents.Change, *, only_these: bool = False
) -> Withdrawn:
    """Take back consents, and whatever else the same people gave for the same dataset.

    Args:
        counter: the register.
        found: the consents that are meant.
        change: withdrawn, with when, by whom and the digest of a signed withdrawal.
        only_these: leave the same people's other consents as they are.

    Raises:
        errors.InputError: nothing is left to withdraw.
    """
    here = counter.register
    whole = {(each[0], number) for each in found for number in here.of_person(each[0], here.tag_at(*each))}
    wanted = set(found) if only_these else whole
    open_ones = [each for each in sorted(wanted) if not here.get(*each).record.status.is_over]
    if not open_ones:
        raise errors.InputError(
            "nothing is left to withdraw",
            got=f"{len(found)} consents, all of them over",
            next_step="nothing has to be done: these rows are not used",
        )
    for dataset_id, number in open_ones:
        tag = here.change(dataset_id, number, _not_before(here, (dataset_id, number), change)).record.tag
        counter.kept.wallets.revoke(dataset_id, here.tagger(dataset_id), frozenset({tag}))
        counter.note(noting.Act.WITHDRAW, text_of((dataset_id, number)))
    left = [each for each in sorted(whole - wanted) if here.get(*each).record.status.is_live]
    return Withdrawn(tuple(open_ones), tuple(left))


def _not_before(here: register.Register, place: Number, change: consents.Change) -> consents.Change:
    """Return a change that is not older than what it follows: a status history is in order of time."""
    last = here.get(*place).record.history[-1].at
    return change if change.at >= last else dataclasses.replace(change, at=last)


@dataclasses.dataclass(frozen=True, slots=True)
class Posted:
    """What was put on the ledger."""

    root: bytes
    consents: int
    """Ever entered."""
    withdrawn: int
    status: bytes
    """Root over the status list."""
    doubted: int = 0
    """Of a register that was restored: how many consents have to be confirmed before they count."""


def post(counter: Counter, desk: office.Desk, dataset_id: int, *, restored: bool = False) -> Posted:
    """Put the state of a dataset's register on the ledger: one root and one list of withdrawals.

    What people took back on the ledger without the steward is entered first.

    Args:
        counter: the register.
        desk: the owner's.
        dataset_id: the dataset.
        restored: the register was restored from a backup, and the ledger shows what it does not have: let no consent
            count that was entered before, until its paper is entered again.

    Raises:
        errors.InputError: no register for this dataset, or none that was restored.
        errors.JournalConflict: the ledger shows another register than this one, and ``restored`` was not said.
        errors.LedgerRefused, errors.LedgerUnreachable: nothing was posted.
    """
    here, place = counter.register, app.register_place(counter.home)
    here.column(dataset_id)
    shown = desk.view().registers.get(dataset_id)
    is_other = restoring.is_other(here, dataset_id, shown, restored=restored)
    alone = restoring.withdrawn_alone(here, place, dataset_id, shown)
    restoring.take_in(here, dataset_id, alone)
    doubted = 0
    if is_other and shown is not None:
        doubted = restoring.restore(here, place, dataset_id, shown, now=int(time.time()))
    tags = frozenset(here.tag_at(dataset_id, number) for number in alone)
    counter.kept.wallets.revoke(dataset_id, here.tagger(dataset_id), tags)
    leaves, status = here.draft_posting(place, dataset_id)
    desk.post_register(dataset_id, leaves, status)
    counter.note(noting.Act.POST, f"dataset {dataset_id}")
    return Posted(leaves.root, leaves.size, len(here.withdrawn(dataset_id)), status.root, doubted)


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What a dataset's register says in numbers."""

    dataset_id: int
    entered: int
    withdrawn: int
    of_age: int
    """Children who decide alone now and were not asked."""
    unconfirmed: int = 0
    """Neither live nor over: to be confirmed since the register was restored."""


def counts(counter: Counter, dataset_id: int, now: int) -> Counts:
    """Return what a register says in numbers; raises ``errors.InputError`` when there is none for the dataset."""
    here = counter.register
    here.column(dataset_id)
    grown = len(here.of_age(dataset_id, now))
    over, doubted = len(here.withdrawn(dataset_id)), len(here.unconfirmed(dataset_id))
    return Counts(dataset_id, here.count(dataset_id), over - doubted, grown, doubted)


def is_shown(counter: Counter, view: views.LedgerView, dataset_id: int) -> bool:
    """Return whether the ledger shows everything that was entered and withdrawn here."""
    return counter.register.is_shown(dataset_id, restoring.posting_of(view.registers.get(dataset_id)))


class Wards:
    """Who has come of age and has to be asked; a register is read again only when it changed or an hour went by."""

    def __init__(self, home: app.Home, signer: ports.Signer) -> None:
        """Look at ``home``'s registers with ``signer``, its wallet."""
        self._home, self._signer = home, signer
        self._known: dict[int, tuple[tuple[int, ...], tuple[Number, ...]]] = {}
        self._reading = threading.Lock()

    def look(self, now: int) -> tuple[Number, ...]:
        """Return the consents that ended with a child's majority; none where this home keeps no register."""
        if not is_kept(self._home):
            return ()
        with self._reading, at(self._home, self._signer) as counter:
            found: list[Number] = []
            for dataset_id in counter.register.datasets():
                state = (*counter.register.state(dataset_id), now // 3600)
                if self._known.get(dataset_id, ((), ()))[0] != state:
                    grown = counter.register.of_age(dataset_id, now)
                    self._known[dataset_id] = (state, tuple((dataset_id, each) for each in grown))
                found += self._known[dataset_id][1]
            return tuple(found)
