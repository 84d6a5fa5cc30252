"""Ids and times as people write and read them: short forms, member names, durations. No keys, nothing is sent.

Called by the nouns. A short id is a unique beginning of at least eight hexadecimal digits; names come from members' own
profiles, so they say who somebody claims to be and never replace a fingerprint.
"""

import dataclasses
import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from aicommons.cli import homes, output
from aicommons.domain import errors, ids
from aicommons.owner import published

if TYPE_CHECKING:
    from aicommons.domain import events, schema
    from aicommons.protocol import view as views

DAY = 86400
LEAST_DIGITS = 8
"""Hexadecimal digits of a short id, at least: fewer are too easily confused."""
LISTED_BY = {
    "proposal": "coop list",
    "members' proposal": "vote list",
    "guardianship": "consent lookup DATASET",
    "lock": "vault show",
    "attestation": "attest list",
    "run or problem": "run list",
}
"""Kind of id -> the command that shows it, where it is not ``KIND list``."""
short, fingerprint = ids.short, ids.fingerprint


def resolve(text: str, known: Iterable[bytes], kind: str) -> bytes:
    """Return the one of the ``known`` 32-byte ids that ``text`` names, in full or by a unique beginning.

    Raises:
        errors.InputError: not hexadecimal, too short, unknown, or several begin so.
    """
    digits = text.lower().removeprefix("0x")
    if not LEAST_DIGITS <= len(digits) <= 64 or not set(digits) <= set("0123456789abcdef"):
        raise errors.InputError(
            f"not the id of a {kind}",
            which=text[:70],
            expected=f"0x and {LEAST_DIGITS} to 64 hexadecimal digits",
            next_step=f"see `commons {LISTED_BY.get(kind, f'{kind} list')}`",
        )
    found = [one for one in known if one.hex().startswith(digits)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise errors.InputError(
            f"no such {kind}", which=text, next_step=f"see `commons {LISTED_BY.get(kind, f'{kind} list')}`"
        )
    raise errors.InputError(
        f"several {kind}s begin so", which=text, got=f"{len(found)} {kind}s", next_step="give more digits of the id"
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """The run that a command is about, as the ledger shows it now."""

    view: "views.LedgerView"
    run_id: ids.RunId
    run: "views.RunView"


@dataclasses.dataclass(frozen=True, slots=True)
class ChosenModel(Chosen):
    """The run whose model a command is about."""

    model: "events.ModelRegistered"


def item(kind: str, run_id: ids.RunId) -> str:
    """Return how a run's item in the inbox is called, short."""
    return f"{kind}:{run_id.hex()[:12]}"


def choose_run(opened: homes.Opened, text: str) -> Chosen:
    """Return the run that ``text`` names; raises like ``resolve``."""
    view = opened.desk.view()
    run_id = ids.RunId(resolve(text, view.runs, "run"))
    output.call().run = short(run_id)
    return Chosen(view, run_id, view.runs[run_id])


def choose_model(opened: homes.Opened, text: str) -> ChosenModel:
    """Return the run whose model a command is about; raises like ``resolve``, and ``no_model`` when it has none."""
    chosen = choose_run(opened, text)
    if chosen.run.model is None:
        raise no_model(chosen.run_id, chosen.run)
    return ChosenModel(chosen.view, chosen.run_id, chosen.run, chosen.run.model)


def no_model(run_id: ids.RunId, current: "views.RunView") -> errors.InputError:
    """Return the refusal for a run that agreed on no state, or whose state nobody wrote down as a model."""
    return errors.InputError(
        "this run has no model",
        which=short(run_id),
        expected="a run whose state was agreed and written down",
        got=f"a run that is {current.state.name.lower()}",
        next_step=f"see `commons run show {short(run_id)}`",
    )


def parse_digest(text: str) -> ids.Digest:
    """Read a document's digest: a multihash (``1220…``) or ``0x`` and 64 hexadecimal digits.

    Raises:
        errors.InputError: neither.
    """
    try:
        return ids.parse_digest(text) if len(text) == 68 else ids.Digest(ids.parse_bytes32(text))
    except errors.DecodeError as err:
        raise errors.InputError("not a digest", which=text[:70], expected="1220 and 64 hexadecimal digits") from err


def parse_address(text: str) -> ids.Address:
    """Read an address; raises ``errors.InputError`` for anything else."""
    try:
        return ids.parse_address(text)
    except errors.DecodeError as err:
        raise errors.InputError("not an address", which=text[:70], expected="0x and 40 hexadecimal digits") from err


def plain(text: str, most: int = 80) -> str:
    """Return somebody else's text without anything that could control a terminal, on one line."""
    line = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def predicts(columns: "schema.Schema") -> str:
    """Return what a plan predicts from how many columns, in words."""
    count = len(columns.features)
    if not columns.outcomes:
        return f"nothing; it looks at {count} columns"
    return f"{plain(columns.outcomes[0].name)} from {count} columns"


def when(seconds: int) -> str:
    """Return a block time as text."""
    try:
        moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return "never"
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def from_now(view: "views.LedgerView", seconds: int) -> int:
    """Return a block time ``seconds`` from now: a ledger's clock may be ahead of this machine's."""
    return max(int(time.time()), view.time) + seconds


class Names:
    """What members call themselves, fetched once each."""

    def __init__(self, opened: homes.Opened, view: "views.LedgerView") -> None:
        self._store = opened.store
        self._view = view
        self._titles: dict[int, str | None] = {}

    def title(self, member: int) -> str | None:
        """Return the title in a member's profile, ``None`` if it has none that can be read now."""
        if member not in self._titles:
            self._titles[member] = self._fetch(member)
        return self._titles[member]

    def __call__(self, member: int) -> str:
        """Return a member's title and number, or its number and account."""
        title = self.title(member)
        if title is not None:
            return f"{title} (member {member})"
        admitted = self._view.members.get(member)
        return f"member {member}" if admitted is None else f"member {member} ({short(admitted.account)})"

    def _fetch(self, member: int) -> str | None:
        admitted = self._view.members.get(member)
        if admitted is None or not any(admitted.profile):
            return None
        from aicommons.domain import profiles

        profile = published.find(self._store, profiles.Profile, ids.Digest(admitted.profile))
        return None if profile is None else plain(profile.title) or None


def members(bits: Iterable[int], names: Names) -> str:
    """Return members in words."""
    return ", ".join(names(member) for member in bits) or "nobody"


def owners(current: "views.RunView", names: Names) -> list[str]:
    """Return the owners of a run's model in words, with the part of it that the solver has for its work."""
    return [_owner(current, member, names) for member in sorted(current.shares)]


def _owner(current: "views.RunView", member: int, names: Names) -> str:
    part, for_work = current.shares[member], current.spec.solver_shares
    said = f"{names(member)}: {part / 10_000:.2f} %"
    if member != current.spec.solver or not 0 < for_work < part:
        return said
    return f"{said} ({for_work / 10_000:.2f} % of it as the solver)"


def shares(parts: Mapping[int, int]) -> dict[str, int]:
    """Return a model's shares by member number as text, as JSON wants it."""
    return {str(member): part for member, part in sorted(parts.items())}
