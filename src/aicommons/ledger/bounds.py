"""What a relayer takes at most, and what was taken in the last minute.

One light place for the numbers, so that the command line can show them without loading a ledger. Kept to by ``relayer``, set by
``commons relayer start``. Left out: bounds of HTTP (``relay_server``).
"""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What a relayer takes at most; a refusal names the bound."""

    data: int = 64 * 1024
    """Bytes of a call."""
    gas: int = 8_000_000
    """Gas of a call."""
    foreign_gas: int = 300_000
    """Gas of a call in which code of others runs (``contracts.FOREIGN_CODE``): it can use up all that it is given."""
    batch_gas: int = 12_000_000
    """Gas of all calls of one transaction."""
    batch: int = 50
    """Calls in one transaction."""
    per_member: int = 60
    """Calls of one member in a minute."""
    member_gas: int = 20_000_000
    """Gas of one member's calls in a minute: the longest call and some, or 60 usual ones."""
    strangers: int = 10
    """Calls of all who are no members, together, in a minute."""
    stranger_data: int = 256
    """Bytes of a call of a stranger; an application has 164."""
    stranger_gas: int = 500_000
    """Gas of a call of a stranger; an application uses half of it."""
    failures: int = 20
    """Calls of one account in a minute that were found to fail; each costs the relayer questions to its ledger, and no gas."""
    strangers_at_once: int = 4
    """Calls of strangers that are tried at the same time: throw-away keys can keep these places busy, not the ledger."""
    queue: int = 500
    """Calls that wait."""
    gather_seconds: float = 0.2
    """How long the first call of a transaction waits for others."""


class Minute:
    """What was taken in the last minute, by whom; not thread-safe."""

    def __init__(self) -> None:
        self._taken: dict[object, list[tuple[float, int]]] = {}
        self._swept = 0.0

    def used(self, whose: object, now: float) -> tuple[int, int]:
        """Return how many calls somebody made in the last minute, and their gas."""
        recent = [gas for at, gas in self._taken.get(whose, ()) if at > now - 60]
        return len(recent), sum(recent)

    def take(self, whose: object, now: float, gas: int = 0) -> None:
        """Note a call."""
        if now >= self._swept + 60:  # throw-away keys are not kept for ever
            kept = {each: [one for one in taken if one[0] > now - 60] for each, taken in self._taken.items()}
            self._taken, self._swept = {each: taken for each, taken in kept.items() if taken}, now
        self._taken.setdefault(whose, []).append((now, gas))
