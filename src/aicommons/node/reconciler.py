"""The node's loop: look at the ledger, find what is due, do one step of each, look again.

Level-triggered: nothing is remembered between passes but the journal, so a node may be killed anywhere. No handler computes
or sends for longer than a second; what is longer runs beside the loop and is picked up on a later pass. Waiting for a slow
ledger or store is bounded by their timeouts. An error that may pass is waited for; any other expected error is said once
and tried again later, because the ledger may have moved on.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping

from aicommons.domain import encoding, errors, ids, messages, signature
from aicommons.learning import state
from aicommons.node import (
    accusing,
    charging,
    combining,
    committing,
    concluding,
    contributing,
    equivocations,
    judging,
    permission,
    renewing,
)
from aicommons.node import agent as agents
from aicommons.protocol import duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

Handler = Callable[[agents.Agent, duties.Duty, views.RunView], None]


def advance(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Ask the contract to act on a deadline that is over."""
    del current
    agent.ledger.advance(duty.run_id)


def drop(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Ask the contract to put a site out whose consent died, so that the others go on without it."""
    agent.ledger.drop(duty.run_id, duty.member)
    numbers = ", ".join(str(each.dataset_id) for each in current.brought_by(duty.member))
    which = ids.format_id(duty.run_id)[:12]
    log.info("run %s: of member %d's dataset %s goes out whose consent is dead", which, duty.member, numbers)


def give_back(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Bring this member's bond back into the credit of whoever paid it; nothing else would."""
    del current
    agent.ledger.give_back(duty.run_id, agent.member_id)
    log.info("run %s: the bond is given back", ids.format_id(duty.run_id)[:12])


HANDLERS: Mapping[duties.DutyKind, Handler] = {
    duties.DutyKind.ACK: contributing.acknowledge,
    duties.DutyKind.SUBMIT: contributing.submit,
    duties.DutyKind.COMMIT: committing.commit,
    duties.DutyKind.REVEAL: committing.open_masks,
    duties.DutyKind.COMBINE: combining.combine,
    duties.DutyKind.JUDGE: judging.judge,
    duties.DutyKind.WAIVE: accusing.waive,
    duties.DutyKind.ROTATE: renewing.rotate,
    duties.DutyKind.RENEW: renewing.renew,
    duties.DutyKind.RESULT: concluding.result,
    duties.DutyKind.REGISTER: concluding.register,
    duties.DutyKind.ADVANCE: advance,
    duties.DutyKind.DROP: drop,
    duties.DutyKind.REPORT: concluding.report,
    duties.DutyKind.RETIRE: concluding.retire,
    duties.DutyKind.ERASE: concluding.erase,
    duties.DutyKind.GIVE_BACK: give_back,
}

OVERTAKEN = frozenset(
    {
        "ModelRegistryAlreadyRegistered", "TrainingRunsAlreadySent", "TrainingRunsMayNotDrop", "TrainingRunsNotInSet",
        "TrainingRunsTooEarly", "TrainingRunsWrongPhase", "TrainingRunsWrongState", "VerdictsAlreadySaid", "VerdictsConvicted",
        "VerdictsNotSilent",
    }
)  # fmt: skip
"""What the ledger answers where another node was first or the run went on: no trouble, and the next look tells what is due."""
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
"""Seconds between tries of a duty that fails."""


@dataclasses.dataclass(slots=True)
class Trouble:
    """A duty that failed before."""

    message: str
    tries: int
    again_at: float
    """Clock time before which it is left alone."""


class Reconciler:
    """One node at work; ``step`` is one pass."""

    def __init__(self, agent: agents.Agent) -> None:
        self.agent = agent
        self.view = views.LedgerView()
        self._trouble: dict[duties.Duty, Trouble] = {}
        self._lost: set[ids.RunId] = set()
        """Runs of which a lost record was told."""
        self._witnessed = False
        self._twice: list[equivocations.Found] = []
        self._held: frozenset[duties.DutyKind] = frozenset()

    def step(self) -> int:
        """Look once and do one step of each duty that is due; return how many there were.

        Raises:
            errors.LedgerUnreachable: the ledger did not answer.
            errors.LedgerReorganised: the chain took something back twice within this look.
        """
        self._look()
        self.agent.data.observe(self.view)
        if not self._witnessed:
            try:
                charging.recover(self.agent, self.view)
            except errors.TemporaryError as err:
                log.warning("%s; nothing is done before it is known what was released", err)
                return 0
            self._check_own_commits()
        now = self.agent.clock.now()
        self.agent.deny(self.view, now)
        self._twice = equivocations.try_all(self.agent, self.view, self._twice)
        owed = duties.due(self.view, self.agent.member_id, self._remembered(now), now)
        owed = self._allowed(owed, now)
        self._trouble = {duty: trouble for duty, trouble in self._trouble.items() if duty in owed}
        for duty in owed:
            trouble = self._trouble.get(duty)
            if trouble is None or now >= trouble.again_at:
                self._do(duty, now)
        return len(owed)

    def _look(self) -> None:
        """Fold what is new; where the chain took back what was read, everything anew.

        What this node signed stays in its journal: whatever was taken back and is due again is signed with the same words.
        """
        try:
            self.view = views.fold(self.view, self.agent.ledger.poll())
        except errors.LedgerReorganised as err:
            log.warning("%s", err)
            before = self.view
            self.view, self._witnessed, self._trouble = views.LedgerView(), False, {}
            self.view = views.fold(self.view, self.agent.ledger.poll())
            self._twice += equivocations.between(before, self.view)

    def _allowed(self, owed: tuple[duties.Duty, ...], now: float) -> tuple[duties.Duty, ...]:
        """Return the duties that the owner does not hold back; work for those held back ends, unfinished."""
        held = self.agent.held(now)
        if held != self._held:
            self._held = held
            words = ", ".join(sorted(kind.value for kind in held))
            log.warning("%s", f"the owner holds back: {words}" if held else "the owner holds nothing back any more")
            if duties.DutyKind.SUBMIT in held:
                for kind in ("contribute-", "submit-"):
                    self.agent.runner.drop_others(kind, "")
        return tuple(duty for duty in owed if duty.kind not in held)

    def _do(self, duty: duties.Duty, now: float) -> None:
        current = self.view.runs[duty.run_id]
        try:
            if duty.kind is duties.DutyKind.SUBMIT:  # whatever was begun: nothing is sent that is not permitted now
                self._check_permission(duty.run_id)
            HANDLERS[duty.kind](self.agent, duty, current)
        except errors.CommonsError as err:
            self._note(duty, err, now)
        else:
            self._trouble.pop(duty, None)

    def _check_permission(self, run_id: ids.RunId) -> None:
        try:
            permission.check_seat(self.agent, self.view, run_id)
        except (errors.UseDenied, errors.LedgerMismatch):
            self.agent.runner.drop_others(contributing.jobs_of(run_id), "")
            raise

    def _note(self, duty: duties.Duty, err: errors.CommonsError, now: float) -> None:
        before = self._trouble.get(duty)
        tries = before.tries + 1 if before is not None else 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries, 10))
        if isinstance(err, errors.TemporaryError):
            delay = min(delay, err.delay)
        is_told = isinstance(err, errors.UseDenied)  # once in a run, where it is found
        if not is_told and (before is None or before.message != str(err)):
            if isinstance(err, errors.AggregationRefused | errors.ContributionRefused):
                self.agent.journal.keep_declined(duty.run_id, duty.round_index, str(err))
            which = (ids.format_id(duty.run_id)[:12], duty.round_index, duty.kind.value)
            if isinstance(err, errors.LedgerRefused) and err.error in OVERTAKEN:
                log.info("run %s round %d: %s: not needed any more, the run went on meanwhile (%s)", *which, err.error)
            else:
                said = log.info if isinstance(err, errors.TemporaryError | errors.BlobNotFound) else log.warning
                said("run %s round %d: %s: %s: %s", *which, type(err).__name__, err)
        self._trouble[duty] = Trouble(str(err), tries, now + delay)

    def _remembered(self, now: float) -> dict[ids.RunId, duties.Remembered]:
        known = {}
        for run_id, current in self.view.runs.items():
            if self.agent.member_id not in current.enrolled:
                continue
            known[run_id] = self._remember(run_id, current, now)
        return known

    def _remember(self, run_id: ids.RunId, current: views.RunView, now: float) -> duties.Remembered:
        facts = self.agent.journal.facts(run_id)
        since = facts.over_since
        if current.state.is_over != (since is not None):
            since = now if current.state.is_over else None
            self.agent.journal.keep_over(run_id, since)
            if since is not None:
                said = (current.state.name.lower(), current.reason.name.lower())
                log.info("run %s is over: %s (%s)", ids.format_id(run_id)[:12], *said)
        retention = None
        if current.state.is_over and facts.has_stored:
            retention = self._retention(run_id, current)
        ack, keys = current.acks.get(self.agent.member_id), self.agent.signing.keys
        acked = ack is not None and ack.epoch == current.epoch
        has_key = keys.get(run_id, current.epoch) is not None
        if acked and not facts.is_pinned and not current.state.is_over:
            self._warn_of_lost_record(run_id)
        old = keys.made(run_id, current.epoch) if current.epoch else []
        has_old_keys = any(keys.get(run_id, epoch) is not None for epoch in old)
        unread = current.unmasked(facts.state_index)
        return duties.Remembered(
            is_pinned=facts.is_pinned,
            state_index=facts.state_index,
            is_finished=facts.is_finished,
            has_model=current.state.is_over and current.model is None and self._has_model(run_id, current),
            has_key=has_key or not (acked or current.state.is_over),
            has_report=facts.has_report,
            over_since=since or 0.0,
            may_retire=(has_key or has_old_keys)
            and since is not None
            and self._is_surely_over(run_id, current, now - since),
            retention=retention,
            refused=facts.refused,
            judged=facts.judged,
            has_old_keys=has_old_keys,
            has_lost_round=unread is not None and keys.get(run_id, current.epoch_of(unread)) is None,
        )

    def _warn_of_lost_record(self, run_id: ids.RunId) -> None:
        """Say once that this home took part in a run of which its journal knows nothing."""
        if run_id in self._lost:
            return
        self._lost.add(run_id)
        log.warning(
            "run %s: the record of what this site agreed to and signed is missing (a lost, restored or copied home?); it puts "
            "nothing into the run unless its operator confirms again: commons run confirm %s",
            *(2 * [ids.format_id(run_id)[:12]]),
        )

    def _is_surely_over(self, run_id: ids.RunId, current: views.RunView, waited: float) -> bool:
        """Return whether a run's end is signed for, or told for so long that it was no moment's lie."""
        return waited >= concluding.GRACE_SECONDS or concluding.is_end_signed(self.agent, run_id, current)

    def _has_model(self, run_id: ids.RunId, current: views.RunView) -> bool:
        kept = self.agent.journal.state(run_id, current.agreed.rounds_done) if current.agreed is not None else None
        if kept is None:
            return False
        try:
            recipe = agents.terms_of(self.agent, run_id, current).recipe
        except errors.CommonsError:
            return False  # asked again on the next pass
        return recipe.has_model(state.decode(kept.data))

    def _retention(self, run_id: ids.RunId, current: views.RunView) -> int | None:
        try:
            return agents.terms_of(self.agent, run_id, current).terms.retention_seconds
        except errors.CommonsError:
            return None  # asked again on the next pass

    def _check_own_commits(self) -> None:
        """Destroy the epoch key of a run in which the ledger shows a Commit that this journal does not know.

        Such a journal was rolled back (a restored backup, a cloned machine): going on could sign a second set
        (secure-aggregation section 4, Epoch keys).
        """
        self._witnessed = True
        for run_id, current in self.view.runs.items():
            key = self._own_key(run_id, current)
            if key is None:
                continue
            for at, attempt in current.attempts.items():
                sent = attempt.commits.get(self.agent.member_id)
                if sent is None or self.agent.signing.keys.get(run_id, attempt.epoch) is None:
                    continue
                if not self._is_here(run_id, current, at, sent.sid):
                    continue  # its Commit of another run, which proves nothing about this one
                message = messages.Commit(
                    sent.sid, self.agent.member_id, sent.set_digest, sent.input_digest, sent.masks
                )
                digest = encoding.message_digest(self.agent.ledger.place, message)
                is_ours = signature.is_signed_by(digest, sent.signature, key)
                if is_ours and self.agent.signing.word("Commit", sent.sid) != digest:
                    concluding.forget(self.agent, run_id, current.epoch)
                    log.error(
                        "run %s: the ledger shows a Commit that this journal does not know; "
                        "the journal was rolled back, so the epoch key is destroyed and this node waits for a new run",
                        ids.format_id(run_id)[:12],
                    )
                    break

    def _is_here(self, run_id: ids.RunId, current: views.RunView, at: views.AttemptPlace, sid: bytes) -> bool:
        """Return whether a session is that of an attempt; where that cannot be told now it is asked again on the next pass."""
        try:
            roster = agents.roster_of(self.agent, run_id, current)
            return sid in agents.sids_of(self.agent, current, encoding.AttemptKey(run_id, *at), roster)
        except (errors.AggregationRefused, errors.LedgerMismatch):
            return False  # no session of these keys is begun either
        except (errors.TemporaryError, errors.BlobNotFound):
            self._witnessed = False
            return False

    def _own_key(self, run_id: ids.RunId, current: views.RunView) -> ids.Address | None:
        """Return this node's key on the confirmed roster; a roster that was not confirmed proves nothing about it."""
        try:
            roster = agents.roster_of(self.agent, run_id, current)
        except errors.LedgerMismatch:
            return None
        return roster.node_keys[roster.member_ids.index(self.agent.member_id)]
