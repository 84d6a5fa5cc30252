"""Standing rules that deny, applied by the node: what an owner has ruled out is denied while nobody looks at the page.

Called on each pass of the reconciler; ``app`` gives it to the node. A denial of a run that nobody wrote about is a line in
the inbox and needs no signature. Left to the page and ``commons inbox``, which have the wallet: approving by rule, and
answering whoever wrote, because that is sent to the ledger in the member's name.
"""

import logging
from collections.abc import Callable, Iterable

from aicommons.domain import errors, ids, run
from aicommons.node import agent as agents
from aicommons.node import inbox
from aicommons.protocol import inbox as rules
from aicommons.protocol import ports
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

LOOK_SECONDS = 2.0
"""Between looks; the page's rules answer as often."""
STORE_SECONDS = 30.0
"""Before a run's documents are asked for again that the store did not give: a slow store must not hold the node up."""


class Denials:
    """Applies a home's denying rules."""

    def __init__(
        self, kept: inbox.Inbox, store: ports.Store, member_id: ids.MemberId, own: Callable[[], Iterable[int]]
    ) -> None:
        """Apply the rules in ``kept`` for ``member_id``; ``own`` returns the ids of the datasets in this home."""
        self._kept, self._store, self._member, self._own = kept, store, member_id, own
        self._looked = float("-inf")
        self._papers: dict[ids.RunId, agents.RunDocuments] = {}
        self._again: dict[ids.RunId, float] = {}

    def look(self, view: views.LedgerView, now: float) -> None:
        """Deny what a rule denies; ``now`` is in seconds since 1970."""
        if 0 <= now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        denying = {
            number: rule for number, rule in self._kept.standing_rules().items() if rule.verdict is rules.Verdict.DENY
        }
        if not denying:
            return
        own = [number for number in self._own() if number in view.datasets]
        for item in rules.waiting(view, self._member, confirmed=(), own=own, now=int(now)):
            if item.kind is rules.Kind.RUN and item.run_id is not None and item.request_id is None:
                papers = self._read(item.run_id, view.runs[item.run_id], now)
                if papers is not None:
                    asked = asked_of(view.runs[item.run_id].spec, papers)
                    self._answer(item, rules.matching(denying, asked, self._kept.said(item.key)), now)

    def _answer(self, item: rules.Item, found: tuple[int, rules.Rule] | None, now: float) -> None:
        if found is None:
            return
        name = rules.rule_name(found[0])
        self._kept.decide(item.key, rules.Decision(rules.Verdict.DENY, f"standing {name}", name, now))
        log.info("%s denied %s", name, item.key[:16])

    def _read(self, run_id: ids.RunId, current: views.RunView, now: float) -> agents.RunDocuments | None:
        known = self._papers.get(run_id)
        if known is not None or now < self._again.get(run_id, now):
            return known
        try:
            self._papers[run_id] = agents.read_terms(self._store, current)
        except errors.CommonsError as err:
            log.info("run %s: no rule can look at it: %s", ids.format_id(run_id)[:12], err)
            self._again[run_id] = now + STORE_SECONDS
        return self._papers.get(run_id)


def asked_of(spec: run.RunSpec, papers: agents.RunDocuments) -> rules.Asked:
    """Return what standing rules look at in a run."""
    return rules.Asked(spec.plan, int(spec.solver), papers.recipe.name, papers.terms.purpose)
