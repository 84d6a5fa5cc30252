"""A dataset that stays in Spark, with people's consents behind it: filtered, noted and audited as one in a file is."""

import pathlib
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from tests.scenarios import consent_clinic

from aicommons.data import sources
from aicommons.data.formats import spark
from aicommons.domain import errors
from aicommons.learning import describe, state
from aicommons.node import agent as agents
from aicommons.node import tables
from aicommons.node.consents import keeping, notes, people

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),  # the first job of a session starts the workers
    pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed, and Spark needs it"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SERVER = "local[2]"
CLOSE = 1e-9


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    """End the session that the tests share."""
    yield
    spark.connect(SERVER).stop()


def in_spark(table: pathlib.Path) -> sources.Description:
    """Name a CSV file as a table in Spark."""
    body = {"kind": "spark", "server": SERVER, "read": "csv", "what": str(table)}
    return sources.from_document(body, table.parent)


class Site:
    """A clinic whose table stays in Spark, in a run under way."""

    def __init__(self, scene, folder: pathlib.Path, keep=keeping.Keeping) -> None:
        self.clinic = consent_clinic.Clinic(scene, folder, keep, in_spark)
        self.node = scene.nodes[self.clinic.member_id].agent
        self.run_id = scene.run_id

    @property
    def terms(self) -> agents.RunDocuments:
        """The run's documents."""
        return agents.terms_of(self.node, self.run_id, self.clinic.commons.registrar.view().runs[self.run_id])

    def sums(self, note: notes.Note, own: tables.OwnTable) -> dict[str, np.ndarray]:
        """Return a contribution computed again, from the rows of the people in its note, as numbers."""
        with self.clinic.honest.register() as opened:
            persons = people.Persons("person", opened.tagger(self.clinic.dataset), note.people)
        rows, found = tables.reader_of(own, self.terms)(persons)
        assert len(found) == len(note.people)
        before = state.decode(self.node.journal.state(self.run_id, note.record.round_index).data)
        sums, _ = self.terms.recipe.contribute(before, rows, rng=np.random.default_rng(0))
        return {
            name: np.array(describe.join_limbs(vector)) / 2.0**40 if name == describe.BLOCK_NAME else vector
            for name, vector in sums.items()
        }


def test_the_next_contribution_lacks_the_rows(stage, tmp_path: pathlib.Path) -> None:
    """A withdrawal between two rounds takes the rows out before Spark adds anything up; the audit holds.

    Every contribution is, to 1e-9, the one of the same people's rows in a file.
    """
    with stage.scene(3) as scene:
        site = Site(scene, tmp_path)
        clinic = site.clinic
        ended = scene.play(stage.move(consent_clinic.round_0, clinic.withdraw_alone))
        assert ended.agreed.rounds_done == 3
        first, *later = clinic.notes()
        leaver = clinic.tag(consent_clinic.LEAVER)
        assert leaver in first.people
        assert (first.record.persons, first.record.rows, first.record.held_back) == (30, 60, 0)
        assert all(leaver not in each.people for each in later)
        assert {(each.record.persons, each.record.rows, each.record.held_back) for each in later} == {(27, 54, 2)}
        report = clinic.audit()
        assert [each.problems for each in report.checked] == [(), (), ()]
        assert report.holds
        in_file = tables.OwnTable(clinic.table, consent_clinic.COHORT)
        for note in (first, *later):
            got, wanted = site.sums(note, clinic.own), site.sums(note, in_file)
            assert got.keys() == wanted.keys()
            for name, vector in wanted.items():
                assert np.abs(got[name] - vector).max() <= CLOSE * max(1.0, np.abs(vector).max()), name


class Everybody(people.People):
    """A node whose filter is off, and which notes only those who have consented."""

    def choose(self, asked: people.Asked, read) -> people.Chosen:
        """Choose as one should, then read everybody."""
        chosen = super().choose(asked, read)
        with self.opened() as (kept, _):
            tags = frozenset(entry.tag for entry in kept.entries(asked.dataset))
            read(people.Persons("person", kept.tagger(asked.dataset), tags))
        return chosen


def test_a_node_that_keeps_a_withdrawn_persons_rows_is_caught(stage, tmp_path: pathlib.Path) -> None:
    """What was added up in Spark is added up again there by the auditor, and has to be what was sent."""

    class Tampered(keeping.Keeping):
        def people(self) -> people.People:
            return Everybody(self._folder, self.key, self._draw)

    with stage.scene(3) as scene:
        clinic = Site(scene, tmp_path, Tampered).clinic
        scene.play(stage.move(consent_clinic.round_0, clinic.withdraw_at_the_desk))
        first, second, third = (each.problems for each in clinic.audit().checked)
        assert first == ()
        said = "it was not computed from the rows of the people in its note"
        assert all(any(said in problem for problem in problems) for problems in (second, third))


def test_people_are_counted_and_others_rows_are_not_looked_at(stage, tmp_path: pathlib.Path) -> None:
    """The minimum cohort is one of people with consent and rows; a stranger's row need not even be readable."""
    with stage.scene(3) as scene:
        site = Site(scene, tmp_path)
        clinic = site.clinic
        with clinic.table.open("a") as table:
            table.write("stranger,not a number,,maybe\n,0.1,0.2,no\n")
        node = site.node
        node.data.observe(clinic.commons.registrar.view())
        use = agents.use_of(site.run_id, clinic.commons.registrar.view().runs[site.run_id].spec, site.terms)
        brought = node.data.bring(agents.Part(clinic.dataset, 1), site.terms, use)
        assert len(brought.chosen.people) == len(consent_clinic.PEOPLE)
        assert brought.rows.train.rows + brought.rows.held_out.rows == 2 * len(consent_clinic.PEOPLE)
        lines = clinic.table.read_text().splitlines()
        emptied = ["{},,,no".format(line.partition(",")[0]) for line in lines[5:61]]
        clinic.table.write_text("\n".join([*lines[:5], *emptied]) + "\n")  # two people are left with whole rows
        with pytest.raises(errors.ContributionRefused, match="too few people"):
            node.data.bring(agents.Part(clinic.dataset, 1), site.terms, use)


def test_rows_that_come_later_are_in_no_sum(stage, tmp_path: pathlib.Path) -> None:
    """Who had no row that could be used when the people were noted is left out of the sums, although a consent covers them."""
    with stage.scene(3) as scene:
        site = Site(scene, tmp_path)
        clinic = site.clinic
        whole, late = clinic.table.read_text(), consent_clinic.PEOPLE[-1]
        with clinic.honest.register() as opened:
            tags = frozenset(opened.tag(clinic.dataset, person) for person in consent_clinic.PEOPLE)
            persons = people.Persons("person", opened.tagger(clinic.dataset), tags)
        # Spark has listed the file with its length when it reads it: the cells are emptied and filled in place.
        clinic.table.write_text("".join(_emptied(line, late) for line in whole.splitlines(keepends=True)))
        rows, found = tables.reader_of(clinic.own, site.terms)(persons)
        clinic.table.write_text(whole)
        assert late not in found
        assert rows.train.rows + rows.held_out.rows == 2 * len(found) == 58


def _emptied(line: str, person: str) -> str:
    """Return a person's line with spaces instead of its first number, in the same length."""
    key, first, *rest = line.split(",")
    return ",".join([key, " " * len(first) if key == person else first, *rest])


def test_a_copy_in_a_file_is_not_audited(stage, tmp_path: pathlib.Path) -> None:
    """The same rows added in another order differ in the last digits, which would look like a lie: it is refused."""
    with stage.scene(3) as scene:
        site = Site(scene, tmp_path)
        with pytest.raises(errors.InputError, match="not audited from a copy") as caught:
            tables.reader_of(site.clinic.own, site.terms, site.clinic.table)
        assert "without --table" in caught.value.next_step
