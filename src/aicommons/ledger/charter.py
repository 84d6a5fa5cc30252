"""How a commons is to start, as its founders wrote it down: ``commons.toml`` to a ``Founding``, or an error that names the value.

Read by ``commons ledger deploy`` and ``commons ledger start``. Whatever is left out has the default that the records of
``deployments`` say; a word that means nothing is refused, because it is a misspelt one. Left out: creating anything.
"""

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aicommons.domain import encoding, errors, ids, model_events, money_events, vocabulary, vote_events
from aicommons.ledger import deployments
from aicommons.ledger.bindings import membership

Record = TypeVar("Record")

MAX_FILE = 2**20
"""Largest file, in bytes."""
MAX_REGISTRARS = 64
"""More than can agree on anything; the constructor's loop stays cheap."""
MAX_FOUNDERS = 32
"""Each costs some 312,000 gas in the one transaction that creates Membership, which may have 2^24, and all registrars fit too;
more members are admitted afterwards."""
SECONDS = 2**32 - 1
KINDS = {kind.name.lower(): kind for kind in membership.Kind}
NEXT_STEP = "correct this value and run the command again; nothing was created"
NAME_THEM = (
    'write `registrars = ["0x…", "0x…"]` and a `threshold` into the file: the wallets that decide who becomes a member, and '
    "how many of them have to agree (`commons key show` prints a wallet's address); nothing was created"
)

LIMITS: Mapping[str, tuple[int, int]] = {
    "votes.delay": (0, vote_events.LONGEST_WAIT),
    "votes.period": (1, vote_events.LONGEST_WAIT),
    "votes.percent": (0, 100),
    "votes.minimum": (1, vote_events.MOST_MINIMUM),
    "votes.timelock": (0, vote_events.LONGEST_WAIT),
    "problems.review": (0, money_events.LONGEST_RULE),
    "problems.challenge": (1, money_events.LONGEST_RULE),
    "audits.audits": (1, model_events.MOST_AUDITS),
    "audits.delay": (0, SECONDS),
}
"""Table and name -> least and most; no more than the contracts take, for votes less: what nobody could mend is refused."""
KNOWN = ("registrars", "threshold", "banned", "votes", "problems", "audits", "founders")


def read(text: bytes, registrar: ids.Address | None = None) -> deployments.Founding:
    """Return what a ``commons.toml`` says.

    Args:
        text: the file.
        registrar: who admits members where the file names nobody; ``None`` where it has to name them.

    Raises:
        errors.InputError: not such a file, an unknown word, a value that no contract takes or that nobody could mend, or
            nobody admits members; ``which`` names it.
    """
    body = _table(text)
    _check_names(body, KNOWN, "")
    registrars = _registrars(body, registrar)
    return deployments.Founding(
        registrars=registrars,
        threshold=_number(body.get("threshold", 1), "threshold", (1, len(registrars))),
        purposes=[each.code for each in vocabulary.PURPOSES],
        banned=_banned(body),
        votes=_rules(deployments.VoteRules, body, "votes"),
        founders=_founders(body),
        problems=_rules(deployments.ProblemRules, body, "problems"),
        audits=_rules(deployments.AuditRules, body, "audits"),
    )


def warnings(founding: deployments.Founding) -> list[str]:
    """Return what founders should know before they found a commons like this, in sentences."""
    minimum, there = founding.votes.minimum, len(founding.founders)
    if minimum <= there:
        return []
    said = (
        f"votes.minimum is {minimum}, for ever, and the file names {there} founders: until {minimum} members are there "
        "nothing can be decided by vote, and the registrars alone decide who they are."
    )
    return [said]


def digest(founding: deployments.Founding) -> bytes:
    """Return what tells one beginning from another: SHA-256 over all that it says."""
    return ids.digest(encoding.canonical_json(_plain(dataclasses.asdict(founding))))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return hex(value) if isinstance(value, int) else value  # JSON's numbers end at 2^53, a bitmap does not


def _table(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_FILE:
        raise errors.InputError("the file is too long", expected=f"at most {MAX_FILE} bytes", got=len(text))
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as err:
        raise errors.InputError("the file is not TOML", got=str(err)[:120], next_step=NEXT_STEP) from err


def _wrong(which: str, expected: str, got: object) -> errors.InputError:
    return errors.InputError(
        "a commons cannot start with this", which=which, expected=expected, got=got, next_step=NEXT_STEP
    )


def _check_names(body: Mapping[str, Any], known: tuple[str, ...], table: str) -> None:
    for name in body:
        if name not in known:
            raise _wrong(f"{table}{name}"[:80], f"one of {', '.join(known)}", "a word that means nothing here")


def _list(body: Mapping[str, Any], name: str, default: list[Any], most: int) -> list[Any]:
    found = body.get(name, default)
    if not isinstance(found, list) or len(found) > most:
        raise _wrong(name, f"a list of at most {most}", len(found) if isinstance(found, list) else repr(found)[:40])
    return found


def _number(value: object, which: str, limits: tuple[int, int]) -> int:
    if type(value) is not int or not limits[0] <= value <= limits[1]:
        raise _wrong(which, f"a whole number from {limits[0]} to {limits[1]}", repr(value)[:40])
    return value


def _registrars(body: Mapping[str, Any], registrar: ids.Address | None) -> list[ids.Address]:
    if "registrars" not in body and registrar is None:
        raise errors.InputError("nobody would admit members", which="registrars", next_step=NAME_THEM)
    usual = [] if registrar is None else [ids.format_id(registrar)]
    named = _distinct(_list(body, "registrars", usual, MAX_REGISTRARS), _address, "registrars")
    if not named:
        raise _wrong("registrars", "at least one", "none")
    return named


def _rules(kind: type[Record], body: Mapping[str, Any], table: str) -> Record:
    """Return a record of numbers from a table whose names are the record's fields."""
    found = body.get(table, {})
    if not isinstance(found, dict):
        raise _wrong(table, f"a table [{table}]", repr(found)[:40])
    names = tuple(name.removeprefix(f"{table}.") for name in LIMITS if name.startswith(f"{table}."))
    _check_names(found, names, f"{table}.")
    return kind(**{name: _number(value, f"{table}.{name}", LIMITS[f"{table}.{name}"]) for name, value in found.items()})


def _banned(body: Mapping[str, Any]) -> int:
    codes = _list(body, "banned", sorted(vocabulary.BANNED_PURPOSES), vocabulary.MAX_PURPOSES)
    distinct = _distinct(codes, _text, "banned")
    try:
        return vocabulary.bits(distinct, closed=False)
    except errors.InputError as err:
        raise _wrong("banned", "codes of `commons policy purposes`", err.which) from err


def _founders(body: Mapping[str, Any]) -> tuple[deployments.Founder, ...]:
    made = [
        _founder(each, f"founders[{place}]") for place, each in enumerate(_list(body, "founders", [], MAX_FOUNDERS))
    ]
    for name in ("account", "node_key", "credential"):
        _distinct([getattr(each, name) for each in made], lambda value, _: value, f"founders: {name}")
    return tuple(made)


def _founder(found: object, which: str) -> deployments.Founder:
    if not isinstance(found, dict):
        raise _wrong(which, "a table [[founders]]", repr(found)[:40])
    fields = {field.name: field for field in dataclasses.fields(deployments.Founder)}
    _check_names(found, tuple(fields), f"{which}.")
    for name, field in fields.items():
        if name not in found and field.default is dataclasses.MISSING and name != "kind":
            raise _wrong(f"{which}.{name}", "a value", "none")
    kind = _text(found.get("kind", "organisation"), f"{which}.kind")
    if kind not in KINDS:
        raise _wrong(f"{which}.kind", f"one of {', '.join(KINDS)}", repr(kind)[:40])
    return deployments.Founder(
        account=_address(found["account"], f"{which}.account"),
        kind=KINDS[kind],
        node_key=_address(found["node_key"], f"{which}.node_key"),
        reader_point=_word(found["reader_point"], f"{which}.reader_point"),
        credential=_word(found["credential"], f"{which}.credential"),
        profile=_word(found["profile"], f"{which}.profile") if "profile" in found else bytes(32),
    )


def _distinct(values: list[Any], parse: Callable[[Any, str], Record], which: str) -> list[Record]:
    made: list[Record] = []
    for place, value in enumerate(values):
        parsed = parse(value, f"{which}[{place}]")
        if parsed in made:
            raise _wrong(f"{which}[{place}]", "each once", "the same as another")
        made.append(parsed)
    return made


def _text(value: object, which: str) -> str:
    if not isinstance(value, str):
        raise _wrong(which, "a text", repr(value)[:40])
    return value


def _address(value: object, which: str) -> ids.Address:
    try:
        parsed = ids.parse_address(_text(value, which))
    except errors.DecodeError as err:
        raise _wrong(which, "an address: 0x and 40 hexadecimal digits", repr(value)[:60]) from err
    if not any(parsed):
        raise _wrong(which, "an address of somebody", "the zero address")
    return parsed


def _word(value: object, which: str) -> bytes:
    text = _text(value, which)
    try:
        parsed = bytes(ids.parse_digest(text)) if len(text) == 68 else ids.parse_bytes32(text)
    except errors.DecodeError as err:
        raise _wrong(which, "32 bytes: 64 hexadecimal digits", repr(value)[:80]) from err
    if not any(parsed):
        raise _wrong(which, "32 bytes that are not all zero", "zero")
    return parsed
