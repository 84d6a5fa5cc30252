"""What the ledger says of permissions beside the consents: people's registers, guardianships, and requests with answers.

``view.py`` hands the events on and shows the outcome as its own; owners' desks, the inbox and auditors read it. What is
written in a request, and who a person is, stands nowhere here. No I/O, no clock.
"""

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

from aicommons.domain import events, ids
from aicommons.protocol import consents


@dataclasses.dataclass(frozen=True, slots=True)
class RegisterView:
    """The register of people's consents behind one dataset."""

    opened: events.RegisterOpened
    posted: tuple[events.RegisterPosted, ...] = ()
    """Every posting so far, the newest last."""
    withdrawn: Mapping[bytes, events.LeafWithdrawn] = dataclasses.field(default_factory=dict)
    """Leaf hash -> that its person took it back without the steward, in ledger order."""

    @property
    def root(self) -> bytes:
        """Root over the leaves."""
        return self.posted[-1].root if self.posted else consents.EMPTY

    @property
    def leaves(self) -> int:
        """How many consents were ever entered."""
        return self.posted[-1].leaves if self.posted else 0

    @property
    def status(self) -> bytes:
        """Root over the words of the status list."""
        return self.posted[-1].status if self.posted else consents.EMPTY

    @property
    def block(self) -> int:
        """Block of the newest posting, or of the opening."""
        return self.posted[-1].at.block if self.posted else self.opened.at.block

    def posted_at(self, block: int) -> events.RegisterPosted | None:
        """Return the posting that held at the end of ``block``, or ``None`` when the register was still empty."""
        return next((each for each in reversed(self.posted) if each.at.block <= block), None)


@dataclasses.dataclass(frozen=True, slots=True)
class GuardianshipView:
    """One attestation of who may consent for a child."""

    attested: events.GuardianAttested
    revoked: events.GuardianshipRevoked | None = None

    def may_hold(self, guardian: ids.Address, now: int, block: int | None = None) -> bool:
        """Return whether it holds for ``guardian`` at block time ``now``, if its attester is an active member.

        With ``block``, as it stood at the end of that block.
        """
        is_over = self.revoked is not None and (block is None or self.revoked.at.block <= block)
        return self.attested.guardian == guardian and now < self.attested.until and not is_over


class RequestState(enum.IntEnum):
    """Where a request stands; the numbers are the contract's."""

    NONE = 0
    OPEN = 1
    ASKED_BACK = 2
    APPROVED = 3
    DENIED = 4
    WITHDRAWN = 5

    @property
    def is_decided(self) -> bool:
        """Whether nothing follows any more."""
        return self in (RequestState.APPROVED, RequestState.DENIED, RequestState.WITHDRAWN)


ANSWERED: Mapping[events.Answer, RequestState] = {
    events.Answer.ASK_BACK: RequestState.ASKED_BACK,
    events.Answer.APPROVE: RequestState.APPROVED,
    events.Answer.DENY: RequestState.DENIED,
}
"""Answer -> state that it leads to."""


@dataclasses.dataclass(frozen=True, slots=True)
class RequestView:
    """One request for a dataset and what was said to it."""

    asked: events.RequestAsked
    state: RequestState = RequestState.OPEN
    turns: tuple[events.RequestAnswered | events.RequestReplied, ...] = ()
    """Questions, replies and the decision, in ledger order."""
    changed: events.Position | None = None
    """Where the newest turn stands; ``None`` while nobody has answered."""

    @property
    def answer(self) -> events.RequestAnswered | None:
        """The newest word of the owner."""
        return next((each for each in reversed(self.turns) if isinstance(each, events.RequestAnswered)), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Permissions:
    """All of it, at one block."""

    registers: Mapping[int, RegisterView] = dataclasses.field(default_factory=dict)
    """Dataset id -> its register."""
    guardianships: Mapping[bytes, GuardianshipView] = dataclasses.field(default_factory=dict)
    """Guardianship id -> the attestation."""
    requests: Mapping[int, RequestView] = dataclasses.field(default_factory=dict)
    """Request id -> the request."""


TOLD = (
    *(events.RegisterOpened, events.RegisterPosted, events.LeafWithdrawn),
    *(events.GuardianAttested, events.GuardianshipRevoked),
    *(events.RequestAsked, events.RequestAnswered, events.RequestReplied, events.RequestWithdrawn),
)
"""The events that are folded here."""


def fold(kept: Permissions, new: Iterable[events.Event]) -> Permissions:
    """Return ``kept`` after ``new`` events in ledger order; those of what was never opened, attested or asked are left out.

    It costs as much as there are new events, and one copy of each mapping that they touch.
    """
    draft = _Draft(kept)
    for event in new:
        draft.tell(event)
    return draft.frozen()


class _Draft:
    """The record while it is folded: mappings are copied when they are first written to."""

    def __init__(self, kept: Permissions) -> None:
        self._kept = kept
        self._changed: dict[str, dict[Any, Any]] = {}
        self._withdrawn: dict[int, dict[bytes, events.LeafWithdrawn]] = {}

    def tell(self, event: events.Event) -> None:
        match event:
            case events.RegisterOpened():
                self._begin("registers", event.dataset_id, RegisterView(event))
            case events.RegisterPosted():
                register = self._get("registers", event.dataset_id)
                self._replace("registers", event.dataset_id, posted=(*register.posted, event) if register else ())
            case events.LeafWithdrawn():
                self._withdraw(event)
            case events.GuardianAttested():
                self._begin("guardianships", event.guardianship_id, GuardianshipView(event))
            case events.GuardianshipRevoked():
                self._replace("guardianships", event.guardianship_id, revoked=event)
            case events.RequestAsked():
                self._begin("requests", event.request_id, RequestView(event))
            case events.RequestAnswered():
                self._turn(event.request_id, event, ANSWERED[event.answer])
            case events.RequestReplied():
                self._turn(event.request_id, event, RequestState.OPEN)
            case events.RequestWithdrawn():
                self._replace("requests", event.request_id, state=RequestState.WITHDRAWN, changed=event.at)

    def _get(self, name: str, key: object) -> Any:
        return self._changed.get(name, getattr(self._kept, name)).get(key)

    def _put(self, name: str, key: object, value: object) -> None:
        if name not in self._changed:
            self._changed[name] = dict(getattr(self._kept, name))
        self._changed[name][key] = value

    def _begin(self, name: str, key: object, value: object) -> None:
        if self._get(name, key) is None:  # what was opened once is not opened anew
            self._put(name, key, value)

    def _replace(self, name: str, key: object, **values: object) -> None:
        known = self._get(name, key)
        if known is not None:
            self._put(name, key, dataclasses.replace(known, **values))

    def _withdraw(self, event: events.LeafWithdrawn) -> None:
        register = self._get("registers", event.dataset_id)
        if register is None:
            return
        if event.dataset_id not in self._withdrawn:
            self._withdrawn[event.dataset_id] = dict(register.withdrawn)
        self._withdrawn[event.dataset_id].setdefault(event.leaf, event)

    def _turn(
        self, request_id: int, event: events.RequestAnswered | events.RequestReplied, state: RequestState
    ) -> None:
        known = self._get("requests", request_id)
        if known is not None:
            self._replace("requests", request_id, turns=(*known.turns, event), state=state, changed=event.at)

    def frozen(self) -> Permissions:
        for dataset_id, withdrawn in self._withdrawn.items():
            self._replace("registers", dataset_id, withdrawn=withdrawn)
        return dataclasses.replace(self._kept, **self._changed) if self._changed else self._kept
