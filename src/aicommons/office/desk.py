"""One member's desk: everything that its wallet signs, and what its operator confirms.

Each act puts the long part into the store and the agreement on the ledger, and returns the id that the ledger then knows.
The package's other modules hold what is offered and permitted, and the desk of a co-op.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from aicommons.domain import cards, documents, encoding, errors, events, ids, messages, policies, profiles, run
from aicommons.learning import recipe as recipes
from aicommons.learning import safeguards
from aicommons.ledger.bindings import membership
from aicommons.node import journal
from aicommons.office import acting, terms, votes
from aicommons.office import coops as coop_desks
from aicommons.office import models as model_desks
from aicommons.office import money as moneys
from aicommons.protocol import cells, consents, coops, ports, registry, rules
from aicommons.protocol import view as views

E = TypeVar("E")

ORGANISATION = int(membership.Kind.ORGANISATION)
"""Membership kind of an organisation; 0 is a person."""


class Desk:
    """One member's wallet, ledger and store."""

    def __init__(self, registry: acting.Registry, store: ports.Store) -> None:
        self._registry = registry
        self._membership = membership.Membership(registry)
        self._store = store
        self._view = views.LedgerView()

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""
        try:
            self._view = views.fold(self._view, self._registry.poll())
        except errors.LedgerReorganised:  # the next answer has every event, from the first on
            self._view = views.LedgerView()
            self._view = views.fold(self._view, self._registry.poll())
        return self._view

    def member_id(self) -> ids.MemberId:
        """Return this wallet's member id.

        Raises:
            errors.InputError: it was not admitted.
        """
        found = self.view().member_of_account(self._registry.address)
        if found is None:
            raise errors.InputError(
                "this wallet is not a member",
                which=ids.format_id(self._registry.address),
                next_step="run `commons member apply`, then ask a registrar to run `commons member admit`",
            )
        return found

    def apply(self, node_key: ids.Address, reader_point: bytes, credential: bytes, profile: bytes) -> None:
        """Ask to be admitted as an organisation."""
        self._membership.apply_as(membership.Kind.ORGANISATION, node_key, reader_point, credential, profile=profile)

    def admit(self, applicant: ids.Address) -> ids.MemberId | None:
        """Approve an application as a registrar; returns the member id once enough registrars have."""
        self._membership.admit(applicant)
        return self.view().member_of_account(applicant)

    def set_guardian(self, guardian: ids.Address | None) -> None:
        """Name who may begin the recovery of this membership: a second device, or somebody trusted; ``None`` = nobody."""
        self._membership.set_guardian(guardian or ids.NOBODY)

    def recover(self, member_id: ids.MemberId, account: ids.Address) -> registry.Recovery | None:
        """Ask, as its guardian or as a registrar, that another account acts for a member.

        Returns the recovery that its account may still veto, ``None`` while more registrars must agree.
        """
        self._membership.recover(member_id, account)
        return self.member(member_id).recovery

    def veto(self, member_id: ids.MemberId) -> None:
        """Stop a recovery of this wallet's own membership."""
        self._membership.veto(member_id)

    def finish_recovery(self, member_id: ids.MemberId) -> None:
        """Finish a recovery whose seven days are over."""
        self._membership.finish_recovery(member_id)

    def member(self, member_id: int) -> registry.MemberView:
        """Return a member.

        Raises:
            errors.InputError: there is none.
        """
        found = self.view().members.get(member_id)
        if found is None:
            raise errors.InputError(
                "no such member", which=f"member {member_id}", next_step="see `commons member list`"
            )
        return found

    def set_node_key(self, node_key: ids.Address) -> None:
        """Let another key sign for this member's node from now on; seats that were taken keep theirs."""
        self._membership.set_node_key(node_key)

    def set_reader_point(self, point: bytes) -> None:
        """Let letters and sums be sealed to another reader key from now on: a recovered wallet has one of its own."""
        self._membership.set_reader_point(point)

    def describe_member(self, profile: profiles.Profile) -> ids.Digest:
        """Store what this member says about itself from now on, and say so on the ledger; return its digest."""
        digest = ids.Digest(self._store.put(profile.encode()))
        self._membership.set_profile(digest)
        return digest

    @property
    def money(self) -> moneys.MoneyDesk:
        """What this wallet does with money and with problems that money lies on."""
        return moneys.MoneyDesk(self._registry, self._store, self)

    @property
    def models(self) -> model_desks.ModelDesk:
        """What this wallet does about models, and what it states."""
        return model_desks.ModelDesk(self._registry, self._store, self)

    def state_problem(
        self,
        problem: documents.Problem,
        deadline: int,
        *,
        judge: int | None = None,
        contest: tuple[int, int] | None = None,
    ) -> bytes:
        """Put a problem on the ledger. Returns its id.

        Args:
            problem: the statement; one that names no purpose is stated for general research.
            deadline: block time in seconds after which no run may be opened on it.
            judge: member that judges its awards; ``None`` = nothing can be funded.
            contest: block times until which submissions are committed to, and until which they are revealed.
        """
        digest = ids.Digest(self._store.put(problem.encode()))
        purpose = encoding.purpose_code(problem.purpose or terms.GENERAL_PURPOSE)
        values = (digest, purpose, 0 if judge is None else judge, deadline)
        if contest is None:
            self._registry.transact("Problems", "state", *values)
        else:
            self._registry.transact("Problems", "stateContest", *values, *contest)
        return _newest(self.view().problems, owner=self.member_id(), document=digest).problem_id

    def publish_dataset(self, card: cards.DatasetCard, use: terms.Use | None = None) -> int:
        """List a dataset by its card; the data itself goes nowhere. Returns its id."""
        digest = ids.Digest(self._store.put(card.encode()))
        self._registry.transact("DataRegistry", "list", digest, *(use or terms.Use()).values())
        return _newest(self.view().datasets, owner=self.member_id(), card=digest).dataset_id

    def put_policy(self, policy: policies.UsePolicy) -> terms.Use:
        """Put a policy of one's own into the store and return what the ledger will hold consents to under it.

        Raises:
            errors.InputError: another member makes this offer.
        """
        if policy.assigner != self.member_id():
            raise errors.InputError(
                "the policy is another member's", which="use-policy.assigner", expected=self.member_id(),
                got=policy.assigner, next_step="Draft it with your own membership: see `commons policy draft`.",
            )  # fmt: skip
        digest = self._store.put(policy.encode())
        return terms.Use(digest, rules.rules_of(policy), policy.free_commons, policy.price)

    def publish_version(self, dataset_id: int, card: cards.DatasetCard, use: terms.Use | None = None) -> int:
        """Publish a new version of a dataset of one's own. Returns its number; runs that are under way keep theirs."""
        digest = ids.Digest(self._store.put(card.encode()))
        self._registry.transact("DataRegistry", "publishVersion", dataset_id, digest, *(use or terms.Use()).values())
        return self.view().datasets[dataset_id].newest.version

    def suspend_dataset(self, dataset_id: int) -> None:
        """Take a dataset out of use for now; running runs lose it as well."""
        self._registry.transact("DataRegistry", "suspend", dataset_id)

    def resume_dataset(self, dataset_id: int) -> None:
        """Put a suspended dataset back into use."""
        self._registry.transact("DataRegistry", "resume", dataset_id)

    def retire_dataset(self, dataset_id: int) -> None:
        """Take a dataset out of use for good."""
        self._registry.transact("DataRegistry", "retire", dataset_id)

    def entrust(self, dataset_id: int, body: ids.Address) -> None:
        """Let only ``body``, such as a co-op's governor, give the consents of a dataset of one's own, until it gives it back."""
        self._registry.transact("DataRegistry", "entrust", dataset_id, body)

    def give_consent(self, terms: events.ConsentTerms) -> bytes:
        """Permit a use of a dataset of one's own. Returns the consent's id."""
        self._registry.transact("DataRegistry", "give", dataclasses.astuple(terms))
        return _newest(self.view().consents, dataset_id=terms.dataset_id, terms=terms).consent_id

    def revoke_consent(self, consent_id: bytes) -> None:
        """Take a permission back, at once."""
        known = self.view()
        if consent_id not in known.consents:
            raise errors.InputError("no such consent", which=ids.format_id(consent_id))
        self._registry.transact("DataRegistry", "revoke", consent_id)

    # ------------------------------------------------------------------------- people's consents and their guardians

    @property
    def register_place(self) -> encoding.Place:
        """Where leaves and signed withdrawals are good: chain and ConsentRegister."""
        return encoding.Place(self._registry.place.chain_id, self._registry.address_of("ConsentRegister"))

    def open_register(self, dataset_id: int) -> None:
        """Open the register of people's consents behind a dataset of one's own, empty."""
        self._registry.transact("ConsentRegister", "open", dataset_id)

    def post_register(self, dataset_id: int, leaves: consents.Tree, status: consents.Tree) -> None:
        """Post a register as it is now: all consents ever entered, and the status list of those taken back."""
        self._registry.transact("ConsentRegister", "post", dataset_id, leaves.root, leaves.size, status.root)

    def withdraw_leaf(self, leaf: consents.Leaf, proof: Sequence[bytes]) -> None:
        """Take a consent back as its holder or a child's guardian; needs no membership and no steward."""
        self._registry.transact("ConsentRegister", "withdraw", dataclasses.astuple(leaf), list(proof))

    def withdraw_leaf_by_signature(
        self, leaf: consents.Leaf, proof: Sequence[bytes], *, deadline: int, by: ids.Address, signature: bytes
    ) -> None:
        """Send somebody's signed withdrawal (``consents.withdrawal_digest``); ``deadline`` is a block time in seconds."""
        values = (dataclasses.astuple(leaf), list(proof), deadline, by, signature)
        self._registry.transact("ConsentRegister", "withdrawBySignature", *values)

    def attest_guardian(self, ward: bytes, guardian: ids.Address, until: int, evidence: bytes) -> bytes:
        """Vouch as an organisation that ``guardian`` may consent for a child. Returns the guardianship's id.

        Args:
            ward: salted commitment to who the child is, 32 bytes.
            guardian: key of the guardian.
            until: block time in seconds at which it is over; the child's majority at the latest.
            evidence: digest of the record of what was seen, 32 bytes.
        """
        self._registry.transact("Guardianships", "attest", ward, guardian, until, evidence)
        wanted = {"attester": self.member_id(), "ward": ward, "guardian": guardian, "evidence": evidence}
        attested = {key: known.attested for key, known in self.view().guardianships.items()}
        return _newest(attested, **wanted).guardianship_id

    def revoke_guardian(self, guardianship_id: bytes) -> None:
        """Do not vouch any more; consents that rest on it are dead at once."""
        self._registry.transact("Guardianships", "revoke", guardianship_id)

    # --------------------------------------------------------------------------------------------- requests for data

    def ask(self, dataset_id: int, sealed: bytes, run_id: ids.RunId | None = None) -> int:
        """Ask for a dataset with a document sealed to its owner. Returns the request's id."""
        document = ids.Digest(self._store.put(sealed))
        self._registry.transact("Requests", "ask", dataset_id, run_id or bytes(32), document)
        asked = {key: known.asked for key, known in self.view().requests.items()}
        return _newest(asked, asker=self.member_id(), document=document).request_id

    def answer(self, request_id: int, answer: events.Answer, sealed: bytes | None = None) -> None:
        """Answer a request for a dataset of one's own; only an approval may go without a document sealed to the asker."""
        if sealed is None and answer is not events.Answer.APPROVE:
            raise errors.InputError(
                "a question or a denial needs its words",
                which=f"request {request_id}",
                next_step="say what is asked, or why it is denied",
            )
        document = bytes(32) if sealed is None else self._store.put(sealed)
        self._registry.transact("Requests", "answer", request_id, int(answer), document)

    def reply(self, request_id: int, sealed: bytes) -> None:
        """Reply to an owner's question with a document sealed to it."""
        self._registry.transact("Requests", "reply", request_id, self._store.put(sealed))

    def withdraw_request(self, request_id: int) -> None:
        """Take back a request that was not decided."""
        self._registry.transact("Requests", "withdraw", request_id)

    # --------------------------------------------------------------------------------------------------------- co-ops

    def found_coop(self, rules: coops.Rules) -> coops.Coop:
        """Create a co-op's roll and governor, bound to each other; this wallet is its steward."""
        members = self._registry.create("CoopMembers", rules.name, self._registry.address)
        terms = (rules.delay, rules.period, rules.percent, rules.minimum)
        governor = self._registry.create("CoopGovernor", members, *terms)
        self._registry.transact("CoopMembers", "bindGovernor", governor, at=members)
        return coops.Coop(members, governor)

    def coop(self, coop: coops.Coop) -> coop_desks.CoopDesk:
        """Return the desk of a co-op in which this wallet is steward or has a vote."""
        return coop_desks.CoopDesk(self._registry, coop)

    @property
    def votes(self) -> votes.VoteDesk:
        """Return the desk at which this wallet proposes and votes in the commons."""
        return votes.VoteDesk(self._registry)

    def publish_plan(self, plan: documents.Plan) -> ids.Digest:
        """Put a plan into the store after checking that its recipe can be read. Returns its digest."""
        recipes.from_plan(dict(plan.recipe))
        return ids.Digest(self._store.put(plan.encode()))

    def open_run(self, offer: terms.Offer) -> ids.RunId:
        """Open a run as its solver. Returns its id.

        Raises:
            errors.InputError: the plan cannot be read or needs cells that the run has not, or the problem is unknown.
        """
        view = self.view()
        if offer.problem not in view.problems:
            raise errors.InputError("no such problem", which=ids.format_id(offer.problem))
        plan = documents.Plan.decode(self._store.get(offer.plan, encoding.MAX_DOCUMENT))
        made = recipes.from_plan(dict(plan.recipe))
        safeguards.check_division(made.safeguards, cells.sizes(offer.min_participants, offer.cell_size))
        stated = dataclasses.replace(offer.terms, privacy=made.privacy_in_words)  # nodes take no other for true
        terms = ids.Digest(self._store.put(stated.encode()))
        spec = offer.spec(self.member_id(), terms, made)
        self._registry.transact("TrainingRuns", "open", encoding.spec_values(spec))
        return encoding.run_id(spec)

    def enrol(self, run_id: ids.RunId, seat: terms.Seat, node: acting.NodeSigner | None = None) -> None:
        """Bring datasets to a run, one call for each; ``Absence.EXIT`` needs the node's key for the exit signed in advance."""
        signed = b""
        if seat.absence is run.Absence.EXIT:
            if node is None:
                raise errors.InputError("an exit in advance needs the node's key", which="--absence exit")
            signed = node.sign(messages.Exit(run_id, self.member_id(), messages.ANY_ROUND))
        self._registry.transact(
            "TrainingRuns", "enrol", run_id, seat.dataset_id, seat.consent_id, int(seat.absence), signed
        )
        for dataset_id, consent_id in seat.further:
            self.bring(run_id, dataset_id, consent_id)

    def bring(self, run_id: ids.RunId, dataset_id: int, consent_id: bytes) -> None:
        """Bring a further dataset to this member's seat in a run, under a consent of its own."""
        self._registry.transact("TrainingRuns", "bring", run_id, dataset_id, consent_id)

    def close_roster(self, run_id: ids.RunId) -> events.RosterFixed:
        """Fix who takes part; only the solver may before the time is over.

        Raises:
            errors.InputError: fewer than three sites enrolled.
        """
        current = self.run(run_id)
        if current.state is run.RunState.ENROLLING:
            needed = max(run.FEWEST_PARTICIPANTS, current.spec.min_participants)
            view = self._view
            standing = [
                len(current.brought_by(member)) > 1 or view.dead_since(seat.consent_id, view.time) is None
                for member, seat in current.enrolled.items()
            ]
            if standing.count(True) < needed:
                raise errors.InputError(
                    "too few sites have enrolled",
                    which=ids.format_id(run_id),
                    expected=f"at least {needed}",
                    got=standing.count(True),
                    next_step="wait for more members to enrol",
                )
            self._registry.transact("TrainingRuns", "close", run_id)
        roster = self.run(run_id).roster
        if roster is None:
            raise errors.InputError("the run has no roster", which=ids.format_id(run_id))
        return roster

    def wish(self, run_id: ids.RunId, dataset_id: int, wish: events.Wish, document: bytes = bytes(32)) -> None:
        """Ask that a model which used a dataset of one's own be retrained without it or retired.

        Args:
            run_id: the model's run.
            dataset_id: a dataset of its lineage.
            wish: what is asked; it binds nobody, but stands beside the model for everybody to see.
            document: digest of the reason, zero when there is none.
        """
        self._registry.transact("ModelRegistry", "ask", run_id, dataset_id, int(wish), document)

    def leave(self, run_id: ids.RunId, node: acting.NodeSigner) -> None:
        """Leave a run between two rounds or while Submits come in, by the node's signature; for good.

        Raises:
            errors.LedgerRefused: ``TrainingRunsWrongPhase`` while a round is summed, ``TrainingRunsTooFewStay``,
                ``TrainingRunsNotInSet``, ``TrainingRunsWrongState``, ``TrainingRunsNoSeat``.
        """
        signed = node.sign(messages.Exit(run_id, self.member_id(), messages.ANY_ROUND))
        self._registry.transact("TrainingRuns", "exit", run_id, self.member_id(), messages.ANY_ROUND, signed)

    def cancel(self, run_id: ids.RunId) -> None:
        """End a run as its solver; what was agreed is kept."""
        self._registry.transact("TrainingRuns", "cancel", run_id)

    def run(self, run_id: ids.RunId) -> views.RunView:
        """Return a run.

        Raises:
            errors.InputError: the ledger knows no such run.
        """
        found = self.view().runs.get(run_id)
        if found is None:
            raise errors.InputError("no such run", which=ids.format_id(run_id), next_step="see `commons run list`")
        if encoding.run_id(found.spec) != run_id:
            raise errors.LedgerMismatch(
                "the ledger shows other terms than the run's id stands for", which=ids.format_id(run_id)
            )
        return found

    def pin(self, run_id: ids.RunId, *, may_overlap: bool = False) -> journal.Pin:
        """Return what there is to confirm of a run: its roster, and what this member brings to it.

        Raises:
            errors.InputError: there is no roster yet, or this member has no seat on it.
        """
        current, member_id = self.run(run_id), self.member_id()
        seat, roster = current.enrolled.get(member_id), current.roster
        if roster is None:
            raise errors.InputError(
                "the roster is not fixed yet", which=ids.format_id(run_id), next_step="wait until the solver closes it"
            )
        if seat is None or member_id not in roster.member_ids:
            raise errors.InputError(
                "this member has no seat in the run", which=ids.format_id(run_id), next_step="see `commons run show`"
            )
        return journal.Pin(
            roster=roster.roster,
            problem=current.spec.problem,
            dataset_id=seat.dataset_id,
            version=seat.version,
            consent_id=seat.consent_id,
            may_overlap=may_overlap,
            further=tuple(
                journal.Held(each.dataset_id, each.version, each.consent_id)
                for each in current.offered_by(member_id)[1:]
            ),
        )


def _newest(known: Mapping[Any, E], **wanted: object) -> E:
    for each in reversed(tuple(known.values())):
        if all(getattr(each, name) == value for name, value in wanted.items()):
            return each
    raise errors.LedgerMismatch("the ledger recorded a call but does not show it", which=", ".join(wanted))
