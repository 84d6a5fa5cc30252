"""Money that comes back, and problems that are reviewed: bonds and other locks, what the ethics board and the members decide."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.cli import conftest, money_stage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DAY, HOUR = 86_400, 3_600
"""The ledger's clock stands still where the machine's goes on, from which the commands count days."""
JUDGE, PAYER, SOLVER = 2, 3, 4


@pytest.fixture
def stage(tmp_path: pathlib.Path, _passphrase: None) -> Iterator[money_stage.Stage]:
    """A commons of one test's own: time passes in it."""
    with money_stage.staged(tmp_path) as made:
        yield made


def state_problem(stage: money_stage.Stage, title: str, *options: str) -> str:
    """State a problem as its owner and return its id."""
    file = stage.place.write(f"{title}.json", conftest.PROBLEM | {"title": title})
    return str(stage.done("owner", "problem", "state", file, "--days", "3000", *options)["problem"])


def credit(stage: money_stage.Stage, home: str) -> str:
    """Return what the vault holds for a home in the token, ``0`` if nothing."""
    return next((each["amount"] for each in stage.done(home, "vault", "show")["credits"]), "0")


def deposit(stage: money_stage.Stage, home: str, amount: int) -> None:
    """Put whole tokens into the vault for a home."""
    stage.mint(home, amount * 10**6)
    stage.done(home, "vault", "deposit", str(amount), "--token", stage.token)


def open_run(stage: money_stage.Stage, problem: str) -> str:
    """Open a run whose seats lock 2.5 tokens each, and return its id."""
    plan = stage.done("solver", "plan", "publish", stage.place.write("plan.json", conftest.PLAN))["plan"]
    terms = ("--problem", problem, "--plan", plan, "--purpose", conftest.PURPOSE, "--enrol-minutes", "60")
    said = stage.place.call("solver", "run", "open", *terms, "--bond", "2.5", "--token", stage.token)
    assert said.code == 0, said
    assert "each site locks 2.5 TEUR of its credit in the vault" in said.out
    (made,) = stage.done("solver", "run", "list")["runs"]
    return str(made["run_id"])


def offer_data(stage: money_stage.Stage) -> list[str]:
    """Publish a table of the payer's with a consent to several runs; return how it is brought to one."""
    file = stage.place.write("table.csv", conftest.table(60, 1))
    schema = stage.place.write("schema.json", conftest.SCHEMA)
    dataset = str(stage.done("payer", "dataset", "publish", file, "--title", "Table", "--schema", schema)["dataset"])
    given = stage.done("payer", "consent", "give", dataset, "--purpose", conftest.PURPOSE, "--uses", "5")
    return ["--dataset", dataset, "--consent", given["consent"]]


def test_a_bond_comes_back_when_its_run_is_over(stage: money_stage.Stage) -> None:
    """A seat locks it out of a credit; not before the run is over, then at once, anybody brings it back to who paid."""
    run_id, part = open_run(stage, state_problem(stage, "bonded")), offer_data(stage)
    poor = stage.place.call("payer", "run", "enrol", run_id, *part)
    assert poor.code == 1
    assert f"vault deposit 2.5 --token {stage.token}`" in poor.err
    deposit(stage, "payer", 3)
    said = stage.place.call("payer", "run", "enrol", run_id, *part)
    assert said.code == 0, said
    assert "2.5 TEUR of your credit are locked as its bond" in said.out
    (lock,) = stage.done("payer", "vault", "show")["locks"]
    assert (lock["amount"], lock["for"]) == ("2.5", f"the bond of a seat in run {run_id[:14]}")
    back = f"vault give-back {lock['lock'][:14]}`"
    told = stage.place.call("payer", "vault", "show").out
    assert "once the run is over, or from " in told
    assert f"on, anybody can bring it back: `commons --home {stage.place.root / 'payer'} {back}" in told
    early = stage.place.call("other", "vault", "give-back", run_id, "--member", str(PAYER))
    assert early.code == 1
    assert "it waits for its decision" in early.err
    nobody = stage.place.call("other", "vault", "give-back", run_id)
    assert nobody.code == 1
    assert "no bond of this member is locked in this run" in nobody.err
    assert f"expected one of {PAYER}" in nobody.err
    stage.done("solver", "run", "cancel", run_id)
    assert "the run is over, and anybody can bring it back" in stage.place.call("payer", "vault", "show").out
    given = stage.place.call("other", "vault", "give-back", run_id[:14], "--member", str(PAYER))
    assert given.code == 0, given
    assert "2.5 TEUR went back into the credit of 0x" in given.out
    assert credit(stage, "payer") == "3"
    again = stage.place.call("payer", "vault", "give-back", lock["lock"])
    assert again.code == 1
    assert "no such lock" in again.err


def test_a_lock_comes_back_on_its_last_day(stage: money_stage.Stage) -> None:
    """Of a run that never ends and of an award that nobody judged: from then on anybody brings it back, as was told before."""
    problem = state_problem(stage, "endless", "--judge", str(JUDGE))
    run_id, part = open_run(stage, problem), offer_data(stage)
    deposit(stage, "payer", 9)
    offered = stage.done("payer", "inbox", "show", f"run:{run_id[2:]}")
    assert (offered["bond"], offered["symbol"], offered["token"]) == ("2.5", "TEUR", stage.token)
    assert (
        "bond       2.5 TEUR, from your credit" in stage.place.call("payer", "inbox", "show", f"run:{run_id[2:]}").out
    )
    stage.done("payer", "run", "enrol", run_id, *part)
    stage.done("payer", "problem", "fund", problem, "4@10", "--token", stage.token)
    locks = {each["for"].split()[0]: each for each in stage.done("payer", "vault", "show")["locks"]}
    assert locks["the"]["expiry"] == offered["bond_until"]
    stage.clock.advance(10 * DAY)
    early = stage.place.call("other", "vault", "give-back", locks["award"]["lock"])
    assert early.code == 1
    assert "vault show` for when anybody can bring it back" in early.err
    stage.clock.advance(63 * DAY + HOUR)
    assert stage.done("other", "vault", "give-back", locks["award"]["lock"][:14])["amount"] == "4"
    assert stage.done("other", "problem", "show", problem)["awards"][0]["state"] == "refunded"
    stage.clock.advance(658 * DAY)
    assert stage.done("other", "vault", "give-back", run_id, "--member", str(PAYER))["symbol"] == "TEUR"
    assert credit(stage, "payer") == "9"
    assert stage.done("payer", "vault", "show")["locks"] == []


def test_a_problem_is_reviewed(stage: money_stage.Stage) -> None:
    """By a vote of the members problems are reviewed: sent back with a reason, amended, opened by time alone, closed."""
    before = state_problem(stage, "before the vote")
    stage.carry(stage.propose("owner", "--review-hours", "48", "--grant-role", "5", "ethics-board"))
    assert stage.done("owner", "problem", "show", before)["state"] == "open"
    problem = state_problem(stage, "reviewed", "--judge", str(JUDGE))
    shown = stage.place.call("owner", "problem", "show", problem).out
    assert "in review; it opens by itself at " in shown
    assert f"problem send-back {problem[:14]} --reason WHY`." in shown
    assert "problem fund" not in shown
    for home, words in (("judge", "only the ethics board"), ("other", "a reason is missing")):
        reason = "x" if home == "judge" else " "
        refused = stage.place.call(home, "problem", "send-back", problem, "--reason", reason)
        assert (refused.code, words in refused.err) == (1, True), refused
    back = stage.done("other", "problem", "send-back", problem, "--reason", "Say who\nis harmed")
    assert (back["state"], back["sent_back"]) == ("draft", {"by": 5, "reason": "Say who is harmed"})
    shown = stage.place.call("owner", "problem", "show", problem).out
    assert "sent back by Other (member 5): Say who is harmed" in shown
    assert f"problem amend {problem[:14]} FILE`." in shown
    stage.clock.advance(3 * DAY)  # a draft does not open by itself
    assert stage.done("owner", "problem", "show", problem)["state"] == "draft"
    another = stage.place.write("other.json", conftest.PROBLEM | {"purpose": conftest.PURPOSE})
    refused = stage.place.call("owner", "problem", "amend", problem, another)
    assert (refused.code, "keeps the purpose" in refused.err) == (1, True), refused
    better = stage.place.write("better.json", conftest.PROBLEM | {"affected": "patients that are sent home"})
    amended = stage.done("owner", "problem", "amend", problem, better)
    assert (amended["state"], amended["sent_back"]) == ("review", None)
    assert stage.done("other", "problem", "show", problem)["statement"]["affected"] == "patients that are sent home"
    early = stage.place.call("owner", "problem", "close", problem)
    assert (early.code, "the problem is not open" in early.err) == (1, True), early
    stage.clock.advance(2 * DAY + HOUR)
    stage.done("owner", "vault", "show")
    deposit(stage, "payer", 1)  # a block, so that the command knows the time
    shown = stage.place.call("owner", "problem", "show", problem).out
    assert "\n  open\n" in shown
    assert f"Next, for any member but its judge: `commons --home {stage.place.root / 'owner'} problem fund" in shown
    late = stage.place.call("other", "problem", "send-back", problem, "--reason", "x")
    assert (late.code, "in another state" in late.err) == (1, True), late
    closed = stage.place.call("owner", "problem", "close", problem)
    assert (closed.code, "closed by its owner" in closed.out) == (0, True), closed
    assert stage.done("other", "problem", "show", problem)["state"] == "closed"
    refused = stage.place.call("payer", "problem", "fund", problem, "1", "--token", stage.token)
    assert (refused.code, "the problem is not open" in refused.err) == (1, True), refused


def test_the_members_resolve_what_was_challenged(stage: money_stage.Stage) -> None:
    """Two judgements are challenged: by two votes one is paid all the same, and the other goes back."""
    problem = state_problem(stage, "challenged", "--judge", str(JUDGE))
    deposit(stage, "payer", 30)
    stage.done("payer", "problem", "fund", problem, "10@5", "20@5", "--token", stage.token)
    for award in ("0", "1"):
        stage.done("judge", "problem", "accept", problem, award, str(SOLVER))
        stage.done("payer", "problem", "challenge", problem, award, "--reason", f"Not award {award}")
    shown = stage.done("other", "problem", "show", problem)["awards"]
    assert [each["objection"] for each in shown] == [{"by": PAYER, "reason": f"Not award {each}"} for each in (0, 1)]
    for award, outcome, words in (("0", "pay", "pay out"), ("1", "give-back", "give back")):
        made = stage.done("other", "problem", "resolve", problem, award, outcome, "--reason", "We looked at it")
        (act,) = stage.done("other", "vote", "show", made["proposal"])["acts"]
        assert act["words"] == f"{words} award {award} of problem {problem}, which was challenged"
        stage.carry(made["proposal"])
    states = [each["state"] for each in stage.done("other", "problem", "show", problem)["awards"]]
    assert states == ["paid", "refunded"]
    assert (credit(stage, "solver"), credit(stage, "payer")) == ("10", "20")
