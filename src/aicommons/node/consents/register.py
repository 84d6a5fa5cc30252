"""The steward's register: every consent ever given behind the home's datasets, and what became of it.

One SQLite file under ``<home>/consents``; whatever says something about a person is sealed under the register's key. It
is append-only: a consent is entered once, and its status history grows. The command line and the owner's page write it,
the node reads it. What covers a use is decided in ``protocol/coverage``, the ledger's trees in ``protocol/consents``.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence

from aicommons.domain import consents, encoding, errors, ids
from aicommons.node.consents import appending, briefs, codes, sealing
from aicommons.protocol import consents as trees
from aicommons.protocol import coverage

SCHEMA = """
CREATE TABLE IF NOT EXISTS dataset(dataset INTEGER PRIMARY KEY, person TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS renamed(place INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, person TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS terms(place INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS entry(dataset INTEGER, number INTEGER, tag BLOB NOT NULL, evidence BLOB NOT NULL,
  brief BLOB NOT NULL, record BLOB NOT NULL, PRIMARY KEY(dataset, number));
CREATE UNIQUE INDEX IF NOT EXISTS entered_once ON entry(dataset, tag, evidence);
CREATE TABLE IF NOT EXISTS change(place INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, number INTEGER NOT NULL,
  at INTEGER NOT NULL, status TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS changed ON change(dataset, number);
CREATE TABLE IF NOT EXISTS code(address BLOB PRIMARY KEY, dataset INTEGER NOT NULL, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS posting(place INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, root BLOB NOT NULL,
  leaves INTEGER NOT NULL, status BLOB NOT NULL, changes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS restored(place INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, at INTEGER NOT NULL,
  after INTEGER NOT NULL);
"""
TABLES = ("dataset", "renamed", "terms", "entry", "change", "code", "posting", "restored")
NEVER = 2**63 - 1
SAID_ON_PAPER = (
    *("tag", "subject", "majority", "holder", "guardian", "purposes", "commercial", "scope", "basis", "expiry"),
    *("max_uses", "given", "evidence"),
)
"""What a consent that is confirmed has to say as before; when it was signed it may say by the day only."""


@dataclasses.dataclass(frozen=True, slots=True)
class Posting:
    """A register's state as the ledger shows it."""

    root: bytes
    """Root over all leaves."""
    leaves: int
    """How many consents were ever entered."""
    status: bytes
    """Root over the words of the status list."""


NOTHING_POSTED = Posting(trees.EMPTY, 0, trees.EMPTY)


def datasets_in(path: pathlib.Path) -> frozenset[int]:
    """Return the datasets that a register is kept for, without its key; none where there is no file."""
    if not path.exists():
        return frozenset()
    with contextlib.closing(appending.AppendOnly(path, SCHEMA, TABLES)) as opened:
        return frozenset(dataset for (dataset,) in opened.all("SELECT dataset FROM dataset"))


class Register:
    """One home's register; open it once per process, in a child process anew."""

    def __init__(self, path: pathlib.Path, key: sealing.Key, *, draw: sealing.Draw = os.urandom) -> None:
        """Open the file at ``path``, made if it is not there; raises ``errors.InputError`` when it is damaged."""
        self._file = appending.AppendOnly(path, SCHEMA, TABLES)
        self._key, self._draw = key, draw

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def open(self, dataset: int, column: str) -> None:
        """Keep consents for a dataset whose rows name their person in ``column``; another one counts while nothing is entered.

        Raises:
            errors.InputError: it is kept by another column, and consents were entered.
        """
        with self._file.transaction():
            known = self._person_column(dataset)
            if known is None:
                self._file.add("INSERT INTO dataset VALUES(?, ?)", dataset, column)
            elif known != column:
                self._check_empty(dataset, known, column)
                self._file.add("INSERT INTO renamed(dataset, person) VALUES(?, ?)", dataset, column)

    def _check_empty(self, dataset: int, known: str, column: str) -> None:
        """Check that nothing was entered by the column that was named first: its keys would then mean other people."""
        entered = self.count(dataset)
        if entered:
            raise errors.InputError(
                f"{entered} consents were entered by another column",
                which=f"dataset {dataset}",
                expected=known,
                got=column,
                next_step=f"keep the column {known}; if it does not hold the keys that were entered, give them that column name in the "
                f"table and publish it as a new version: `commons dataset publish FILE --version-of {dataset}`",
            )

    def datasets(self) -> dict[int, str]:
        """Return the datasets with a register here, each with the column that says whose row it is."""
        known = dict(self._file.all("SELECT dataset, person FROM dataset"))
        return known | dict(self._file.all("SELECT dataset, person FROM renamed ORDER BY place"))

    def column(self, dataset: int) -> str:
        """Return the column that says whose row it is.

        Raises:
            errors.InputError: consents are not kept for this dataset.
        """
        known = self._person_column(dataset)
        if known is None:
            raise errors.InputError(
                "this home keeps no register of people's consents for this dataset",
                which=f"dataset {dataset}",
                next_step=f"run `commons consent open {dataset} --person COLUMN`",
            )
        return known

    def _person_column(self, dataset: int) -> str | None:
        return self.datasets().get(dataset)

    def tagger(self, dataset: int) -> bytes:
        """Return the secret under which a dataset's people are named (``coverage.tag_of``)."""
        return self._key.derive(b"tags of dataset %d" % dataset)

    def tag(self, dataset: int, person: str) -> bytes:
        """Return who is meant by a value of the person column: the same 32 bytes each time, which tell nobody else."""
        return coverage.tag_of(self.tagger(dataset), person)

    def enter(
        self, records: Sequence[consents.ConsentRecord], *, now: int | None = None
    ) -> list[tuple[briefs.Entered, str]]:
        """Enter consents as they were given, all or none; return each with its withdrawal code, which is kept nowhere.

        One that this register has from before it was restored is confirmed: it keeps its number, and gets another code.

        Args:
            records: what was given.
            now: when, in seconds since 1970, as the history of one that is confirmed says it.

        Raises:
            errors.InputError: one was entered before, withdrawn before or given before a withdrawal: a new consent needs
                a new paper. Or it rests on a guardianship that is another child's here.
            errors.DecodeError: one that does not hold together.
            errors.StorageFull: no room; nothing was entered.
        """
        made = []
        with self._file.transaction():
            known = {terms: place for place, terms in enumerate(self.terms())}
            counts: dict[int, int] = {}
            wards: dict[int, dict[bytes, bytes]] = {}
            for record in records:
                record.check()
                dataset = record.scope.dataset
                if dataset not in counts:
                    counts[dataset] = self.count(dataset)  # once: SQLite counts them one by one
                if record.guardian is not None and record.guardian.guardianship is not None:
                    if dataset not in wards:
                        wards[dataset] = self._wards(dataset)
                    _check_ward(wards[dataset], record.guardian.guardianship, record)
                same = self._same_paper(record)
                if same is not None:
                    made.append(self._confirm(same, record, now))
                    continue
                self._check_fresh(record)
                made.append(self._enter(counts[dataset], record, known))
                counts[dataset] += 1
        return made

    def _wards(self, dataset: int) -> dict[bytes, bytes]:
        """Return guardianship -> tag of the child whom it serves here."""
        return {brief.guardianship: tag for _, tag, brief in self._briefs(dataset) if any(brief.guardianship)}

    def _enter(
        self, number: int, record: consents.ConsentRecord, known: dict[coverage.Terms, int]
    ) -> tuple[briefs.Entered, str]:
        dataset = record.scope.dataset
        salt, code = self._draw(32), codes.code_of(self._draw(codes.SECRET_BYTES))
        given, address = record.as_given.encode(), codes.address_of(code)
        terms = self._terms_place(briefs.terms_of(record), known)
        brief = briefs.Brief.of(record, consents.commitment_of(salt, given), address, terms)
        about = _about(dataset, number)
        self._file.add(
            "INSERT INTO entry VALUES(?, ?, ?, ?, ?, ?)",
            *(dataset, number, record.tag, record.evidence),
            self._key.seal(brief.encode(), about + b"brief"),
            self._key.seal(salt + given, about),
        )
        self._file.add("INSERT INTO code VALUES(?, ?, ?)", address, dataset, number)
        for change in record.history:
            self._append(dataset, number, change)
        return briefs.Entered(number, record, salt), code

    def _same_paper(self, record: consents.ConsentRecord) -> int | None:
        """Return the number of a consent that waits to be confirmed by this paper, ``None`` where the paper is new.

        Raises:
            errors.InputError: it was entered or withdrawn before.
        """
        dataset = record.scope.dataset
        query = "SELECT number FROM entry WHERE dataset = ? AND tag = ? AND evidence = ?"
        row = self._file.first(query, dataset, record.tag, record.evidence)
        if row is None:
            return None
        status = self.get(dataset, row[0]).record.status
        if status is consents.Status.UNKNOWN:
            return int(row[0])
        raise errors.InputError(
            "this consent was withdrawn before" if status.is_over else "this consent was entered before",
            which=f"dataset {dataset}, consent {row[0]}",
            expected="a consent signed anew",
            got="the same paper for the same person",
            next_step="ask the person to sign a new paper"
            if status.is_over
            else "nothing is to be done: it is in the register",
        )

    def _check_fresh(self, record: consents.ConsentRecord, *, is_known: bool = False) -> None:
        """Check that a consent was given after all that its person took back: scans and exports differ, a time does not.

        Args:
            record: as it was given.
            is_known: it was in the register before a restore, which shows that it is not one of those that were lost.

        Raises:
            errors.InputError: it was not.
        """
        if not record.status.is_live:
            return
        dataset = record.scope.dataset
        query = (
            "SELECT max(at) FROM change JOIN entry USING(dataset, number) WHERE dataset = ? AND tag = ? AND status = ?"
        )
        ((of_person,),) = self._file.all(query, dataset, record.tag, consents.Status.WITHDRAWN.value)
        ((of_nobody,),) = self._file.all("SELECT max(after) FROM restored WHERE dataset = ?", dataset)
        last = max(of_person or 0, 0 if is_known else of_nobody or 0)
        if last and record.history[-1].at <= last:
            raise errors.InputError(
                "this consent was given before a withdrawal",
                which=f"dataset {dataset}",
                expected=f"one given after {_utc(last)}",
                got="an older one; a day without a time counts from its first minute",
                next_step="ask the person to sign a new paper; one of the day of the withdrawal needs its time, in UTC "
                "(--given 2026-01-31T14:30; without a day it counts as signed now)",
            )

    def _confirm(self, number: int, record: consents.ConsentRecord, now: int | None) -> tuple[briefs.Entered, str]:
        """Confirm by its paper a consent that a restored register has.

        Raises:
            errors.InputError: the paper says something else than the register, or is over.
        """
        dataset = record.scope.dataset
        kept = self.get(dataset, number).record
        if not record.status.is_live:
            raise errors.InputError(
                "a consent that is over confirms nothing",
                which=f"dataset {dataset}, consent {number}",
                got=record.status.value,
                next_step=f"withdraw it: `commons consent withdraw --number {dataset}-{number}`",
            )
        differs = [name for name in SAID_ON_PAPER if getattr(kept, name) != getattr(record, name)]
        if differs:
            raise errors.InputError(
                "the paper says something else than the register",
                which=f"dataset {dataset}, consent {number}",
                expected=f"the same {differs[0]}",
                got="another",
                next_step="enter the paper as it was entered before, or ask the person to sign a new one",
            )
        self._check_fresh(kept.as_given, is_known=True)
        at = max(kept.history[-1].at, now or 0)
        change = consents.Change(consents.Status.RENEWED, at, record.history[0].by, record.evidence)
        self._append(dataset, number, change)
        return self.get(dataset, number), self._new_code(dataset, number)

    def _terms_place(self, terms: coverage.Terms, known: dict[coverage.Terms, int]) -> int:
        if terms not in known:
            known[terms] = len(known)
            sealed = self._key.seal(briefs.terms_bytes(terms), b"terms")
            self._file.add("INSERT INTO terms VALUES(?, ?)", known[terms], sealed)
        return known[terms]

    def change(self, dataset: int, number: int, change: consents.Change) -> briefs.Entered:
        """Append to a consent's status history; return it as it is now.

        Raises:
            errors.InputError: no such consent, or it was over before.
        """
        with self._file.transaction():
            if self.get(dataset, number).record.status.is_over:
                raise errors.InputError("this consent is over already", which=f"dataset {dataset}, consent {number}")
            self._append(dataset, number, change)
        return self.get(dataset, number)

    def _append(self, dataset: int, number: int, change: consents.Change) -> None:
        evidence = None if change.evidence is None else change.evidence.hex()
        said = encoding.canonical_json({"by": change.by, "evidence": evidence})
        self._file.add(
            "INSERT INTO change(dataset, number, at, status, sealed) VALUES(?, ?, ?, ?, ?)",
            *(dataset, number, change.at, change.status.value),
            self._key.seal(said, _about(dataset, number) + b"change"),
        )

    def new_code(self, dataset: int, number: int) -> str:
        """Return another withdrawal code for a lost receipt; raises ``errors.InputError`` when there is no such consent.

        It works at this register only: what stands on the ledger was fixed with the first one.
        """
        self.get(dataset, number)
        with self._file.transaction():
            return self._new_code(dataset, number)

    def _new_code(self, dataset: int, number: int) -> str:
        code = codes.code_of(self._draw(codes.SECRET_BYTES))
        self._file.add("INSERT INTO code VALUES(?, ?, ?)", codes.address_of(code), dataset, number)
        return code

    def of_code(self, code: str) -> tuple[int, int]:
        """Return dataset and number of the consent that a withdrawal code is for.

        Raises:
            errors.InputError: not a code, or none of this register's.
        """
        row = self._file.first("SELECT dataset, number FROM code WHERE address = ?", codes.address_of(code))
        if row is None:
            raise errors.InputError(
                "no consent here has this withdrawal code", next_step="take the receipt to the steward that it names"
            )
        return int(row[0]), int(row[1])

    def of_person(self, dataset: int, tag: bytes) -> tuple[int, ...]:
        """Return the numbers of a person's consents, ascending."""
        query = "SELECT number FROM entry WHERE dataset = ? AND tag = ? ORDER BY number"
        return tuple(number for (number,) in self._file.all(query, dataset, tag))

    def is_scan_of_another(self, dataset: int, tag: bytes, evidence: bytes) -> bool:
        """Return whether a scan was entered for another person of the dataset."""
        query = "SELECT 1 FROM entry WHERE dataset = ? AND evidence = ? AND tag != ? LIMIT 1"
        return self._file.first(query, dataset, evidence, tag) is not None

    def count(self, dataset: int) -> int:
        """Return how many consents were ever entered for a dataset."""
        ((count,),) = self._file.all("SELECT count(*) FROM entry WHERE dataset = ?", dataset)
        return int(count)

    def get(self, dataset: int, number: int) -> briefs.Entered:
        """Return one consent.

        Raises:
            errors.InputError: no such consent, or it was lost with a register that was restored.
        """
        plain = self._key.open(self._column("record", dataset, number), _about(dataset, number))
        if not plain:
            raise errors.InputError(
                "this consent was lost with an older register",
                which=f"dataset {dataset}, consent {number}",
                next_step="if the person did not take it back, enter its paper again",
            )
        given = consents.ConsentRecord.decode(plain[32:])
        history = self._history(dataset, number)
        return briefs.Entered(number, dataclasses.replace(given, history=history), plain[:32])

    def _column(self, name: str, dataset: int, number: int) -> bytes:
        query = f"SELECT {name} FROM entry WHERE dataset = ? AND number = ?"  # noqa: S608  a name of ours
        row = self._file.first(query, dataset, number)
        if row is None:
            raise errors.InputError("no such consent in the register", which=f"dataset {dataset}, consent {number}")
        return bytes(row[0])

    def _history(self, dataset: int, number: int) -> tuple[consents.Change, ...]:
        query = "SELECT at, status, sealed FROM change WHERE dataset = ? AND number = ? ORDER BY place"
        made = []
        for at, status, sealed in self._file.all(query, dataset, number):
            said = json.loads(self._key.open(sealed, _about(dataset, number) + b"change"))
            evidence = None if said["evidence"] is None else bytes.fromhex(said["evidence"])
            made.append(consents.Change(consents.Status(status), at, said["by"], evidence))
        return tuple(made)

    def terms(self) -> list[coverage.Terms]:
        """Return what consents say yes to, each once; entries name them by their place."""
        rows = self._file.all("SELECT sealed FROM terms ORDER BY place")
        return [briefs.parse_terms(self._key.open(sealed, b"terms")) for (sealed,) in rows]

    def entries(self, dataset: int) -> Iterator[coverage.Entry]:
        """Yield the dataset's consents in order, as far as decisions need them; those that were lost are left out."""
        for number, tag, brief in self._briefs(dataset):
            if brief.expiry:
                yield brief.entry(number, tag)

    def leaves(self, dataset: int) -> Iterator[trees.Leaf]:
        """Yield the leaves of the dataset's tree, in order."""
        for number, _, brief in self._briefs(dataset):
            yield brief.leaf(dataset, number)

    def leaf(self, dataset: int, number: int) -> trees.Leaf:
        """Return the leaf of one consent; raises ``errors.InputError`` when there is none."""
        return self._brief(dataset, number, self._column("brief", dataset, number)).leaf(dataset, number)

    def _briefs(self, dataset: int) -> Iterator[tuple[int, bytes, briefs.Brief]]:
        query = "SELECT number, tag, brief FROM entry WHERE dataset = ? ORDER BY number"
        for number, tag, sealed in self._file.all(query, dataset):
            yield number, tag, self._brief(dataset, number, sealed)

    def _brief(self, dataset: int, number: int, sealed: bytes) -> briefs.Brief:
        return briefs.Brief.decode(self._key.open(sealed, _about(dataset, number) + b"brief"))

    def draft_posting(self, place: encoding.Place, dataset: int) -> tuple[trees.Tree, trees.Tree]:
        """Return the present state of a dataset's register as the ledger shall show it, and remember it as drafted.

        Args:
            place: chain and ConsentRegister.
            dataset: dataset id.

        Returns:
            The tree over all leaves, and the one over the status list.
        """
        ((changes,),) = self._file.all("SELECT coalesce(max(place), 0) FROM change WHERE dataset = ?", dataset)
        leaves, status = self.trees(place, dataset)
        with self._file.transaction():
            self._file.add(
                "INSERT INTO posting(dataset, root, leaves, status, changes) VALUES(?, ?, ?, ?, ?)",
                *(dataset, leaves.root, leaves.size, status.root, changes),
            )
        return leaves, status

    def trees(
        self, place: encoding.Place, dataset: int, posting: Posting | None = None
    ) -> tuple[trees.Tree, trees.Tree]:
        """Return the trees over a dataset's leaves and its status list, now or as they stood at a drafted posting.

        Raises:
            errors.InputError: nothing of the kind was drafted from this register.
        """
        until = NEVER if posting is None else self._drafted_after(dataset, posting)
        hashes = [trees.leaf_hash(place, leaf) for leaf in self.leaves(dataset)]
        if posting is not None:
            hashes = hashes[: posting.leaves]
        query = "SELECT number, status FROM change WHERE dataset = ? AND place <= ? ORDER BY place"
        words = trees.status_words(len(hashes), _over(self._file.all(query, dataset, until)))
        return trees.Tree.over(hashes), trees.status_tree(dataset, words)

    def _drafted_after(self, dataset: int, posting: Posting) -> int:
        """Return how far the status histories went when a posting was drafted."""
        query = "SELECT max(changes) FROM posting WHERE dataset = ? AND root = ? AND leaves = ? AND status = ?"
        row = self._file.first(query, dataset, posting.root, posting.leaves, posting.status)
        if row is None or row[0] is None:
            raise errors.InputError("the ledger shows what was not drafted here", which=f"dataset {dataset}")
        return int(row[0])

    def is_sound(self, place: encoding.Place, dataset: int, posting: Posting) -> bool:
        """Return whether this register gives what the ledger shows, all of it computed again."""
        if not self.has_drafted(dataset, posting):
            return False
        leaves, status = self.trees(place, dataset, posting)
        return (leaves.root, leaves.size, status.root) == (posting.root, posting.leaves, posting.status)

    def has_drafted(self, dataset: int, posting: Posting) -> bool:
        """Return whether what the ledger shows came from this register: another one was restored from a backup."""
        query = "SELECT 1 FROM posting WHERE dataset = ? AND root = ? AND leaves = ? AND status = ?"
        return self._file.first(query, dataset, posting.root, posting.leaves, posting.status) is not None

    def is_shown(self, dataset: int, posting: Posting) -> bool:
        """Return whether the ledger shows everything that was entered or changed here so far."""
        _, newest = self.state(dataset)
        if newest == 0:
            return True
        return self.has_drafted(dataset, posting) and self._drafted_after(dataset, posting) == newest

    def restore(self, dataset: int, leaves: int, *, at: int, after: int) -> int:
        """Let no consent count that was entered before a restore, until it is confirmed; return how many that are.

        What the ledger shows and this register lacks keeps its number, under which nobody else is ever entered: a
        receipt's number, and a withdrawal on the ledger, stay those of one person.

        Args:
            dataset: dataset id.
            leaves: how many consents the ledger shows.
            at: when the restore was noticed, in seconds since 1970.
            after: newest withdrawal on the ledger of whom nobody here knows; no older paper is taken from anybody. 0 for
                none.
        """
        over = self.withdrawn(dataset)
        with self._file.transaction():
            count = self.count(dataset)
            doubted = [number for number in range(count) if number not in over]
            for number in range(count, leaves):
                self._keep_place(dataset, number)
            query = "SELECT number, max(at) FROM change WHERE dataset = ? GROUP BY number"
            last = dict(self._file.all(query, dataset))
            for number in (*doubted, *range(count, leaves)):
                since = max(at, last.get(number, 0))
                self._append(dataset, number, consents.Change(consents.Status.UNKNOWN, since, "restored", None))
            self._file.add("INSERT INTO restored(dataset, at, after) VALUES(?, ?, ?)", dataset, at, after)
        return len(doubted)

    def _keep_place(self, dataset: int, number: int) -> None:
        """Enter that a consent is lost: nobody's, and it covers nothing."""
        about = _about(dataset, number)
        nobody = briefs.Brief(self._draw(32), ids.NOBODY, ids.NOBODY, trees.NO_GUARDIANSHIP, 0, 0, 0, 0, 0, 0)
        self._file.add(
            "INSERT INTO entry VALUES(?, ?, ?, ?, ?, ?)",
            *(dataset, number, self._draw(32), self._draw(32)),
            self._key.seal(nobody.encode(), about + b"brief"),
            self._key.seal(b"", about),
        )

    def unconfirmed(self, dataset: int) -> list[int]:
        """Return the numbers of the consents that wait to be confirmed since the register was restored, ascending."""
        query = "SELECT number, status FROM change WHERE dataset = ? ORDER BY place"
        newest = dict(self._file.all(query, dataset))
        doubted = {number for number, status in newest.items() if status == consents.Status.UNKNOWN.value}
        return [entry.number for entry in self.entries(dataset) if entry.number in doubted] if doubted else []

    def tag_at(self, dataset: int, number: int) -> bytes:
        """Return whose a consent is, without opening it; raises ``errors.InputError`` when there is none."""
        return self._column("tag", dataset, number)

    def tags_of(self, dataset: int, numbers: Collection[int]) -> frozenset[bytes]:
        """Return whose the consents with these numbers are."""
        query = "SELECT number, tag FROM entry WHERE dataset = ?"
        return (
            frozenset(tag for number, tag in self._file.all(query, dataset) if number in numbers)
            if numbers
            else frozenset()
        )

    def taken_back(self, dataset: int, on_ledger: Mapping[int, int], at: int = NEVER) -> frozenset[int]:
        """Return the numbers of the consents that were over at a time.

        Who takes a consent back on the ledger takes back all that it had given until then: those of the same person
        among them.

        Args:
            dataset: dataset id.
            on_ledger: places of the consents that people took back there, each with when.
            at: in seconds since 1970; by default now.
        """
        over = set(self.withdrawn(dataset, at))
        for number, since in on_ledger.items():
            over |= self.given_until(dataset, number, since)
        return frozenset(over)

    def given_until(self, dataset: int, number: int, since: int) -> set[int]:
        """Return the consent ``number`` and all that the same person had given by a time (seconds since 1970)."""
        query = (
            "SELECT number, max(at) FROM change JOIN entry USING(dataset, number) WHERE dataset = ? AND status IN (?, ?)"
            " AND tag = (SELECT tag FROM entry WHERE dataset = ? AND number = ?) GROUP BY number"
        )
        live = (consents.Status.GIVEN.value, consents.Status.RENEWED.value)
        rows = self._file.all(query, dataset, *live, dataset, number)
        return {number} | {each for each, said in rows if said <= since}

    def state(self, dataset: int) -> tuple[int, int]:
        """Return what grows with each entry and each change of a dataset's register, without opening any of them."""
        ((changes,),) = self._file.all("SELECT coalesce(max(place), 0) FROM change WHERE dataset = ?", dataset)
        return self.count(dataset), int(changes)

    def of_age(self, dataset: int, now: int) -> list[int]:
        """Return the numbers of live consents that a guardian gave for somebody who decides alone now and was not asked.

        Who has given a consent of its own since then is not among them.
        """
        entries, over = list(self.entries(dataset)), self.withdrawn(dataset)
        newest = {entry.tag: entry.number for entry in entries}
        return [
            entry.number
            for entry in entries
            if entry.majority is not None
            and entry.majority <= now
            and entry.number not in over
            and newest[entry.tag] == entry.number
        ]

    def withdrawn(self, dataset: int, at: int = NEVER) -> frozenset[int]:
        """Return the numbers of the consents that were over by their status at a time (seconds since 1970), or now."""
        query = "SELECT number, status FROM change WHERE dataset = ? AND at <= ? ORDER BY place"
        return _over(self._file.all(query, dataset, at))


def _over(changes: Sequence[tuple[int, str]]) -> frozenset[int]:
    """Return the numbers whose newest status is no live one."""
    return frozenset(number for number, status in dict(changes).items() if not consents.Status(status).is_live)


def _check_ward(wards: dict[bytes, bytes], guardianship: bytes, record: consents.ConsentRecord) -> None:
    """Check that an attestation serves one child only; raises ``errors.InputError``."""
    if wards.setdefault(guardianship, record.tag) != record.tag:
        raise errors.InputError(
            "this guardianship is another child's",
            which=f"guardianship {ids.short(guardianship)}",
            expected="an attestation for this child",
            got="one on which another child's consent rests",
            next_step="ask the organisation to attest the guardian of this child (`commons consent attest-guardian`)",
        )


def _utc(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def _about(dataset: int, number: int) -> bytes:
    return b"consent %d of dataset %d" % (number, dataset)
