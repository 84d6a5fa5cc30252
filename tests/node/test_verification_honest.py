"""`run verify` on runs whose record is right: what it checks, what it cannot check, and what it says of both."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from aicommons import testing
from aicommons.domain import errors, events, ids, run
from aicommons.learning import state
from aicommons.learning.secagg import reading, suite
from aicommons.node import verdict, verification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.node.conftest import Trained

    from aicommons.learning import recipe


def words(parts: Iterable[verdict.Checked | verdict.Unchecked]) -> list[str]:
    """Return how parts of a report are told."""
    return [each.words for each in parts]


@pytest.mark.parametrize("name", ["three", "five"])
def test_an_honest_run_verifies_without_a_key(name: str, request: pytest.FixtureRequest) -> None:
    """From ledger and store alone everything holds but the sums, and the report says so."""
    trained: Trained = request.getfixturevalue(name)
    report = trained.verify()
    assert (report.problem, report.level) == (None, verdict.Level.RECORD)
    assert report.rounds == trained.current.agreed.rounds_done == len(trained.current.attempts)
    assert report.metrics is None
    assert any("sums" in part for part in words(report.unchecked))
    assert not any("opened" in part and "sums" in part for part in words(report.checked))
    members = len(trained.members)
    assert f"Reveals ({members * report.rounds}): signature and opened commitment" in words(report.checked)
    assert f"masked vectors ({members * report.rounds}): digest and the root in their header" in words(report.checked)


@pytest.mark.parametrize("name", ["three", "five"])
def test_a_participants_key_checks_every_sum(name: str, request: pytest.FixtureRequest) -> None:
    """With an epoch key every sum is opened, every state is computed again, and the card's figures are those of it."""
    trained: Trained = request.getfixturevalue(name)
    report = trained.verify(trained.reader())
    assert (report.problem, report.level) == (None, verdict.Level.SUMS)
    assert f"sums ({report.rounds}): opened, and the state after each computed again" in words(report.checked)
    assert "figures on the card: those of the sums" in words(report.checked)
    assert report.metrics is not None
    assert report.metrics.rows == 20 * len(trained.members)
    assert not any("sums" in part for part in words(report.unchecked))


def test_the_problem_owner_reads_like_a_participant(three: Trained, owner_reader: verification.VerifyingReader) -> None:
    """A reader named in the terms, who takes no part, computes the same figures as a participant."""
    report = three.verify(owner_reader)
    assert report == three.verify(three.reader())
    assert report.verified
    assert report.unchecked == ()


def erased(trained: Trained) -> Trained:
    """Return a run after the retention time: only plan, terms and card are left in the store."""
    kept = {bytes(trained.current.spec.plan), bytes(trained.current.spec.terms), bytes(trained.current.model.card)}
    return dataclasses.replace(trained, blobs={name: data for name, data in trained.blobs.items() if name in kept})


def without_a_document(trained: Trained) -> Trained:
    """Return a run of which one member's document is lost, whose columns other members hold too."""
    lost = trained.current.attempts[(1, 0)].reveals[3].document
    return trained.with_blob(lost, None)


@dataclasses.dataclass(frozen=True)
class Claim:
    """What may be claimed of a run."""

    level: verdict.Level
    says: tuple[str, ...]
    does_not_say: tuple[str, ...]
    change: Callable[[Trained], Trained] = lambda trained: trained
    with_key: bool = False
    with_kept: bool = False


CLAIMS = {
    "with a reader's key": Claim(
        verdict.Level.SUMS,
        ("the arithmetic and the agreement", "every sum", "not prove that inputs were honest"),
        ("not checked",),
        with_key=True,
    ),
    "with a reader's key, one of several documents lost": Claim(
        verdict.Level.SUMS,
        ("the arithmetic and the agreement", "What is listed as not checked is no part of it"),
        (),
        without_a_document,
        with_key=True,
    ),
    "without a key": Claim(
        verdict.Level.RECORD,
        ("the agreement", "over which masked vectors", "not prove the arithmetic", "not prove that inputs were honest"),
        ("proves the arithmetic",),
    ),
    "without a key, blobs erased": Claim(
        verdict.Level.SIGNED,
        ("as far as it is signed", "not all bytes", "not prove that inputs were honest"),
        ("over which", "arithmetic"),
        erased,
    ),
    "with a reader's key, blobs erased": Claim(
        verdict.Level.SIGNED, ("as far as it is signed",), ("over which", "arithmetic"), erased, with_key=True
    ),
    "from the sums that a node kept": Claim(
        verdict.Level.KEPT_SUMS,
        ("every state", "that this home's node kept", "that node's word", "no part of it"),
        ("proves the arithmetic",),
        with_kept=True,
    ),
    "from the sums that a node kept, blobs erased": Claim(
        verdict.Level.KEPT_SUMS, ("every state", "no part of it"), ("over which",), erased, with_kept=True
    ),
    "from the sums that a node kept but for one": Claim(
        verdict.Level.RECORD,
        ("the agreement",),
        ("every state",),
        lambda trained: dataclasses.replace(
            trained, sums={index: kept for index, kept in trained.sums.items() if index != 1}
        ),
        with_kept=True,
    ),
    "nothing happened yet": Claim(
        verdict.Level.NONE,
        ("proves nothing",),
        ("agreement", "arithmetic"),
        lambda trained: trained.with_run(attempts={}, agreed=None, model=None, shares={}),
    ),
    "a message was changed": Claim(
        verdict.Level.NONE,
        ("proves nothing",),
        ("agreement", "arithmetic"),
        lambda trained: trained.with_message(
            (1, 0), "reveals", 4, lambda sent: dataclasses.replace(sent, signature=bytes(65))
        ),
        with_key=True,
    ),
}


@pytest.mark.parametrize("row", CLAIMS)
def test_a_report_claims_no_more_than_was_checked(three: Trained, row: str) -> None:
    """Level, `verified` and the sentence about the proof follow from what was really checked."""
    claim = CLAIMS[row]
    changed = claim.change(three)
    report = changed.verify(changed.reader() if claim.with_key else None, changed.sums if claim.with_kept else None)
    assert report.level is claim.level
    assert report.verified is (claim.level is verdict.Level.SUMS)
    assert report.holds is (claim.level is not verdict.Level.NONE)
    assert all(part in report.meaning for part in claim.says), report.meaning
    assert not any(part in report.meaning for part in claim.does_not_say), report.meaning
    checked = {each.part for each in report.checked}
    assert "sums" in checked or claim.level is not verdict.Level.SUMS


def test_kept_sums_give_what_a_reader_computes(three: Trained) -> None:
    """A site that took part computes the same states, figures and agreed model from what its node kept, blobs or not."""
    reader, site = three.verify(three.reader()), erased(three).verify(None, three.sums)
    assert reader.agreed is not None
    assert state.encode(site.agreed) == state.encode(reader.agreed)
    assert site.metrics == reader.metrics
    assert {"kept_sums", "figures", "model"} <= {each.part for each in site.checked}


KEPT = {
    "another session": ({"sid": bytes(32)}, "it is of another session"),
    "a word fewer": ({"data": b""}, "it has another length"),
    "another word": ({"data": None}, "it is not the sum of its digest"),
    "another salt": ({"salt": bytes(32)}, "it is not the sum of its digest"),
}


@pytest.mark.parametrize("row", KEPT)
def test_a_damaged_journal_is_named_and_nobody_else(three: Trained, row: str) -> None:
    """What the own node kept is held against itself first, so that its damage is not blamed on a member's record."""
    fields, problem = KEPT[row]
    kept = three.sums[1]
    flipped = bytes([kept.data[0] ^ 1]) + kept.data[1:]
    damaged = dataclasses.replace(kept, **{name: flipped if to is None else to for name, to in fields.items()})
    report = three.verify(None, {**three.sums, 1: damaged})
    assert (report.problem or "").startswith(f"round 1 attempt 0, sum that this home's node kept: {problem}")


def test_another_sum_of_right_digest_leads_to_another_state(three: Trained) -> None:
    """A node that kept another sum, with its digest, computes another state than the one all others start from."""
    kept = three.sums[1]
    data = kept.data[:6] + bytes([kept.data[6] ^ 1]) + kept.data[7:]  # the lowest of 64 bits would be rounded away
    made = three.session((1, 0))
    digest = reading.sum_digest(made, kept.salt, [suite.as_words(data, made.suite)])
    report = three.verify(None, {**three.sums, 1: dataclasses.replace(kept, data=data, digest=digest)})
    assert "round 2 attempt 0, Submit of member 3: it names another session" in (report.problem or "")


def test_a_problem_owner_that_takes_part_reads_by_its_key_for_the_run(
    own_site: Trained, owner_reader: verification.VerifyingReader
) -> None:
    """The point that it acknowledged takes the place of its reader point; what its node kept remains when it is erased."""
    with pytest.raises(errors.InputError, match="the key is not that of this reader"):
        own_site.verify(owner_reader)
    owner = verification.VerifyingReader(owner_reader.member_id, own_site.secrets[owner_reader.member_id])
    assert own_site.verify(owner).level is verdict.Level.SUMS
    assert own_site.verify(None, own_site.sums).level is verdict.Level.KEPT_SUMS


def test_each_part_is_named_for_programs(three: Trained) -> None:
    """What was not checked carries the part's name and why, so that a program needs not read the words."""
    reasons = {(each.part, each.why) for each in three.verify().unchecked}
    assert reasons == {("sums", verdict.Why.NO_READER_KEY)}
    reasons = {(each.part, each.why) for each in erased(three).verify().unchecked}
    assert reasons == {
        ("sums", verdict.Why.NO_READER_KEY),
        ("header", verdict.Why.NOT_IN_STORE),
        ("masked_vector", verdict.Why.NOT_IN_STORE),
        ("mask_sum_document", verdict.Why.NOT_IN_STORE),
        ("sealed_mask_sum", verdict.Why.NOT_IN_STORE),
    }
    counted = {each.part: each.count for each in three.verify().checked}
    assert counted["submit"] == counted["header"] == counted["masked_vector"] == 3 * three.verify().rounds
    assert set(counted) < set(verdict.SENTENCES)


def test_a_run_that_has_not_begun_is_not_verified(three: Trained) -> None:
    """Where no round was unmasked nothing is proven, and nothing is wrong."""
    report = three.with_run(attempts={}, agreed=None, model=None, shares={}).verify()
    assert (report.holds, report.level, report.problem, report.rounds) == (False, verdict.Level.NONE, None, 0)
    assert [(each.part, each.why) for each in report.unchecked] == [("rounds", verdict.Why.NOT_YET)]


def test_every_pass_of_a_run_under_way_verifies(
    sites: Callable[[int], list[recipe.Rows]], plan: recipe.Recipe, snapshots: Callable[..., list[Trained]]
) -> None:
    """Whenever one looks, the record so far holds, and the report says that the run goes on."""
    with testing.simulate(sites(3), plan, terms=testing.Terms(most_rounds=3)) as simulation:
        seen = snapshots(simulation)
    under_way = [trained for trained in seen if not trained.current.state.is_over]
    assert len(under_way) > 6
    for trained in under_way:
        report = trained.verify()
        assert report.problem is None
        assert not trained.current.attempts or "the run is still under way: this is its record so far" in words(
            report.unchecked
        )
    assert seen[-1].verify().holds


@pytest.mark.parametrize("with_key", [False, True])
def test_erased_blobs_are_told_and_are_no_failure(three: Trained, with_key: bool) -> None:
    """After the retention time headers, vectors, documents and sums are gone; the signed record still holds."""
    report = erased(three).verify(three.reader() if with_key else None)
    assert (report.problem, report.level) == (None, verdict.Level.SIGNED)
    rounds = report.rounds
    assert any(
        part.startswith(f"{3 * rounds} headers of rounds 0 to {rounds - 1}: not in the store")
        for part in words(report.unchecked)
    )
    assert any(part.startswith(f"{3 * rounds} mask-sum documents of rounds") for part in words(report.unchecked))
    assert f"Reveals ({3 * rounds}): signature and opened commitment" in words(report.checked)
    assert report.metrics is None
    assert any("not every byte" in part for part in words(report.unchecked)) is with_key


def test_one_lost_vector_ends_the_sums_there(three: Trained) -> None:
    """When one vector of round 2 is gone, rounds 0 and 1 are computed again and the rest is checked as without a key."""
    submit = three.current.attempts[(2, 0)].submits[3]
    located = three.blobs[submit.header_digest][144:176]
    report = three.with_blob(located, None).verify(three.reader())
    assert (report.problem, report.level) == (None, verdict.Level.SIGNED)
    assert "sums (2): opened, and the state after each computed again" in words(report.checked)
    assert any(part.startswith("1 masked vector of round 2: not in the store") for part in words(report.unchecked))
    assert any(part.startswith("the sums and states from round 2 on: ") for part in words(report.unchecked))


@pytest.mark.parametrize("document", ["plan", "terms"])
def test_a_lost_plan_or_terms_leaves_the_signed_record(three: Trained, document: str) -> None:
    """Without plan or terms nobody can compute states again, but signatures and commitments still hold."""
    report = three.with_blob(getattr(three.current.spec, document), None).verify(three.reader())
    assert (report.problem, report.level) == (None, verdict.Level.SIGNED)
    assert any(part.startswith(f"1 {document} document: not in the store") for part in words(report.unchecked))


def test_a_commit_that_came_too_late_needs_no_reveal(five: Trained) -> None:
    """Where a quorum committed and revealed, a later Commit that was never opened does not spoil the round."""
    late = events.Position(10**6, 0, five.current.changed_at)
    changed = five.with_message((1, 0), "commits", 4, lambda sent: dataclasses.replace(sent, at=late))
    reveals = changed.current.attempts[(1, 0)].reveals
    without = changed.with_attempt((1, 0), reveals={member: sent for member, sent in reveals.items() if member != 4})
    assert without.verify(five.reader()).verified
    in_time = five.with_attempt((1, 0), reveals={member: sent for member, sent in reveals.items() if member != 4})
    assert "reveal-missing" in (in_time.verify().problem or "")


def test_an_attempt_without_a_certificate_is_told(
    sites: Callable[[int], list[recipe.Rows]], plan: recipe.Recipe, train: Callable[[testing.Simulation], Trained]
) -> None:
    """Nobody commits in time: the attempt reveals nothing, the next one finishes, and the report tells it."""
    terms = testing.Terms(most_rounds=2, phase_seconds=60)
    with testing.simulate(sites(3), plan, terms=terms) as simulation:
        while simulation.view().current is None or simulation.view().current.phase is not run.Phase.SUBMITTED:
            simulation.step()
            simulation.commons.clock.advance(0.05)
        simulation.commons.clock.advance(60)
        next(iter(simulation.nodes.values())).agent.ledger.advance(simulation.run_id)
        trained = train(simulation)
    report = trained.verify()
    assert (report.problem, report.level) == (None, verdict.Level.RECORD)
    assert (0, 1) in trained.current.attempts
    expected = "round 0 attempt 0 ended without a certificate"
    assert any(part.startswith(expected) for part in words(report.unchecked))


def test_an_exit_signed_in_advance_makes_the_set_smaller(
    sites: Callable[[int], list[recipe.Rows]], plan: recipe.Recipe, train: Callable[[testing.Simulation], Trained]
) -> None:
    """A site that allowed it drops out past the patience; the rest go on, and only its signature makes that right."""
    terms = testing.Terms(most_rounds=3, absence={4: run.Absence.EXIT})
    with testing.simulate(sites(5), plan, terms=terms) as simulation:
        while simulation.view().round_index < 1:
            simulation.step()
            simulation.commons.clock.advance(0.05)
        del simulation.nodes[6]
        trained = train(simulation)
    report = trained.verify(trained.reader())
    assert (report.problem, report.level) == (None, verdict.Level.SUMS)
    assert list(trained.current.exits) == [6]
    assert [source.member_id for source in trained.current.model.sources] == [2, 3, 4, 5, 6]
    enrolled = trained.current.enrolled
    unsigned = dataclasses.replace(enrolled[6], exit_signature=bytes(65))
    forged = trained.with_run(enrolled={**enrolled, 6: unsigned}).verify()
    assert forged.problem == "enrolment of member 6: its exit in advance is not signed by its key"
    waiting = dataclasses.replace(enrolled[6], absence=run.Absence.WAIT)
    forged = trained.with_run(enrolled={**enrolled, 6: waiting}).verify()
    assert forged.problem == "Exit of member 6: it is not signed by its member's key"
    hidden = trained.with_run(exits={}).verify()
    assert "participant set: member 6 left without a signed Exit" in (hidden.problem or "")


def test_papers_beside_the_run_are_held_against_the_registries(three: Trained) -> None:
    """Problem, dataset cards and profiles: counted when they are right, named when not, and no level when lost."""
    digest = ids.digest(b"a card")
    paper = verification.Paper("dataset card", 4, digest)
    with_card = dataclasses.replace(three.with_blob(digest, b"a card"), papers=(paper,))
    assert ("papers", 1) in {(each.part, each.count) for each in with_card.verify().checked}
    other = with_card.with_blob(digest, b"b card").verify()
    assert other.problem is not None
    assert other.problem.startswith("dataset card of member 4: the store has other bytes than this dataset card")
    lost = with_card.with_blob(digest, None).verify()
    assert lost.level is verdict.Level.RECORD
    assert ("dataset_card", verdict.Why.NOT_IN_STORE) in {(each.part, each.why) for each in lost.unchecked}


def test_a_key_that_is_no_readers_is_refused(three: Trained) -> None:
    """A wrong key is the caller's mistake, not the run's: nothing is reported."""
    with pytest.raises(errors.InputError, match="the key is not that of this reader"):
        three.verify(dataclasses.replace(three.reader(), secret=(9).to_bytes(32, "little")))
    with pytest.raises(errors.InputError, match="the key is not that of this reader"):
        three.verify(dataclasses.replace(three.reader(), secret=bytes(32)))
    with pytest.raises(errors.InputError, match="not a reader of this run"):
        three.verify(dataclasses.replace(three.reader(), member_id=ids.MemberId(1)))


def test_a_store_that_does_not_answer_is_no_evidence(three: Trained) -> None:
    """An unreachable store is neither a proof nor a failure: the caller is told to try again."""

    class Silent:
        def get(self, digest: bytes, limit: int) -> bytes:
            raise errors.StoreUnreachable("no answer")

    with pytest.raises(errors.StoreUnreachable):
        verification.verify(three.current, three.run_id, Silent(), three.place)


def test_an_unknown_problem_owner_is_said(three: Trained) -> None:
    """Without the name of the problem owner its part must lie with one member, and the report says whom to ask about."""
    report = dataclasses.replace(three, problem_owner=None).verify()
    assert report.holds
    assert "whether member 2, who holds the problem owner's shares, stated the problem" in words(report.unchecked)
