"""Money at the command line, on a real ledger whose clock passes when told to: from the vault onto a problem and out again."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.cli import conftest, money_stage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DAY = money_stage.DAY
HOUR = 3600
"""The ledger's clock stands still where the machine's goes on, from which the commands count days."""
OWNER, JUDGE, PAYER, SOLVER, OTHER = 1, 2, 3, 4, 5


@pytest.fixture
def stage(tmp_path: pathlib.Path, _passphrase: None) -> Iterator[money_stage.Stage]:
    """A commons of one test's own: time passes in it, and credits are counted."""
    with money_stage.staged(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _passphrase: None) -> Iterator[money_stage.Stage]:
    """The commons in which nothing that is tried happens."""
    with money_stage.staged(tmp_path_factory.mktemp("money")) as made:
        yield made


def state_problem(stage: money_stage.Stage, title: str, *options: str) -> str:
    """State a problem as its owner and return its id."""
    file = stage.place.write("problem.json", conftest.PROBLEM | {"title": title})
    return str(stage.done("owner", "problem", "state", file, *options)["problem"])


def credit(stage: money_stage.Stage, home: str) -> str:
    """Return what the vault holds for a home in the token, ``0`` if nothing."""
    held = stage.done(home, "vault", "show")["credits"]
    assert isinstance(held, list)
    return next((each["amount"] for each in held if each["token"] == stage.token), "0")


def test_money_goes_from_the_payer_to_the_solver(stage: money_stage.Stage) -> None:
    """Deposit, fund by milestones, accept, wait, settle, withdraw: each says what holds now and what comes next."""
    problem = state_problem(stage, "Who is at risk?", "--judge", str(JUDGE))
    stage.mint("payer", 500_500_000)
    said = stage.place.call("payer", "vault", "deposit", "500.5", "--token", stage.token)
    assert said.code == 0, said
    assert "500.5 TEUR went into the vault; it holds 500.5 TEUR for you now" in said.out
    assert f"problem fund PROBLEM 500.5 --token {stage.token}`." in said.out
    funded = stage.done("payer", "problem", "fund", problem[:18], "100@10", "200.25@20", "--token", stage.token)
    awards = funded["awards"]
    assert isinstance(awards, list)
    assert [(each["award"], each["amount"], each["symbol"], each["state"]) for each in awards] == [
        (0, "100", "TEUR", "open"),
        (1, "200.25", "TEUR", "open"),
    ]
    assert credit(stage, "payer") == "200.25"
    (first, _) = stage.done("payer", "vault", "show")["locks"]
    assert (first["amount"], first["for"]) == ("100", f"award 0 of problem {problem[:14]}")
    accepted = stage.done("judge", "problem", "accept", problem, "0", str(SOLVER))
    assert (accepted["state"], accepted["solver"]) == ("judged", SOLVER)
    early = stage.place.call("solver", "problem", "settle", problem, "0")
    assert early.code == 1
    assert "can still be challenged" in early.err
    stage.clock.advance(3 * DAY + HOUR)
    settled = stage.place.call("other", "problem", "settle", problem, "0")
    assert settled.code == 0, settled
    assert "100 TEUR paid, earned by member 4" in settled.out
    assert credit(stage, "solver") == "100"
    assert stage.done("solver", "vault", "withdraw", "40", "--token", stage.token)["credit"]["amount"] == "60"  # type: ignore[index]
    shown = stage.place.call("other", "problem", "show", problem)
    assert f"judged by Judge (member {JUDGE})" in shown.out
    assert "award 1: 200.25 TEUR open; the judge may accept or reject" in shown.out


def test_money_that_nobody_earns_comes_back(stage: money_stage.Stage) -> None:
    """The judge rejects at once; what it says nothing of comes back when it is due, by anybody."""
    problem = state_problem(stage, "Rejected", "--judge", str(JUDGE))
    stage.mint("payer", 30_000_000)
    stage.done("payer", "vault", "deposit", "30", "--token", stage.token)
    before = credit(stage, "payer")
    stage.done("payer", "problem", "fund", problem, "10@5", "20@6", "--token", stage.token)
    assert stage.done("judge", "problem", "reject", problem, "0")["state"] == "refunded"
    early = stage.place.call("other", "problem", "refund", problem, "1")
    assert early.code == 1
    assert "only the judge gives it back before it is due" in early.err
    stage.clock.advance(6 * DAY + HOUR)
    late = stage.place.call("judge", "problem", "accept", problem, "1", str(SOLVER))
    assert late.code == 1
    assert "the time to judge is over" in late.err
    assert stage.done("other", "problem", "refund", problem, "1")["state"] == "refunded"
    assert credit(stage, "payer") == before


def test_a_challenged_judgement_waits_for_the_members(stage: money_stage.Stage) -> None:
    """The payer objects, so nobody settles; when nobody decides for sixty days, the money comes back."""
    problem = state_problem(stage, "Objected", "--judge", str(JUDGE))
    stage.mint("payer", 10_000_000)
    stage.done("payer", "vault", "deposit", "10", "--token", stage.token)
    before = credit(stage, "payer")
    stage.done("payer", "problem", "fund", problem, "10@5", "--token", stage.token)
    stage.done("judge", "problem", "accept", problem, "0", str(SOLVER))
    said = stage.place.call("payer", "problem", "challenge", problem, "0", "--reason", "It was never delivered")
    assert said.code == 0, said
    assert "challenged, earned by member 4; the judgement was challenged: the members decide" in said.out
    assert f"problem resolve {problem[:14]} 0 pay --reason WHY`, or give-back; then all vote." in said.out
    assert "member 3 objects: It was never delivered" in stage.place.call("other", "problem", "show", problem).out
    stage.clock.advance(4 * DAY + HOUR)
    assert stage.place.call("solver", "problem", "settle", problem, "0").code == 1
    assert stage.place.call("other", "problem", "refund", problem, "0").code == 1
    stage.clock.advance(70 * DAY + HOUR)
    assert stage.done("other", "problem", "refund", problem, "0")["state"] == "refunded"
    assert credit(stage, "payer") == before


def test_a_contest_is_committed_to_and_revealed(stage: money_stage.Stage) -> None:
    """Submissions are fixed, then shown; only who showed one can earn the money; the salt stays in the home."""
    options = ("--judge", str(JUDGE), "--commit-days", "3", "--reveal-days", "2")
    problem = state_problem(stage, "A contest", *options)
    stage.mint("payer", 10_000_000)
    stage.done("payer", "vault", "deposit", "10", "--token", stage.token)
    stage.done("payer", "problem", "fund", problem, "10@20", "--token", stage.token)
    submission = "0x" + "5a" * 32
    fixed = stage.done("solver", "problem", "commit", problem, submission)
    assert submission[2:] not in str(fixed["commitment"])
    assert stage.done("solver", "problem", "commit", problem, submission) == fixed
    other = stage.place.call("solver", "problem", "commit", problem, "0x" + "5b" * 32)
    assert other.code == 1
    assert "this member fixed a submission already" in other.err
    early = stage.place.call("solver", "problem", "reveal", problem)
    assert early.code == 1
    assert "it is not the time for this" in early.err
    shown = stage.done("other", "problem", "show", problem)["contest"]
    assert isinstance(shown, dict)
    assert (shown["committed"], shown["shown"]) == ([SOLVER], {})
    stage.clock.advance(3 * DAY + HOUR)
    assert "fixed nothing" in stage.place.call("other", "problem", "reveal", problem).err
    assert stage.done("solver", "problem", "reveal", problem)["submission"] == submission
    shown = stage.done("other", "problem", "show", problem)["contest"]
    assert isinstance(shown, dict)
    assert shown["shown"] == {str(SOLVER): submission}
    stage.clock.advance(2 * DAY + HOUR)
    absent = stage.place.call("judge", "problem", "accept", problem, "0", str(OTHER))
    assert absent.code == 1
    assert "showed no submission" in absent.err
    assert stage.done("judge", "problem", "accept", problem, "0", str(SOLVER))["state"] == "judged"


REFUSED = {
    "not an amount": ("payer", ["vault", "deposit", "1,5"], "not an amount"),
    "nothing": ("payer", ["vault", "deposit", "0"], "not an amount that can be moved"),
    "finer than the token": ("payer", ["vault", "deposit", "0.0000001", "--token", "TOKEN"], "divided so finely"),
    "no token there": ("payer", ["vault", "deposit", "1", "--token", "0x" + "09" * 20], "no token answers"),
    "no address": ("payer", ["vault", "deposit", "1", "--token", "euro"], "not an address"),
    "coin that is not there": ("payer", ["vault", "deposit", "1"], "this wallet cannot pay"),
    "a token that is not there": ("other", ["vault", "deposit", "1", "--token", "TOKEN"], "not so much of the token"),
    "more than its credit": ("other", ["vault", "withdraw", "1", "--token", "TOKEN"], "not so much in the vault"),
    "more than its credit, said in full": ("other", ["vault", "withdraw", "1", "--token", "TOKEN"], "expected at most 0 TEUR, got 1 TEUR"),
    "a resolution before an objection": ("other", ["problem", "resolve", "PROBLEM", "0", "pay", "--reason", "x"], "only a challenged award"),
    "sent back without a review": ("other", ["problem", "send-back", "PROBLEM", "--reason", "x"], "only the ethics board"),
    "amended without a review": ("owner", ["problem", "amend", "PROBLEM", "FILE"], "in another state"),
    "amended by another": ("payer", ["problem", "amend", "PROBLEM", "FILE"], "only the problem's owner"),
    "closed by another": ("payer", ["problem", "close", "PROBLEM"], "only the problem's owner"),
    "a lock that is none": ("payer", ["vault", "give-back", "PROBLEM"], "no such lock"),
    "funding without credit": ("other", ["problem", "fund", "PROBLEM", "5", "--token", "TOKEN"], "vault deposit 5 --token TOKEN`"),
    "no days": ("payer", ["problem", "fund", "PROBLEM", "5@soon"], "not a number of days"),
    "the judge pays": ("judge", ["problem", "fund", "PROBLEM", "1", "--token", "TOKEN"], "another part in the problem"),
    "a stranger judges": ("payer", ["problem", "accept", "PROBLEM", "0", "4"], "only the problem's judge"),
    "a stranger rejects": ("payer", ["problem", "reject", "PROBLEM", "0"], "only the problem's judge"),
    "the owner earns": ("judge", ["problem", "accept", "PROBLEM", "0", "1"], "another part in the problem"),
    "nobody earns": ("judge", ["problem", "accept", "PROBLEM", "0", "99"], "no active member"),
    "no such award": ("judge", ["problem", "accept", "PROBLEM", "7", "4"], "no such award"),
    "an empty reason": ("payer", ["problem", "challenge", "PROBLEM", "0", "--reason", " "], "a reason is missing"),
    "a challenge before a judgement": ("payer", ["problem", "challenge", "PROBLEM", "0", "--reason", "x"], "another state"),
    "no contest": ("solver", ["problem", "commit", "PROBLEM", "0x" + "11" * 32], "no contest"),
    "the judge refunds early": ("judge", ["problem", "refund", "PROBLEM", "0"], "problem reject"),
    "half a contest": ("owner", ["problem", "state", "FILE", "--commit-days", "3"], "give both, or neither"),
    "an owner that judges": ("owner", ["problem", "state", "FILE", "--judge", "1"], "another part in the problem"),
}  # fmt: skip


@pytest.fixture(scope="module")
def waiting(shared: money_stage.Stage) -> str:
    """A problem with one award that nobody judged yet; the judge and the payer have a credit."""
    stage = shared
    problem = state_problem(stage, "Waiting", "--judge", str(JUDGE))
    for home in ("payer", "judge"):
        stage.mint(home, 10_000_000)
        stage.done(home, "vault", "deposit", "10", "--token", stage.token)
    stage.done("payer", "problem", "fund", problem, "10@3000", "--token", stage.token)
    return problem


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_done_is_said(shared: money_stage.Stage, waiting: str, row: str) -> None:
    """Each refusal names what is wrong and the next step, and nothing moves."""
    stage = shared
    home, arguments, expected = REFUSED[row]
    before = stage.done("other", "problem", "show", waiting)["awards"], credit(stage, home)
    file = stage.place.write("again.json", conftest.PROBLEM | {"title": row})
    known = {"TOKEN": stage.token, "PROBLEM": waiting, "FILE": file}
    said = stage.place.call(home, *[known.get(each, each) for each in arguments])
    assert said.code == 1, said
    assert expected.replace("TOKEN", stage.token) in said.err, said.err
    assert (stage.done("other", "problem", "show", waiting)["awards"], credit(stage, home)) == before
