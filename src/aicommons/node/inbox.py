"""The owner's inbox in ``<home>/inbox.db``: what was decided, by whom, the standing rules, and the stop flag.

The owner's page and ``commons inbox`` write it, the node reads the stop flag and the quiet hours from it before each step
(``held``). What follows from its contents is decided in ``protocol/inbox``. Every write is durable before the call
returns. PINs of operators are kept as scrypt digests; this guards against a colleague at the same desk, not against
whoever has the home's files and passphrase. Acting on a decision is ``owner/``'s business.
"""

import dataclasses
import hashlib
import hmac
import itertools
import json
import pathlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any

from aicommons.domain import errors
from aicommons.protocol import duties
from aicommons.protocol import inbox as rules

SCHEMA = """
CREATE TABLE IF NOT EXISTS decision(item TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL,
  at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS decision_item ON decision(item);
CREATE TABLE IF NOT EXISTS rule(number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS operator(name TEXT PRIMARY KEY, salt BLOB NOT NULL, digest BLOB NOT NULL,
  failed INTEGER NOT NULL DEFAULT 0, locked_until REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS happened(at REAL NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL, by TEXT NOT NULL,
  reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settled(item TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judged(pair TEXT PRIMARY KEY, at INTEGER NOT NULL, fits INTEGER NOT NULL) WITHOUT ROWID;
"""
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
SHORTEST_PIN, LONGEST_PIN = 6, 64
MOST_TRIES = 5
"""Wrong PINs in a row before an operator's name is locked."""
LOCKED_SECONDS = 300.0
LONGEST_NAME = 60
JUDGED_AT_ONCE = 1000
"""Rows of one statement, far below what SQLite takes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """One line of what was done at this home."""

    at: float
    """Seconds since 1970."""
    what: str
    """A ``Verdict``'s value, or that of an ``owner/noting.Act``, such as ``stop`` and ``suspend dataset``."""
    about: str
    """Id of what it was done to, as text; empty for the whole home."""
    by: str
    """Who: an operator's name, ``rule N``, or empty."""
    reason: str
    """Their words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A dataset and a problem that were held against each other once."""

    at: int
    """When, in seconds since 1970."""
    is_fitting: bool
    """Whether nothing spoke against it then."""


class Inbox:
    """One home's inbox; open it once per thread."""

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.DatabaseError) as err:
            raise errors.InputError(
                "the inbox cannot be opened", which=str(path), next_step="restore the home from a backup"
            ) from err

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.OperationalError as err:
            if "full" in str(err):
                raise errors.StorageFull("no room left for the inbox", which=str(self._path)) from err
            raise

    def decide(self, item: str, decision: rules.Decision) -> None:
        """Record what somebody said to an item, and in the log of the home."""
        check_reason(decision)
        values = (item, decision.verdict.value, decision.reason, decision.by, decision.at)
        self._write("INSERT INTO decision VALUES(?, ?, ?, ?, ?)", values)
        self.note(Happened(decision.at, decision.verdict.value, item, decision.by, decision.reason))

    def said(self, item: str) -> list[rules.Decision]:
        """Return what was said to an item, oldest first."""
        query = "SELECT verdict, reason, by, at FROM decision WHERE item = ? ORDER BY rowid"
        rows = self._db.execute(query, (item,))
        return [rules.Decision(rules.Verdict(verdict), *rest) for verdict, *rest in rows]

    def settle(self, item: str) -> None:
        """Keep that an item was answered for good: who approved it may go, and it still was approved."""
        self._write("INSERT OR IGNORE INTO settled VALUES(?)", (item,))

    def settled(self) -> frozenset[str]:
        """Return the items that were answered for good."""
        return frozenset(row[0] for row in self._db.execute("SELECT item FROM settled"))

    def denied(self) -> list[str]:
        """Return the items that somebody denied."""
        query = "SELECT DISTINCT item FROM decision WHERE verdict = ?"
        return [row[0] for row in self._db.execute(query, (rules.Verdict.DENY.value,))]

    def judged(self) -> dict[str, Judged]:
        """Return pair of problem and dataset -> how it was judged."""
        rows = self._db.execute("SELECT pair, at, fits FROM judged")
        return {pair: Judged(at, bool(fits)) for pair, at, fits in rows}

    def keep_judged(self, found: Mapping[str, Judged]) -> None:
        """Keep judgements; one that is there already stays as it is."""
        rows = [(pair, each.at, int(each.is_fitting)) for pair, each in found.items()]
        for begin in range(0, len(rows), JUDGED_AT_ONCE):  # every statement waits for the disk once
            some = rows[begin : begin + JUDGED_AT_ONCE]
            marks = ", ".join(["(?, ?, ?)"] * len(some))
            self._write(f"INSERT OR IGNORE INTO judged VALUES {marks}", tuple(itertools.chain(*some)))  # noqa: S608

    def standing_rules(self) -> dict[int, rules.Rule]:
        """Return number -> standing rule."""
        rows = self._db.execute("SELECT number, body FROM rule ORDER BY number")
        return {number: _read_rule(json.loads(body)) for number, body in rows}

    def add_rule(self, rule: rules.Rule) -> int:
        """Keep a standing rule and return its number, which is never used again; raises ``errors.InputError``."""
        rule.check()
        body = dataclasses.asdict(rule) | {
            "verdict": rule.verdict.value,
            "plan": None if rule.plan is None else rule.plan.hex(),
        }
        cursor = self._write("INSERT INTO rule(body) VALUES(?)", (json.dumps(body, sort_keys=True),))
        return int(cursor.lastrowid or 0)

    def remove_rule(self, number: int) -> None:
        """Forget a standing rule; raises ``errors.InputError`` when there is none of this number."""
        if self._write("DELETE FROM rule WHERE number = ?", (number,)).rowcount == 0:
            raise errors.InputError("no such rule", which=f"rule {number}", next_step="see `commons inbox rules list`")

    def house(self) -> rules.House:
        """Return how this home decides."""
        settings = dict(self._db.execute("SELECT name, value FROM setting"))
        begin, end = settings.get("quiet_begin"), settings.get("quiet_end")
        quiet = None if begin is None or end is None else rules.QuietHours(int(begin), int(end))
        names = tuple(row[0] for row in self._db.execute("SELECT name FROM operator ORDER BY name"))
        return rules.House(settings.get("stopped") == "yes", quiet, names)

    def set_quiet(self, quiet: rules.QuietHours | None) -> None:
        """Set or end the quiet hours; raises ``errors.InputError`` when they are none."""
        if quiet is None:
            self._write("DELETE FROM setting WHERE name IN ('quiet_begin', 'quiet_end')", ())
            return
        quiet.check()
        values = ("quiet_begin", str(quiet.begin), "quiet_end", str(quiet.end))
        self._write("INSERT OR REPLACE INTO setting VALUES(?, ?), (?, ?)", values)

    def stop(self, *, stopped: bool) -> None:
        """Set or release the stop flag."""
        self._write("INSERT OR REPLACE INTO setting VALUES('stopped', ?)", ("yes" if stopped else "no",))

    def add_operator(self, name: str, pin: str, salt: bytes) -> None:
        """Name somebody who may approve, with a PIN of their own.

        Args:
            name: how the log calls them.
            pin: at least 6 characters; only its scrypt digest is kept.
            salt: 16 random bytes.

        Raises:
            errors.InputError: a name or PIN of the wrong length, or the name is taken.
        """
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or rules.is_rule(name):
            raise errors.InputError(
                "not a name", which="operator", expected=f"1 to {LONGEST_NAME} printable characters"
            )
        if not SHORTEST_PIN <= len(pin) <= LONGEST_PIN:
            raise errors.InputError(
                "the PIN has the wrong length", which="PIN", expected=f"{SHORTEST_PIN} to {LONGEST_PIN} characters"
            )
        if name in self.house().operators:
            raise errors.InputError(
                "this operator is named already", which=name, next_step="see `commons inbox operators`"
            )
        statement = "INSERT INTO operator(name, salt, digest) VALUES(?, ?, ?)"
        self._write(statement, (name, salt, _derive(pin, salt)))

    def remove_operator(self, name: str) -> None:
        """Forget somebody who might approve; raises ``errors.InputError`` when nobody is called so."""
        if self._write("DELETE FROM operator WHERE name = ?", (name,)).rowcount == 0:
            raise errors.InputError(
                "no such operator", which=name[:LONGEST_NAME], next_step="see `commons inbox operators`"
            )

    def check_operator(self, name: str, pin: str, now: float) -> None:
        """Check an operator's PIN; five wrong ones in a row lock the name for five minutes, however many come at once.

        Raises:
            errors.InputError: no such operator, a wrong PIN, or too many wrong ones.
        """
        kept = self._count_try(name, now)
        salt, digest = kept if kept is not None else (bytes(16), bytes(32))
        if not hmac.compare_digest(_derive(pin, salt), digest) or kept is None:
            raise errors.InputError(
                "operator and PIN do not belong together",
                which=name[:LONGEST_NAME] or "nobody",
                next_step=f"say your name (`--by`) and type its PIN again; after {MOST_TRIES} wrong ones the name is locked",
            )
        self._write("UPDATE operator SET failed = 0, locked_until = 0 WHERE name = ?", (name,))

    def _count_try(self, name: str, now: float) -> tuple[bytes, bytes] | None:
        """Count a try as a wrong one, before it is looked at; return salt and digest of the operator's PIN, if there is such.

        Deriving takes its time: if tries were counted afterwards, many at once would all be looked at before the name is locked.

        Raises:
            errors.InputError: too many wrong ones.
        """
        self._write("BEGIN IMMEDIATE", ())
        with self._db:  # ends the transaction, whatever happens
            query = "SELECT salt, digest, failed, locked_until FROM operator WHERE name = ?"
            row = self._db.execute(query, (name,)).fetchone()
            if row is None:
                return None
            salt, digest, failed, locked_until = row
            if now < locked_until:
                raise errors.InputError(
                    "too many wrong PINs", which=name, next_step=f"wait {int(locked_until - now) + 1} seconds"
                )
            tries, until = (0, now + LOCKED_SECONDS) if failed + 1 >= MOST_TRIES else (failed + 1, 0.0)
            self._write("UPDATE operator SET failed = ?, locked_until = ? WHERE name = ?", (tries, until, name))
            return salt, digest

    def note(self, line: Happened) -> None:
        """Add a line to the log of this home."""
        self._write("INSERT INTO happened VALUES(?, ?, ?, ?, ?)", dataclasses.astuple(line))

    def happened(self, most: int = 1000) -> list[Happened]:
        """Return the newest lines of the log, newest first."""
        query = "SELECT at, what, about, by, reason FROM happened ORDER BY rowid DESC LIMIT ?"
        return [Happened(*row) for row in self._db.execute(query, (most,))]


def held(kept: Inbox) -> Callable[[float], frozenset[duties.DutyKind]]:
    """Return what tells the node, at a time in seconds since 1970, which duties its owner holds back."""
    return lambda now: rules.held(kept.house(), minute_of_day(now))


def minute_of_day(now: float) -> int:
    """Return the minute of the day by this machine's own time zone: an owner's night is where the owner is."""
    local = time.localtime(now)
    return local.tm_hour * 60 + local.tm_min


def check_reason(decision: rules.Decision) -> None:
    """Check that a denial or question says something, and that it is not endless.

    Raises:
        errors.InputError: it is empty or too long.
    """
    least = 0 if decision.verdict in (rules.Verdict.APPROVE, rules.Verdict.DISMISS) else 1
    if not least <= len(decision.reason.strip()) <= rules.LONGEST_REASON:
        raise errors.InputError(
            "a denial needs a reason and a question its words",
            which=decision.verdict.value,
            expected=f"1 to {rules.LONGEST_REASON} characters",
            next_step="whoever asked reads them, and can do better the next time",
        )


def _derive(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32)


def _read_rule(body: Mapping[str, Any]) -> rules.Rule:
    """Return the rule that ``add_rule`` wrote."""
    plan = body["plan"]
    fields = dict(body) | {"verdict": rules.Verdict(body["verdict"]), "plan": plan and bytes.fromhex(plan)}
    return rules.Rule(**fields)
