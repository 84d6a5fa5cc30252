"""A run that asks for data, as its owner needs to see it before deciding: who, why, what is computed, what it costs, what fits.

Called by the inbox of the page and of the command line. Everything said by others is repeated, nothing of it is checked
but its digests; whether a table fits is found out by reading it here, and only numbers of rows are shown, to its owner.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
import threading
import time
from collections.abc import Mapping

from aicommons import app, office
from aicommons.data import columns, prepared, reading
from aicommons.domain import documents, encoding, errors, events, ids, run, vocabulary
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import suite
from aicommons.node import agent as agents
from aicommons.node import rehearsal, tables
from aicommons.node import standing as rule_facts
from aicommons.node.consents import people, register
from aicommons.owner import permitting, places
from aicommons.protocol import inbox, ports, rules
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What a dry run of a plan on a dataset showed."""

    rows: int = 0
    """Complete rows; where people are asked, of those alone whose rows would go in now."""
    people: int | None = None
    """Whose consent covers the run and who has rows; ``None`` where no register of people's consents stands behind it."""
    cell: rehearsal.Cell | None = None
    """The smallest group of rows that would be counted."""
    sent: tuple[rehearsal.Sent, ...] = ()
    """What would leave the site in each kind of round."""
    trouble: str | None = None
    """Why the table does not fit; ``None`` when it does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """One dataset of this home beside a run."""

    dataset_id: int
    title: str
    measured: Measured
    consent_id: bytes | None
    """A live consent that already permits it, ``None`` when approving has to give one."""
    price: int
    """What a run pays for it, in the smallest unit; 0 in the free commons."""

    @property
    def is_fitting(self) -> bool:
        """Whether it can take part."""
        return self.measured.trouble is None


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """A run that is open for enrolment."""

    run_id: ids.RunId
    current: views.RunView
    problem: documents.Problem | None
    """``None`` while the store does not give it."""
    papers: agents.RunDocuments | None
    """Plan and terms; nothing is approved without them."""
    solver: str
    """Name and number."""
    problem_owner: str
    readers: tuple[str, ...]
    """Who else may read the sums."""
    fits: tuple[Fit, ...]
    """Datasets of this home, those that fit first."""
    money: office.Token
    """What prices and the bond are counted in, as far as anything answers where the solver says."""

    @property
    def site_shares(self) -> int:
        """What is left of the model's 1,000,000 shares for the sites together, which share it equally."""
        spec = self.current.spec
        return run.ALL_SHARES - spec.solver_shares - spec.owner_shares

    @property
    def is_hybrid(self) -> bool:
        """Whether boxes of seeds take an ML-KEM secret too."""
        return suite.is_hybrid(self.current.spec.suite)

    @property
    def is_commercial(self) -> bool:
        """Whether the use is commercial: because the solver says so, or because its purpose is."""
        if self.current.spec.commercial or self.papers is None:
            return self.current.spec.commercial
        try:
            return vocabulary.is_commercial(self.papers.terms.purpose)
        except errors.InputError:
            return False  # a purpose that nobody knows: no consent covers it

    @property
    def asked(self) -> inbox.Asked | None:
        """What standing rules look at, ``None`` while the documents cannot be read."""
        return None if self.papers is None else rule_facts.asked_of(self.current.spec, self.papers)

    @property
    def fitting(self) -> tuple[Fit, ...]:
        """Datasets that can take part."""
        return tuple(each for each in self.fits if each.is_fitting)


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """A run that asks for a dataset."""

    dataset_id: int
    known: app.KnownDataset
    papers: agents.RunDocuments
    current: views.RunView
    view: views.LedgerView

    @property
    def part(self) -> agents.Part:
        return agents.Part(self.dataset_id, self.known.get("version", 1))


class Tables:
    """How the datasets of this home fit plans; each is read once per plan, and again when its file or its register changes."""

    def __init__(self, home: app.Home, signer: ports.Signer) -> None:
        """Look at ``home``'s tables; ``signer``, its wallet, opens the registers of people's consents."""
        self._home, self._signer = home, signer
        self._known: dict[tuple[object, ...], Measured] = {}
        self._reading = threading.Lock()

    def measure(
        self,
        dataset_id: int,
        known: app.KnownDataset,
        papers: agents.RunDocuments,
        *,
        current: views.RunView,
        view: views.LedgerView,
    ) -> Measured:
        """Return what a dry run of a plan shows; what is wrong with the table, or too few consents, is part of that."""
        version = known.get("version", 1)
        files = [_stamp(pathlib.Path(known["path"])), _stamp(self._home.mapping_file(dataset_id, version))]
        key: tuple[object, ...] = (dataset_id, version, current.spec.plan, papers.terms.minimum_cohort, *files)
        if self._asks_people(
            dataset_id, view
        ):  # whose consent covers a run changes with the register, the ledger, the hour
            names = ("register.db", "register.db-wal", "notes.db", "notes.db-wal")
            kept = [_stamp(self._home.consents_folder / name) for name in names]
            key = (*key, *kept, encoding.run_id(current.spec), view.block, int(time.time()) // 3600)
        with self._reading:
            if key not in self._known:
                self._known[key] = self._rehearse(_Question(dataset_id, known, papers, current, view))
            return self._known[key]

    def _asks_people(self, dataset_id: int, view: views.LedgerView) -> bool:
        return dataset_id in view.registers or dataset_id in register.datasets_in(
            self._home.consents_folder / "register.db"
        )

    def _rehearse(self, asked: _Question) -> Measured:
        recipe = asked.papers.recipe
        with tempfile.TemporaryDirectory(prefix="dry-run-", dir=self._home.path) as scratch:
            try:
                own = app.own_table(self._home, asked.dataset_id, asked.known)
                rows, table, persons = self._read(own, asked, pathlib.Path(scratch) / "rows")
                found = rehearsal.rehearse(recipe, rows, table, members=run.FEWEST_PARTICIPANTS)
            except errors.PermanentError as err:
                return Measured(trouble=str(err) + _way_out(err))
        return Measured(table.rows, persons, found.cells[0] if found.cells else None, found.rounds)

    def _read(
        self, own: tables.OwnTable, asked: _Question, folder: pathlib.Path
    ) -> tuple[recipes.Rows, columns.Columns, int | None]:
        """Return the rows that the node would bring now, the table they are in, and how many people's they are.

        Raises:
            errors.PermanentError: as ``tables.OwnerTables.bring``, or the wallet does not open the register.
        """
        plan, wanted = asked.papers.plan, own.wanted(asked.papers)
        division = tables.division(plan, wanted.plan)
        if not self._asks_people(asked.dataset_id, asked.view):
            tables.check_not_lost(own, asked.part)
            table = prepared.prepare(own.source, wanted, folder, division)
            return tables.divided(table), table, None
        kept = app.open_consents(self._home, self._signer)
        standing = kept.standing(asked.view, asked.dataset_id)
        if standing is None:
            raise AssertionError("a register is kept or shown")
        found: list[columns.Columns] = []

        def read(persons: people.Persons) -> people.Kept:
            named = dataclasses.replace(wanted, persons=persons)
            with contextlib.ExitStack() as stack:
                if kept.wallets.are_at(own.source):  # what lies in data wallets is never kept in the clear
                    source = stack.enter_context(kept.wallets.table(asked.dataset_id, kept.key))
                    found[:] = [reading.table_of(source, named)]
                else:
                    found[:] = [prepared.prepare(own.source, named, folder, division)]
            return found[0].persons or ()

        use = agents.use_of(encoding.run_id(asked.current.spec), asked.current.spec, asked.papers)
        chosen = kept.people().choose(people.Asked(asked.dataset_id, own.minimum_cohort, use, standing), read)
        table = found[0]
        rows = tables.split_rows(table, plan, wanted.plan) if table.held_out is None else tables.divided(table)
        return rows, table, len(chosen.people)


def _way_out(err: errors.PermanentError) -> str:
    """Return what to do where consents are missing: those that were entered but not posted do not count either."""
    if isinstance(err, errors.ContributionRefused) and err.which == "consents":
        return ". Enter more consents, post them (`commons consent post`), and look again"
    return ""


def _stamp(path: pathlib.Path) -> tuple[int, int] | None:
    """Return what changes with a file, ``None`` where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def make_offer(place: places.Place, papers: places.Papers, measuring: Tables, run_id: ids.RunId) -> Offer:
    """Return a run as an offer to this home.

    Raises:
        errors.InputError: no such run.
    """
    view = place.desk.view()
    current = place.desk.run(run_id)
    known = papers.terms(current)
    stated = view.problems.get(current.spec.problem)
    readers = () if known is None else tuple(papers.name(view, int(each.member_id)) for each in known.terms.readers)
    fits = () if known is None else _fits(place, view, current, known, measuring=measuring)
    return Offer(
        run_id=run_id,
        current=current,
        problem=papers.problem(view, current.spec.problem),
        papers=known,
        solver=papers.name(view, current.spec.solver),
        problem_owner="" if stated is None else papers.name(view, stated.owner),
        readers=readers,
        fits=tuple(sorted(fits, key=lambda each: (not each.is_fitting, each.dataset_id))),
        money=place.desk.money.known_token(current.spec.token),
    )


def _fits(
    place: places.Place,
    view: views.LedgerView,
    current: views.RunView,
    papers: agents.RunDocuments,
    *,
    measuring: Tables,
) -> tuple[Fit, ...]:
    member = place.desk.member_id()
    own: Mapping[int, app.KnownDataset] = {
        number: known
        for number, known in place.home.datasets().items()
        if number in view.datasets and view.datasets[number].owner == member
    }
    found = []
    for number, known in own.items():
        consent_id = live_consent(view, number, current)
        measured = _measured(place, view, (number, current, papers), consent_id=consent_id, measuring=measuring)
        found.append(Fit(number, known["title"], measured, consent_id, view.datasets[number].newest.asked))
    return tuple(found)


def _measured(
    place: places.Place,
    view: views.LedgerView,
    asked: tuple[int, views.RunView, agents.RunDocuments],
    *,
    consent_id: bytes | None,
    measuring: Tables,
) -> Measured:
    """Return what reading a dataset shows, or all that forbids it: then nothing is read."""
    number, current, papers = asked
    newest, run_id = view.datasets[number].newest, encoding.run_id(current.spec)
    part = agents.Part(number, newest.version)
    known = place.home.dataset_version(number, newest.version)
    if consent_id is None:
        consent = seen_consent(consent_for(number, current.spec, view.time))
        of_ledger = objection(view, number, current.spec)
    else:
        consent, of_ledger = rules.Consent.seen(view.consents[consent_id]), None
    of_home = permitting.objection(place, run_id, papers, part=part, consent=consent)
    said = [each for each in (of_ledger, of_home) if each is not None]
    if known is None or said:
        is_said_twice = len(said) == 2 and said[0] in said[1]
        return Measured(trouble=" ".join(said[1:] if is_said_twice else said) or str(permitting.unknown(part)))
    return measuring.measure(number, known, papers, current=current, view=view)


def live_consent(view: views.LedgerView, dataset_id: int, current: views.RunView) -> bytes | None:
    """Return a consent that already permits a dataset's use in a run, ``None`` when there is none."""
    for consent_id, given in view.consents.items():
        if given.dataset_id != dataset_id:
            continue
        terms, revoked = given.terms, given.revoked is not None
        if _denial(view, current.spec, terms, uses=len(given.uses), revoked=revoked) is rules.Denial.NONE:
            return consent_id
    return None


def objection(view: views.LedgerView, dataset_id: int, spec: run.RunSpec) -> str | None:
    """Return why no consent of its owner could let a dataset take part in a run; ``None`` when one can."""
    dataset = view.datasets[dataset_id]
    if dataset.body is not None:
        return "its consents are given by the vote of a body, not by its owner"
    denial = _denial(view, spec, consent_for(dataset_id, spec, view.time), uses=0, revoked=False)
    return None if denial is rules.Denial.NONE else denial.reason


def _denial(
    view: views.LedgerView, spec: run.RunSpec, terms: events.ConsentTerms, *, uses: int, revoked: bool
) -> rules.Denial:
    """Return what the ledger would say now to a run's use of a dataset under a consent."""
    dataset = view.datasets[terms.dataset_id]
    listing = rules.Listing.seen(dataset, view.members.get(dataset.owner))
    consent = dataclasses.replace(seen_consent(terms), uses=uses, revoked=revoked)
    use = rules.Use(terms.dataset_id, spec.purpose, spec.problem, spec.solver, spec.commercial, spec.price)
    return rules.ledger_denial(consent, listing, use, view.time, banned=view.banned)


def seen_consent(terms: events.ConsentTerms) -> rules.Consent:
    """Return a consent of these terms that nobody has used yet."""
    return rules.Consent(
        dataset_id=terms.dataset_id,
        purposes=terms.purposes,
        grantee=terms.grantee or None,
        problem=terms.problem if any(terms.problem) else None,
        commercial=terms.commercial,
        expiry=terms.expiry,
        max_uses=terms.max_uses,
    )


def consent_for(dataset_id: int, spec: run.RunSpec, now: int) -> events.ConsentTerms:
    """Return the narrowest consent that lets a dataset take part in a run: one use, one solver, one problem, 30 days."""
    codes = [each.code for each in vocabulary.PURPOSES if encoding.purpose_code(each.code) == spec.purpose]
    purposes = vocabulary.bits(codes, closed=False)
    expiry = now + CONSENT_SECONDS
    return events.ConsentTerms(dataset_id, purposes, spec.solver, spec.problem, spec.commercial, expiry, 1, bytes(32))


CONSENT_SECONDS = 30 * 86400
"""How long a consent lasts that an approval gives."""
