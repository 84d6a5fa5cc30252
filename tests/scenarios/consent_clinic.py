"""A site with a real table and a register of its people's consents, for scenes in which somebody withdraws.

Used by ``test_withdrawal_between_rounds`` and ``test_withdrawal_in_spark``; what has to hold is theirs.
"""

import pathlib
from collections.abc import Callable

import numpy as np

from aicommons import testing
from aicommons.data import sources
from aicommons.domain import consents, run
from aicommons.node import agent as agents
from aicommons.node import auditing, tables
from aicommons.node.consents import codes, keeping, register
from aicommons.protocol import consents as trees
from aicommons.protocol import view as views

PEOPLE = tuple(f"person-{number:03}" for number in range(30))
LEAVER = PEOPLE[7]
COHORT = 3


class Clinic:
    """The first site of a scene, with a real table and a register of its people's consents."""

    def __init__(
        self,
        scene,
        folder: pathlib.Path,
        keep: Callable[..., keeping.Keeping] = keeping.Keeping,
        source: Callable[[pathlib.Path], sources.Named] = lambda table: table,
    ) -> None:
        """Write the table, enter everybody's consent and post it.

        Args:
            scene: of a run that has not begun.
            folder: for table and register.
            keep: makes what the node keeps its registers with.
            source: says how the owner names the table.
        """
        self.scene, self.folder = scene, folder
        member = scene.member(0)
        self.desk, self.member_id = member.desk, int(member.member_id)
        self.commons = scene.simulation.commons
        self.dataset = scene.simulation.view().enrolled[self.member_id].dataset_id
        self.place = member.node.ledger.place
        self.table = folder / "table.csv"
        random = np.random.default_rng(5)
        rows = [
            f"{person},{a:.3f},{b:.3f},{'yes' if a > 0 else 'no'}"
            for person in PEOPLE
            for a, b in random.normal(size=(2, 2))
        ]
        self.table.write_text("\n".join(["person,a,b,y", *rows]) + "\n")
        signer = member.node.signing._signer
        self.honest = keeping.Keeping(folder / "consents", signer, self.commons.clock)
        self.keeping = keep(folder / "consents", signer, self.commons.clock)
        self.honest.key_file.create(signer)
        self.own = own = tables.OwnTable(source(self.table), COHORT)
        data = tables.OwnerTables(lambda _: own, folder / "prepared", consents=self.keeping)
        scene.change(0, data=data)
        self.desk.open_register(self.dataset)
        with self.honest.register() as opened:
            opened.open(self.dataset, "person")
            made = opened.enter([self.consent(opened, person) for person in PEOPLE])
            self.codes = {person: code for person, (_, code) in zip(PEOPLE, made, strict=True)}
        self.post()

    def consent(self, opened: register.Register, person: str) -> consents.ConsentRecord:
        """Return an adult's consent on paper."""
        now = int(self.commons.clock.now()) - 100
        return consents.ConsentRecord(
            record=b"\x01" * 32,
            tag=opened.tag(self.dataset, person),
            subject=consents.Subject.ADULT,
            majority=None,
            holder=None,
            guardian=None,
            purposes=(testing.PURPOSE,),
            commercial=False,
            scope=consents.Scope(self.dataset, (), None, None),
            basis=consents.Basis.EXPLICIT,
            expiry=now + 10**7,
            max_uses=None,
            given=consents.Given.ON_PAPER,
            evidence=b"\x02" * 32,
            steward="Amina",
            controller="A clinic",
            notice=None,
            language="en",
            withdrawal="with the code",
            history=(consents.Change(consents.Status.GIVEN, now, "steward Amina", None),),
        )

    def post(self) -> None:
        """Put the register's state on the ledger."""
        with self.honest.register() as opened:
            self.desk.post_register(self.dataset, *opened.draft_posting(self.desk.register_place, self.dataset))

    def withdraw_at_the_desk(self, _: object = None) -> None:
        """The steward enters the withdrawal and posts it."""
        self.commons.clock.advance(2)
        gone = consents.Change(consents.Status.WITHDRAWN, int(self.commons.clock.now()), "steward Amina", None)
        with self.honest.register() as opened:
            opened.change(self.dataset, PEOPLE.index(LEAVER), gone)
        self.post()
        self.commons.clock.advance(2)

    def withdraw_alone(self, _: object = None) -> None:
        """The person takes the consent back on the ledger with the code of the receipt; the steward does nothing."""
        place, number = self.desk.register_place, PEOPLE.index(LEAVER)
        with self.honest.register() as opened:
            leaf = opened.leaf(self.dataset, number)
            tree, _ = opened.trees(place, self.dataset)
        deadline = int(self.commons.clock.now()) + 3600
        digest = trees.withdrawal_digest(place, trees.leaf_hash(place, leaf), deadline)
        stranger = self.commons.registrar
        stranger.withdraw_leaf_by_signature(
            leaf,
            tree.proof(number),
            deadline=deadline,
            by=leaf.holder,
            signature=codes.sign(self.codes[LEAVER], digest),
        )

    def tag(self, person: str) -> bytes:
        """Return a person's tag."""
        with self.honest.register() as opened:
            return opened.tag(self.dataset, person)

    def notes(self):
        """Return the notes of the run."""
        with self.honest.notes() as noted:
            return noted.of_run(self.scene.run_id)

    def audit(self) -> auditing.Report:
        """Audit the site's contributions, as somebody who was called in."""
        node = self.scene.nodes[self.member_id].agent
        view = self.commons.registrar.view()
        terms = agents.terms_of(node, self.scene.run_id, view.runs[self.scene.run_id])
        read = tables.reader_of(self.own, terms)
        return auditing.audit(
            auditing.Case(
                self.scene.run_id, self.member_id, view, terms, node.ledger.place, self.desk.register_place,
                [node.own, self.commons.store], node.journal, self.honest, read, COHORT, self.own.rule,
            )
        )  # fmt: skip


def round_0(view: views.RunView) -> bool:
    """Everybody's contribution to the first round is fixed, and nobody has begun the second one."""
    return view.round_index == 0 and view.current is not None and view.current.phase is run.Phase.FIXED
