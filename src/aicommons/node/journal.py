"""The node's memory: what must survive being killed, except keys and signatures (``signing.py`` holds those).

One SQLite file per home: pinned rosters, states, sums, local learner state, names of the bytes built for sending and of
the blobs left in the store. Seeds never get here. Every write is durable before the call returns. The reconciler and
the duty handlers call it; the command line writes pins into it.
"""

import dataclasses
import json
import pathlib
import sqlite3
from collections.abc import Sequence

from aicommons.domain import errors, ids
from aicommons.protocol import ports

SCHEMA = """
CREATE TABLE IF NOT EXISTS pin(run BLOB PRIMARY KEY, roster BLOB NOT NULL, problem BLOB NOT NULL,
  dataset INTEGER NOT NULL, version INTEGER NOT NULL, consent BLOB NOT NULL, overlap INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS brought(run BLOB, dataset INTEGER, version INTEGER NOT NULL, consent BLOB NOT NULL,
  PRIMARY KEY(run, dataset));
CREATE TABLE IF NOT EXISTS released(run BLOB, members BLOB, PRIMARY KEY(run, members));
CREATE TABLE IF NOT EXISTS state(run BLOB, position INTEGER, digest BLOB NOT NULL, data BLOB NOT NULL,
  finished INTEGER NOT NULL, PRIMARY KEY(run, position));
CREATE TABLE IF NOT EXISTS sum(run BLOB, round INTEGER, sid BLOB NOT NULL, salt BLOB NOT NULL, digest BLOB NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY(run, round));
CREATE TABLE IF NOT EXISTS built(sid BLOB PRIMARY KEY, run BLOB NOT NULL, header BLOB NOT NULL, masked BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS built_of(sid BLOB, dataset INTEGER, PRIMARY KEY(sid, dataset));
CREATE TABLE IF NOT EXISTS local(run BLOB, position INTEGER, data BLOB NOT NULL, PRIMARY KEY(run, position));
CREATE TABLE IF NOT EXISTS reveal(sid BLOB PRIMARY KEY, run BLOB NOT NULL, inputs BLOB NOT NULL, salt BLOB NOT NULL,
  mine BLOB NOT NULL, document BLOB NOT NULL, objects BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS stored(run BLOB, digest BLOB, PRIMARY KEY(run, digest));
CREATE TABLE IF NOT EXISTS sent(run BLOB PRIMARY KEY, bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS report(run BLOB PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS over(run BLOB PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS disclosure(run BLOB, round INTEGER, dataset INTEGER NOT NULL, version INTEGER NOT NULL,
  members BLOB NOT NULL, plan BLOB NOT NULL, schema BLOB NOT NULL, body TEXT NOT NULL, PRIMARY KEY(run, round, dataset));
CREATE TABLE IF NOT EXISTS charge(run BLOB, round INTEGER, dataset INTEGER, content BLOB, noise REAL NOT NULL,
  steps INTEGER NOT NULL, sampling REAL NOT NULL, unit TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(run, round, dataset, content));
CREATE TABLE IF NOT EXISTS secret(dataset INTEGER, kind TEXT, seed BLOB NOT NULL, PRIMARY KEY(dataset, kind));
CREATE TABLE IF NOT EXISTS denial(run BLOB PRIMARY KEY, said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS declined(run BLOB, round INTEGER, reason TEXT, PRIMARY KEY(run, round, reason));
CREATE TABLE IF NOT EXISTS judged(run BLOB, key BLOB, guilty INTEGER NOT NULL, PRIMARY KEY(run, key));
CREATE TABLE IF NOT EXISTS refusal(run BLOB, round INTEGER, attempt INTEGER, member INTEGER, reason TEXT NOT NULL,
  PRIMARY KEY(run, round, attempt));
"""


ROWS_AND_NOISE = "rows-and-noise"
"""What a dataset's secret is for: recognising its rows, and noise that stays the same."""


SEVERAL_DATASETS = """
BEGIN;
ALTER TABLE disclosure RENAME TO disclosure_of_one;
CREATE TABLE disclosure(run BLOB, round INTEGER, dataset INTEGER NOT NULL, version INTEGER NOT NULL,
  members BLOB NOT NULL, plan BLOB NOT NULL, schema BLOB NOT NULL, body TEXT NOT NULL, PRIMARY KEY(run, round, dataset));
INSERT INTO disclosure SELECT run, round, dataset, version, members, plan, schema, body
  FROM disclosure_of_one ORDER BY rowid;
DROP TABLE disclosure_of_one;
COMMIT;
"""
"""Makes room for a line per dataset in a journal that was begun when a site brought one: what it says is kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A dataset as it is brought to a run."""

    dataset_id: int
    """The dataset."""
    version: int
    """Its version at enrolment."""
    consent_id: bytes
    """The consent that it is brought under, 32 bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pin:
    """What the operator confirmed of a run; nothing that the ledger shows later replaces it."""

    roster: bytes
    """Digest of run id, members and node keys, 32 bytes."""
    problem: bytes
    """The problem that the run works on, 32 bytes."""
    dataset_id: int
    """What this site brings, or brings first."""
    version: int
    """Its version at enrolment."""
    consent_id: bytes
    """The consent that it is brought under, 32 bytes."""
    may_overlap: bool = False
    """The operator accepts a set that nearly equals one released before on the same problem."""
    further: tuple[Held, ...] = ()
    """What this site brings beside it."""

    @property
    def parts(self) -> tuple[Held, ...]:
        """All that this site brings."""
        return (Held(self.dataset_id, self.version, self.consent_id), *self.further)


@dataclasses.dataclass(frozen=True, slots=True)
class Released:
    """A participant set that this node committed to: its sum may be known to the run's readers."""

    run_id: ids.RunId
    members: tuple[int, ...]
    """Ascending."""


@dataclasses.dataclass(frozen=True, slots=True)
class Disclosure:
    """What a dataset gave to one round: written before anything of it is sent."""

    run_id: ids.RunId
    round_index: int
    dataset_id: int
    version: int
    """Of the dataset."""
    members: tuple[int, ...]
    """The roster, ascending: the sites whose sum it goes into, unless one is absent (``released`` has the sets)."""
    plan: bytes
    """Digest of the plan, 32 bytes."""
    schema: bytes
    """Digest of its columns, 32 bytes."""
    body: str
    """JSON: names of the sums and columns; in round 0 also rows, held-out rows and what identifies the set of rows here."""


@dataclasses.dataclass(frozen=True, slots=True)
class Charge:
    """One release with noise, written before it is sent."""

    run_id: ids.RunId
    round_index: int
    dataset_id: int
    content: bytes
    """Equal for equal numbers, 32 bytes."""
    noise: float
    """Its noise multiplier."""
    steps: int
    """How many sums it is made of."""
    sampling: float
    """Each unit's chance to be in one of them."""
    unit: str
    """Whose part it hides."""
    at: int
    """When, seconds since 1970."""


@dataclasses.dataclass(frozen=True, slots=True)
class StateRecord:
    """A state of the model between rounds."""

    position: int
    """k: what round k starts from."""
    digest: bytes
    """Salted state digest (secure-aggregation section 4, Readers), 32 bytes."""
    data: bytes
    """Canonical state bytes."""
    is_finished: bool
    """The learner wants no further round."""


@dataclasses.dataclass(frozen=True, slots=True)
class SumRecord:
    """What secure aggregation revealed in a round; kept after the masked vectors are erased."""

    sid: bytes
    salt: bytes
    digest: bytes
    data: bytes
    """Words of the ring sum, little-endian; of a divided run those of its cells one after the other, ascending."""


@dataclasses.dataclass(frozen=True, slots=True)
class RevealRecord:
    """What a Reveal will open, fixed before the Commit was signed."""

    input_digest: bytes
    """The inputs whose masks were summed; nothing else is ever opened with it."""
    salt: bytes
    mine: bytes
    document: bytes
    """The Reveal's document, complete."""
    objects: tuple[bytes, ...]
    """SHA-256 names of the sealed column objects, kept as files beside the journal."""


FACTS = """
SELECT (SELECT max(position) FROM state WHERE run = :run),
  (SELECT finished FROM state WHERE run = :run ORDER BY position DESC LIMIT 1),
  EXISTS(SELECT 1 FROM pin WHERE run = :run),
  EXISTS(SELECT 1 FROM stored WHERE run = :run),
  EXISTS(SELECT 1 FROM report WHERE run = :run),
  (SELECT at FROM over WHERE run = :run),
  (SELECT group_concat(round || '/' || attempt, ' ') FROM refusal WHERE run = :run),
  (SELECT group_concat(hex(key), ' ') FROM judged WHERE run = :run)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a node's duties in one run depend on."""

    is_pinned: bool
    """The operator confirmed a roster."""
    state_index: int
    """Position of the newest state."""
    is_finished: bool
    """The newest state is the learner's last."""
    has_stored: bool
    """Blobs of this node are in the store."""
    has_report: bool
    """Its own figures are there."""
    over_since: float | None
    """When it first saw the run over, by its own clock in seconds since 1970."""
    refused: frozenset[tuple[int, int]]
    """(round, attempt) of attempts that failed its checks."""
    judged: frozenset[bytes]
    """Keys of the cases that it has looked into."""


class Journal:
    """One node's journal; open it once per process."""

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            # States and sums are megabytes: with pages of 4 kB writing them takes twice as long. An old file keeps its own.
            self._db.execute("PRAGMA page_size=16384")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            if self._is_of_one():
                self._db.executescript(SEVERAL_DATASETS)
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as err:
            raise errors.InputError(
                "the node's journal cannot be opened", which=str(path), next_step="restore the home from a backup"
            ) from err

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _is_of_one(self) -> bool:
        """Return whether the file has room for the disclosure of one dataset per round only."""
        query = "SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info('disclosure') WHERE pk ORDER BY pk)"
        return bool(self._db.execute(query).fetchone()[0] == "run round")

    def _write(self, statement: str, values: tuple[object, ...] | dict[str, object]) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.OperationalError as err:
            if "full" in str(err):
                raise errors.StorageFull("no room left for the node's journal", which=str(self._path)) from err
            raise

    def _check_same(self, query: str, key: tuple[object, ...], value: bytes) -> None:
        row = self._db.execute(query, key).fetchone()
        if row is not None and row[0] != value:
            raise errors.JournalConflict("the journal holds another record", which=str(self._path))

    def pin(self, run_id: ids.RunId, pin: Pin) -> None:
        """Record what the operator confirmed; something else for the same run is refused.

        Raises:
            errors.JournalConflict: another roster, dataset or consent was confirmed before.
        """
        known = self.pinned(run_id)
        if known is not None and dataclasses.replace(known, may_overlap=pin.may_overlap) != pin:
            raise errors.JournalConflict(
                "another roster or dataset was confirmed for this run", which=ids.format_id(run_id)
            )
        for each in pin.further:  # before the pin itself, which is what says that something was confirmed
            self._write("INSERT OR IGNORE INTO brought VALUES(?, ?, ?, ?)", (run_id, *dataclasses.astuple(each)))
        values = (run_id, pin.roster, pin.problem, pin.dataset_id, pin.version, pin.consent_id, pin.may_overlap)
        self._write("INSERT OR REPLACE INTO pin VALUES(?, ?, ?, ?, ?, ?, ?)", values)

    def pinned(self, run_id: ids.RunId) -> Pin | None:
        """Return what the operator confirmed."""
        query = "SELECT roster, problem, dataset, version, consent, overlap FROM pin WHERE run = ?"
        row = self._db.execute(query, (run_id,)).fetchone()
        if row is None:
            return None
        roster, problem, dataset_id, version, consent_id, overlap = row
        query = "SELECT dataset, version, consent FROM brought WHERE run = ? ORDER BY rowid"
        further = tuple(Held(*each) for each in self._db.execute(query, (run_id,)))
        return Pin(roster, problem, dataset_id, version, consent_id, may_overlap=bool(overlap), further=further)

    def keep_released(self, run_id: ids.RunId, members: Sequence[int]) -> None:
        """Record, before the first Commit to it is signed, that the sum over ``members`` may be released."""
        self._write("INSERT OR IGNORE INTO released VALUES(?, ?)", (run_id, _join_members(members)))

    def released(self, problem: bytes, *datasets: int) -> list[Released]:
        """Return all participant sets that this node ever committed to on ``problem``, or with one of ``datasets`` on any."""
        query = """
            SELECT run, members FROM released JOIN pin USING(run)
            WHERE problem = :problem OR dataset IN (SELECT value FROM json_each(:datasets))
              OR run IN (SELECT run FROM brought WHERE dataset IN (SELECT value FROM json_each(:datasets)))"""
        rows = self._db.execute(query, {"problem": problem, "datasets": json.dumps(datasets)})
        return [Released(ids.RunId(run), _split_members(listed)) for run, listed in rows]

    def keep_disclosure(self, made: Disclosure) -> None:
        """Record what a dataset is about to give; the newest attempt of a round counts."""
        members = _join_members(made.members)
        place = (made.run_id, made.round_index, made.dataset_id, made.version)
        values = (*place, members, made.plan, made.schema, made.body)
        self._write("INSERT OR REPLACE INTO disclosure VALUES(?, ?, ?, ?, ?, ?, ?, ?)", values)

    def disclosures(self, dataset_id: int) -> list[Disclosure]:
        """Return everything that a dataset gave, in the order in which it did."""
        query = "SELECT run, round, dataset, version, members, plan, schema, body FROM disclosure WHERE dataset = ?"
        found = []
        for run, index, dataset, version, members, plan, schema, body in self._db.execute(
            query + " ORDER BY rowid", (dataset_id,)
        ):
            listed = _split_members(members)
            found.append(Disclosure(ids.RunId(run), index, dataset, version, listed, plan, schema, body))
        return found

    def keep_charge(self, made: Charge) -> None:
        """Record what a dataset is about to release; the same numbers again cost nothing."""
        key = (made.run_id, made.round_index, made.dataset_id, made.content)
        values = (*key, made.noise, made.steps, made.sampling, made.unit, made.at)
        self._write("INSERT OR IGNORE INTO charge VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def charges(self, dataset_id: int, since: int = 0) -> list[Charge]:
        """Return what a dataset has released with noise since then, oldest first."""
        query = "SELECT run, round, dataset, content, noise, steps, sampling, unit, at FROM charge WHERE dataset = ? AND at >= ?"
        ordered = self._db.execute(query + " ORDER BY at, rowid", (dataset_id, since))
        return [Charge(ids.RunId(run), *rest) for run, *rest in ordered]

    def dataset_secret(self, dataset_id: int, draw: ports.Randomness) -> bytes:
        """Return the dataset's own 32 secret bytes, drawn when they are first asked for and the same for ever after."""
        query = "SELECT seed FROM secret WHERE dataset = ? AND kind = ?"
        row = self._db.execute(query, (dataset_id, ROWS_AND_NOISE)).fetchone()
        if row is not None:
            return bytes(row[0])
        seed = draw(32)
        self._write("INSERT INTO secret VALUES(?, ?, ?)", (dataset_id, ROWS_AND_NOISE, seed))
        return seed

    def keep_state(self, run_id: ids.RunId, state: StateRecord) -> None:
        """Record a state; the same one again is no error.

        Raises:
            errors.JournalConflict: another one was recorded at this position.
        """
        query = "SELECT digest FROM state WHERE run = ? AND position = ?"
        self._check_same(query, (run_id, state.position), state.digest)
        values = (run_id, state.position, state.digest, state.data, int(state.is_finished))
        self._write("INSERT OR REPLACE INTO state VALUES(?, ?, ?, ?, ?)", values)

    def state(self, run_id: ids.RunId, position: int | None = None) -> StateRecord | None:
        """Return the state at ``position``, or the newest one."""
        query = "SELECT position, digest, data, finished FROM state WHERE run = ?"
        if position is None:
            row = self._db.execute(query + " ORDER BY position DESC LIMIT 1", (run_id,)).fetchone()
        else:
            row = self._db.execute(query + " AND position = ?", (run_id, position)).fetchone()
        return StateRecord(row[0], row[1], row[2], bool(row[3])) if row else None

    def state_digest(self, run_id: ids.RunId, position: int) -> bytes | None:
        """Return the digest of the state at ``position``, without its bytes."""
        row = self._db.execute("SELECT digest FROM state WHERE run = ? AND position = ?", (run_id, position)).fetchone()
        return row[0] if row else None

    def state_index(self, run_id: ids.RunId) -> tuple[int, bool] | None:
        """Return position and finished flag of the newest state, without its bytes."""
        query = "SELECT position, finished FROM state WHERE run = ? ORDER BY position DESC LIMIT 1"
        row = self._db.execute(query, (run_id,)).fetchone()
        return (row[0], bool(row[1])) if row else None

    def facts(self, run_id: ids.RunId) -> Facts:
        """Return what duties depend on, in one look."""
        row = self._db.execute(FACTS, {"run": run_id}).fetchone()
        newest, is_finished, is_pinned, has_stored, has_report, over_since, refused, judged = row
        places = [] if refused is None else [place.split("/") for place in refused.split(" ")]
        return Facts(
            is_pinned=bool(is_pinned),
            state_index=newest or 0,
            is_finished=bool(is_finished),
            has_stored=bool(has_stored),
            has_report=bool(has_report),
            over_since=over_since,
            refused=frozenset((int(round_index), int(attempt)) for round_index, attempt in places),
            judged=frozenset(bytes.fromhex(key) for key in (judged or "").split()),
        )

    def keep_sum(self, run_id: ids.RunId, round_index: int, record: SumRecord) -> None:
        """Record a round's revealed sum; the same one again is no error.

        Raises:
            errors.JournalConflict: another one was recorded for this round.
        """
        self._check_same("SELECT digest FROM sum WHERE run = ? AND round = ?", (run_id, round_index), record.digest)
        values = (run_id, round_index, record.sid, record.salt, record.digest, record.data)
        self._write("INSERT OR REPLACE INTO sum VALUES(?, ?, ?, ?, ?, ?)", values)

    def sum(self, run_id: ids.RunId, round_index: int) -> SumRecord | None:
        """Return a round's revealed sum."""
        query = "SELECT sid, salt, digest, data FROM sum WHERE run = ? AND round = ?"
        row = self._db.execute(query, (run_id, round_index)).fetchone()
        return SumRecord(*row) if row else None

    def keep_local(self, run_id: ids.RunId, position: int, data: bytes) -> None:
        """Record the learner's local state that goes with state ``position``; it never leaves this node."""
        self._write("INSERT OR REPLACE INTO local VALUES(?, ?, ?)", (run_id, position, data))

    def local(self, run_id: ids.RunId, position: int) -> bytes | None:
        """Return the learner's local state that goes with state ``position``."""
        query = "SELECT data FROM local WHERE run = ? AND position <= ? ORDER BY position DESC LIMIT 1"
        row = self._db.execute(query, (run_id, position)).fetchone()
        return row[0] if row else None

    def keep_built(
        self, run_id: ids.RunId, sid: bytes, header: bytes, masked: bytes, *, datasets: Sequence[int] = ()
    ) -> None:
        """Record the digests of the one submission ever built for ``sid``, and what is in it; a second one is refused."""
        known = self.built(sid)
        if known is not None and known != (header, masked):
            raise errors.JournalConflict("a submission was built for this session before", which=sid.hex()[:16])
        for each in datasets:
            self._write("INSERT OR IGNORE INTO built_of VALUES(?, ?)", (sid, each))
        self._write("INSERT OR IGNORE INTO built VALUES(?, ?, ?, ?)", (sid, run_id, header, masked))

    def built_of(self, sid: bytes) -> frozenset[int]:
        """Return the datasets whose rows are in the submission built for ``sid``."""
        return frozenset(row[0] for row in self._db.execute("SELECT dataset FROM built_of WHERE sid = ?", (sid,)))

    def built(self, sid: bytes) -> tuple[bytes, bytes] | None:
        """Return header and masked-vector digests of the submission built for ``sid``."""
        row = self._db.execute("SELECT header, masked FROM built WHERE sid = ?", (sid,)).fetchone()
        return (row[0], row[1]) if row else None

    def keep_reveal(self, run_id: ids.RunId, sid: bytes, record: RevealRecord) -> None:
        """Record what the Reveal for ``sid`` will open, before the Commit is signed; once.

        Raises:
            errors.JournalConflict: something else was recorded before.
        """
        self._check_same("SELECT document FROM reveal WHERE sid = ?", (sid,), record.document)
        values = (sid, run_id, record.input_digest, record.salt, record.mine, record.document, b"".join(record.objects))
        self._write("INSERT OR IGNORE INTO reveal VALUES(?, ?, ?, ?, ?, ?, ?)", values)

    def reveal(self, sid: bytes) -> RevealRecord | None:
        """Return what the Reveal for ``sid`` opens."""
        query = "SELECT inputs, salt, mine, document, objects FROM reveal WHERE sid = ?"
        row = self._db.execute(query, (sid,)).fetchone()
        if row is None:
            return None
        input_digest, salt, mine, document, objects = row
        names = tuple(objects[at : at + 32] for at in range(0, len(objects), 32))
        return RevealRecord(input_digest, salt, mine, document, names)

    def revealed(self, run_id: ids.RunId) -> list[bytes]:
        """Return the names of all sealed columns made in a run, those of stopped attempts included."""
        rows = self._db.execute("SELECT objects FROM reveal WHERE run = ?", (run_id,))
        return [objects[at : at + 32] for (objects,) in rows for at in range(0, len(objects), 32)]

    def keep_stored(self, run_id: ids.RunId, digests: Sequence[bytes]) -> None:
        """Record that this node leaves ``digests`` in the store; called before they are sent."""
        listed = b"".join(digests)
        statement = """
            WITH RECURSIVE each(at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM each WHERE at + 1 < :count)
            INSERT OR IGNORE INTO stored SELECT :run, substr(:listed, 32 * at + 1, 32) FROM each WHERE at < :count"""
        self._write(statement, {"run": run_id, "listed": listed, "count": len(digests)})

    def keep_sent(self, run_id: ids.RunId, count: int) -> None:
        """Count bytes that were sent to the store."""
        statement = "INSERT INTO sent VALUES(?, ?) ON CONFLICT(run) DO UPDATE SET bytes = bytes + excluded.bytes"
        self._write(statement, (run_id, count))

    def bytes_sent(self, run_id: ids.RunId) -> int:
        """Return how many bytes of blobs this node sent to the store in a run."""
        row = self._db.execute("SELECT bytes FROM sent WHERE run = ?", (run_id,)).fetchone()
        return int(row[0]) if row is not None else 0

    def stored(self, run_id: ids.RunId) -> list[bytes]:
        """Return what this node left in the store for a run."""
        return [row[0] for row in self._db.execute("SELECT digest FROM stored WHERE run = ?", (run_id,))]

    def has_stored(self, run_id: ids.RunId) -> bool:
        """Return whether this node left anything in the store for a run."""
        return self._db.execute("SELECT 1 FROM stored WHERE run = ? LIMIT 1", (run_id,)).fetchone() is not None

    def forget_stored(self, run_id: ids.RunId, digest: bytes) -> None:
        """Record that ``digest`` was erased from the store."""
        self._write("DELETE FROM stored WHERE run = ? AND digest = ?", (run_id, digest))

    def keep_over(self, run_id: ids.RunId, since: float | None) -> None:
        """Record when this node first saw the run over (seconds since 1970), or that it goes on after all."""
        if since is None:
            self._write("DELETE FROM over WHERE run = ?", (run_id,))
        else:
            self._write("INSERT OR IGNORE INTO over VALUES(?, ?)", (run_id, since))

    def keep_report(self, run_id: ids.RunId, data: bytes) -> None:
        """Record this site's own figures of a run (JSON text)."""
        self._write("INSERT OR REPLACE INTO report VALUES(?, ?)", (run_id, data))

    def report(self, run_id: ids.RunId) -> bytes | None:
        """Return this site's own figures of a run."""
        row = self._db.execute("SELECT data FROM report WHERE run = ?", (run_id,)).fetchone()
        return row[0] if row else None

    def keep_refusal(self, run_id: ids.RunId, place: tuple[int, int], member: int, reason: str) -> None:
        """Record that an attempt failed this node's checks, and why."""
        self._write("INSERT OR IGNORE INTO refusal VALUES(?, ?, ?, ?, ?)", (run_id, *place, member, reason))

    def refusals(self, run_id: ids.RunId) -> dict[tuple[int, int], tuple[int, str]]:
        """Return (round, attempt) -> (accused member, reason)."""
        query = "SELECT round, attempt, member, reason FROM refusal WHERE run = ?"
        return {(row[0], row[1]): (row[2], row[3]) for row in self._db.execute(query, (run_id,))}

    def keep_judged(self, run_id: ids.RunId, key: bytes, guilty: int) -> None:
        """Record who cheated in a case, by this node's own computation; 0 where nobody did. The first word stays."""
        self._write("INSERT OR IGNORE INTO judged VALUES(?, ?, ?)", (run_id, key, guilty))

    def judged(self, run_id: ids.RunId) -> dict[bytes, int]:
        """Return case key -> who cheated in it, 0 where nobody did."""
        query = "SELECT key, guilty FROM judged WHERE run = ?"
        return {row[0]: row[1] for row in self._db.execute(query, (run_id,))}

    def keep_denial(self, run_id: ids.RunId, said: str | None) -> bool:
        """Record why this site's dataset may not be used in a run now, or that it may; return whether that is news."""
        if self.denial(run_id) == said:
            return False
        if said is None:
            self._write("DELETE FROM denial WHERE run = ?", (run_id,))
        else:
            self._write("INSERT OR REPLACE INTO denial VALUES(?, ?)", (run_id, said))
        return True

    def denial(self, run_id: ids.RunId) -> str | None:
        """Return why this site's dataset may not be used in a run now, ``None`` where nothing stood against it."""
        row = self._db.execute("SELECT said FROM denial WHERE run = ?", (run_id,)).fetchone()
        return row[0] if row else None

    def keep_declined(self, run_id: ids.RunId, round_index: int, reason: str) -> None:
        """Record in words why this node did not give its numbers to a round; the same reason counts once."""
        self._write("INSERT OR IGNORE INTO declined VALUES(?, ?, ?)", (run_id, round_index, reason))

    def declined(self, run_id: ids.RunId) -> list[tuple[int, str]]:
        """Return (round, reason) of everything that this node did not give in a run, in the order of the rounds."""
        query = "SELECT round, reason FROM declined WHERE run = ? ORDER BY round, rowid"
        return [(index, reason) for index, reason in self._db.execute(query, (run_id,))]


def _join_members(members: Sequence[int]) -> bytes:
    return b"".join(member.to_bytes(32, "big") for member in sorted(members))


def _split_members(listed: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(listed[at : at + 32], "big") for at in range(0, len(listed), 32))
