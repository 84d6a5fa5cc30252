"""Somebody withdraws while a run is under way: the next contribution lacks the rows, and who keeps them is caught."""

import contextlib
import dataclasses
import pathlib
import sqlite3
from collections.abc import Callable

import pytest
from tests.scenarios import consent_clinic

from aicommons.domain import consents, errors, events, ids
from aicommons.node import agent as agents
from aicommons.node import tables, verification
from aicommons.node.consents import keeping, notes, people
from aicommons.protocol import view as views


@pytest.mark.parametrize("how", ["withdraw_at_the_desk", "withdraw_alone"])
def test_the_next_contribution_lacks_the_rows(stage, tmp_path: pathlib.Path, how: str) -> None:
    """A withdrawal between two rounds, at the desk or by the person alone, takes the rows out of the next contribution.

    An auditor finds that every contribution was made from the rows of exactly those whose consent covered it.
    """
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        ended = scene.play(stage.move(consent_clinic.round_0, lambda _: getattr(clinic, how)()))
        assert ended.agreed.rounds_done == 3
        first, *later = clinic.notes()
        leaver = clinic.tag(consent_clinic.LEAVER)
        assert (len(first.people), first.record.rows) == (30, 60)
        assert leaver in first.people
        assert [each.record.round_index for each in later] == [1, 2]
        assert all(leaver not in each.people for each in later)
        assert {(each.record.persons, each.record.rows, each.record.held_back) for each in later} == {(27, 54, 2)}
        report = clinic.audit()
        assert [each.problems for each in report.checked] == [(), (), ()]
        assert report.holds
        assert report.missing == ()


def test_a_guardian_who_is_vouched_for_no_more_is_out_of_the_next_contribution(stage, tmp_path: pathlib.Path) -> None:
    """When an organisation takes an attestation back between two rounds, the child's rows are in none that follow.

    The audit knows that it still held when the first contribution was made.
    """
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        voucher, key = scene.member(1).desk, ids.Address(b"\xab" * 20)
        until = int(clinic.commons.clock.now()) + 10**6
        named = voucher.attest_guardian(b"\x03" * 32, key, until, b"\x04" * 32)
        mother = consents.Guardian("A mother", "mother", b"\x04" * 32, ids.format_id(key), named)
        with clinic.table.open("a") as table:
            table.write("a-child,0.1,0.2,no\n")
        with clinic.honest.register() as opened:
            adult = clinic.consent(opened, "a-child")
            child = {"subject": consents.Subject.CHILD, "majority": until, "guardian": mother}
            opened.enter([dataclasses.replace(adult, **child)])
        clinic.post()
        scene.play(stage.move(consent_clinic.round_0, lambda _: voucher.revoke_guardian(named)))
        first, *later = clinic.notes()
        tag = clinic.tag("a-child")
        assert tag in first.people
        assert [tag in each.people for each in later] == [False, False]
        report = clinic.audit()
        assert [each.problems for each in report.checked] == [(), (), ()]


class Interrupted:
    """A store that does not take a node's first blob; something happens then."""

    def __init__(self, inner, act: Callable[[], None]) -> None:
        self._inner, self._act = inner, act
        self.is_new = True

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def put(self, data: bytes) -> bytes:
        """Fail once."""
        if self.is_new:
            self.is_new = False
            self._act()
            raise errors.StoreUnreachable("the store does not answer")
        return self._inner.put(data)


@pytest.mark.parametrize("how", ["withdraw_at_the_desk", "withdraw_alone"])
def test_what_was_built_before_a_withdrawal_is_not_announced_after_it(stage, tmp_path: pathlib.Path, how: str) -> None:
    """A contribution that waits to be sent when somebody withdraws stays at the site, whatever that means for the run."""
    with stage.scene(4) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        store = Interrupted(scene.nodes[clinic.member_id].agent.store, lambda: getattr(clinic, how)())
        scene.change(0, store=store)
        scene.play()
        assert not store.is_new
        (note,) = clinic.notes()
        assert clinic.tag(consent_clinic.LEAVER) in note.people
        told = clinic.commons.connect(clinic.commons.operator).poll()
        senders = {each.member_id for each in told if isinstance(each, events.Submitted)}
        assert len(senders) == 3
        assert clinic.member_id not in senders


class Disturbed:
    """An owner's data; something happens while the first contribution is made of it."""

    def __init__(self, inner, act: Callable[[], None]) -> None:
        self._inner, self._act = inner, act
        self.is_new = True

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def bring(self, *arguments):
        """Read, and let it happen."""
        brought = self._inner.bring(*arguments)
        if self.is_new:
            self.is_new = False
            self._act()
        return brought


def test_what_is_made_while_somebody_withdraws_is_made_again(stage, tmp_path: pathlib.Path) -> None:
    """A withdrawal during the computation costs another one: the round goes on, without the rows."""
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        data = Disturbed(scene.nodes[clinic.member_id].agent.data, clinic.withdraw_at_the_desk)
        scene.change(0, data=data)
        ended = scene.play()
        assert not data.is_new
        assert ended.agreed.rounds_done == 3
        leaver = clinic.tag(consent_clinic.LEAVER)
        assert [(each.record.attempt, leaver in each.people, each.record.persons) for each in clinic.notes()] == [
            (0, False, 29)
        ] * 3
        assert [each.problems for each in clinic.audit().checked] == [(), (), ()]


class Careless(people.People):
    """A node that sends what it has made, whoever has withdrawn since."""

    def check_still(self, asked: people.Asked, made: notes.Note | tuple[int, int]) -> None:
        """Find nothing."""


class Everybody(Careless):
    """A node whose filter is off: it reads the rows of whoever ever was in the register, and says so."""

    def choose(self, asked: people.Asked, read: Callable[[people.Persons], people.Kept]) -> people.Chosen:
        """Read everybody."""
        with self.opened() as (kept, _):
            tags = frozenset(entry.tag for entry in kept.entries(asked.dataset))
            read(people.Persons("person", kept.tagger(asked.dataset), tags))
        return people.Chosen(asked, tags, bytes(32), 0)


class Liar(Careless):
    """A node that reads everybody and notes only those who have consented."""

    def choose(self, asked: people.Asked, read: Callable[[people.Persons], people.Kept]) -> people.Chosen:
        """Choose as one should, then read everybody."""
        chosen = super().choose(asked, read)
        with self.opened() as (kept, _):
            tags = frozenset(entry.tag for entry in kept.entries(asked.dataset))
            read(people.Persons("person", kept.tagger(asked.dataset), tags))
        return chosen


class Laggard(Careless):
    """A node that looks up consents as they stood when it was started."""

    def choose(self, asked: people.Asked, read: Callable[[people.Persons], people.Kept]) -> people.Chosen:
        """Choose by the first posting."""
        with self.opened() as (kept, _):
            tags = frozenset(entry.tag for entry in kept.entries(asked.dataset))
            read(people.Persons("person", kept.tagger(asked.dataset), tags))
        FIRST.setdefault(asked.dataset, asked)
        return people.Chosen(FIRST[asked.dataset], tags, bytes(32), 0)


class Eager(Careless):
    """A node that drops who withdrew, and nobody else."""

    def choose(self, asked: people.Asked, read: Callable[[people.Persons], people.Kept]) -> people.Chosen:
        """Choose without holding anybody back."""
        with self.opened() as (kept, noted):
            tags = people.covered(kept, asked, noted.runs_of(asked.dataset, but=asked.use.run))
            read(people.Persons("person", kept.tagger(asked.dataset), tags))
        return people.Chosen(asked, tags, bytes(32), 0)


class Silent(Careless):
    """A node that keeps no note of what it committed to."""

    def keep(self, note: notes.Note) -> None:
        """Forget it."""


FIRST: dict[int, people.Asked] = {}
"""Dataset -> what a laggard was asked first."""
TAMPERED: dict[str, tuple[type[people.People], str]] = {
    "its filter is off": (Everybody, "the rows of 1 person without consent are in it (withdrawn)"),
    "it notes others than it read": (Liar, "it was not computed from the rows of the people in its note"),
    "it looks up old consents": (Laggard, "with consents as they stood before the round began"),
    "it holds nobody back": (Eager, "its people differ in only 1 from those of another contribution"),
    "it keeps no notes": (Silent, "the node has nothing that opens its header's commitment"),
}


@pytest.mark.parametrize(("kind", "found"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_node_is_caught(stage, tmp_path: pathlib.Path, kind: type[people.People], found: str) -> None:
    """A node that keeps a withdrawn person's rows, or hides which rows it used, is named by the auditor's check."""

    class Tampered(keeping.Keeping):
        def people(self) -> people.People:
            return kind(self._folder, self.key, self._draw)

    FIRST.clear()
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path, Tampered)
        scene.play(stage.move(consent_clinic.round_0, clinic.withdraw_at_the_desk))
        report = clinic.audit()
        assert not report.holds
        assert len(report.checked) == 3
        assert any(found in problem for problem in report.checked[1].problems), report.checked[1].problems


def test_a_node_that_commits_to_nobody_is_caught(stage, tmp_path: pathlib.Path) -> None:
    """A contribution without a commitment to people, from a dataset with a register, is named."""

    class Unasked(keeping.Keeping):
        def standing(self, view: views.LedgerView, dataset: int) -> None:
            return None

    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path, Unasked)
        scene.play()
        assert {each.problems for each in clinic.audit().checked} == {("its header commits to nobody's consent",)}


def test_a_register_that_was_changed_is_caught(stage, tmp_path: pathlib.Path) -> None:
    """A register from which a withdrawal was taken away does not give the roots on the ledger any more."""
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        scene.play(stage.move(consent_clinic.round_0, clinic.withdraw_at_the_desk))
        with contextlib.closing(sqlite3.connect(tmp_path / "consents" / "register.db")) as beside:
            beside.execute("DROP TRIGGER keep_change_DELETE")
            beside.execute("DELETE FROM change WHERE status = 'dpv:ConsentWithdrawn'")
            beside.commit()
        said = clinic.audit().checked[1].problems
        assert "the register here is not the one that was posted to the ledger" in said


def test_another_table_is_not_taken_for_the_old_one(stage, tmp_path: pathlib.Path) -> None:
    """An audit with a table from which rows were taken says so, and computes something else."""
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        scene.play()
        clinic.table.write_text("\n".join(clinic.table.read_text().splitlines()[:-2]) + "\n")
        said = clinic.audit().checked[0].problems
        assert said[0] == "the table has 58 rows of 29 of its people, its note says 60 of 30"
        assert len(said) == 2


def test_verification_tells_which_sites_committed(stage, tmp_path: pathlib.Path) -> None:
    """``run verify`` says for each participant whether its headers commit to people's consents."""
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        current = scene.play()
        commons = scene.simulation.commons
        report = verification.verify(current, scene.run_id, commons.store, clinic.place)
        said = {each.member_id: (each.headers, each.committed) for each in report.consented}
        assert said == {member: (3, 3 if member == clinic.member_id else 0) for member in scene.roster}


def test_a_ledger_that_hides_the_register_stops_the_site(stage, tmp_path: pathlib.Path) -> None:
    """A ledger that shows no register makes every consent look unposted: the site sends nothing, rather than everything."""
    with stage.scene(3, patience_seconds=40) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        node = scene.nodes[clinic.member_id].agent
        view = commons_view = scene.simulation.commons.registrar.view()
        assert commons_view.registers
        node.data.observe(dataclasses.replace(view, permitted=dataclasses.replace(view.permitted, registers={})))
        terms = agents.terms_of(node, scene.run_id, view.runs[scene.run_id])
        use = agents.use_of(scene.run_id, view.runs[scene.run_id].spec, terms)
        with pytest.raises(errors.ContributionRefused, match="too few people"):
            node.data.bring(agents.Part(clinic.dataset, 1), terms, use)


def test_wallets_are_trained_on_while_consent_lasts(stage, tmp_path: pathlib.Path) -> None:
    """Rows in data wallets go into a run while nobody is there; after a withdrawal neither filter nor key lets them in."""
    with stage.scene(3) as scene:
        clinic = consent_clinic.Clinic(scene, tmp_path)
        kept = clinic.honest
        names = []
        for number in range(7):
            wallet = kept.wallets.open("a person's passphrase")
            rows = f"a,b,y\n{number - 3},0.5,{'yes' if number > 3 else 'no'}\n0.1,{number},no\n0.3,-{number},yes\n"
            wallet.put(clinic.dataset, rows.encode(), "a person's passphrase", kept.key)
            names.append(wallet.name)
        with kept.register() as opened:
            opened.enter([clinic.consent(opened, name) for name in names])
        clinic.post()
        own = tables.OwnTable(tmp_path / "consents" / "wallets", consent_clinic.COHORT)
        data = tables.OwnerTables(lambda _: own, tmp_path / "prepared", consents=kept)
        scene.change(0, data=data)

        def leave(_: object) -> None:
            clinic.commons.clock.advance(2)
            gone = consents.Change(consents.Status.WITHDRAWN, int(clinic.commons.clock.now()), "holder", None)
            with kept.register() as opened:
                tag = opened.change(clinic.dataset, len(consent_clinic.PEOPLE), gone).record.tag
                assert kept.wallets.revoke(clinic.dataset, opened.tagger(clinic.dataset), frozenset({tag})) == 1

        scene.play(stage.move(consent_clinic.round_0, leave))
        first, *later = clinic.notes()
        assert (first.record.persons, first.record.rows) == (7, 21)
        assert {(each.record.persons, each.record.held_back) for each in later} == {(4, 2)}
        assert all(clinic.tag(names[0]) not in each.people for each in later)
        assert not list(tmp_path.rglob("prepared/**/*.npy")), "wallets' rows are never kept in the clear"
