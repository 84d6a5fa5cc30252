"""Scenarios of votes, money, statements and releases, played by ``test_equal_ledgers`` on all ledgers."""

from collections.abc import Callable
from typing import Any

from tests.ledger import ledger_worlds as worlds

from aicommons import testing
from aicommons.domain import encoding, ids
from aicommons.ledger.memory import awards
from aicommons.protocol import money

DAY = 86400
AUDITOR, ETHICS_BOARD = 0, 1
AUDIT, COURSE = 2, 3


def votes(p: worlds.Player) -> None:
    """A proposal takes its whole path once; whatever comes too early, too late, twice or from others is refused."""
    p.found()
    said = p.proposal(("Membership", "grantRole", 2, AUDITOR))
    number = p.number(said)
    p.do("nobody", "CommonsGovernor", "propose", *said)
    p.do(1, "CommonsGovernor", "propose", [], [], [], "nothing")
    p.do(1, "CommonsGovernor", "propose", *said[:2], [], "too little")
    p.do(1, "CommonsGovernor", "propose", *said[:3], f"mine #proposer={ids.format_id(p.key(2).address)}")
    p.do(1, "CommonsGovernor", "castVote", number, 1)
    p.do(1, "CommonsGovernor", "propose", *said)
    p.do(2, "CommonsGovernor", "propose", *said)
    p.do(1, "CommonsGovernor", "castVote", number, 1)
    p.world.tick(p.view.votes.delay)
    p.do(1, "CommonsGovernor", "castVote", number, 1)
    p.do(1, "CommonsGovernor", "castVote", number, 0)
    p.do(2, "CommonsGovernor", "castVote", number, 3)
    p.do(2, "CommonsGovernor", "castVoteWithReason", number, 2, "I am not sure")
    p.do(3, "CommonsGovernor", "castVote", number, 0)
    p.do("nobody", "CommonsGovernor", "castVote", number, 0)
    p.do(4, "CommonsGovernor", "castVote", number, 1)
    p.do(p.solver, "CommonsGovernor", "castVote", number, 1)
    p.vote(1, "queue", said)
    p.vote(1, "cancel", said)
    p.world.tick(p.view.votes.period)
    p.do(5, "CommonsGovernor", "castVote", number, 0)
    p.vote(1, "execute", said)
    p.vote("nobody", "queue", said)
    p.vote("nobody", "queue", said)
    p.vote("nobody", "execute", said)
    p.world.tick(p.view.votes.timelock)
    p.vote("nobody", "execute", said)
    p.vote("nobody", "execute", said)
    p.vote("nobody", "execute", p.proposal(text="never proposed"))


def lost_votes(p: worlds.Player) -> None:
    """Too few, or as many against as for, is lost; a proposer takes its proposal back before the vote opens, not later."""
    p.found()
    call = ("Membership", "grantRole", 2, AUDITOR)
    few, split, back = (p.proposal(call, text=text) for text in ("few", "split", "back"))
    for said in (few, split, back):
        p.do(1, "CommonsGovernor", "propose", *said)
    p.vote(2, "cancel", back)
    p.vote(1, "cancel", back)
    p.world.tick(p.view.votes.delay)
    p.do(1, "CommonsGovernor", "castVote", p.number(back), 1)
    for member, support in ((1, 1), (2, 1), (3, 0), (4, 0)):
        p.do(member, "CommonsGovernor", "castVote", p.number(split), support)
    p.do(1, "CommonsGovernor", "castVote", p.number(few), 1)
    p.world.tick(p.view.votes.period)
    for said in (few, split, back):
        p.vote(1, "queue", said)


def electorate(p: worlds.Player) -> None:
    """Who is admitted after the vote began has no vote in it; who was suspended has; who left keeps what was cast."""
    p.found()
    said = p.proposal(("Membership", "grantRole", 4, AUDITOR))
    p.do(1, "CommonsGovernor", "propose", *said)
    p.do("founder", "Membership", "suspend", 3)
    p.world.tick(p.view.votes.delay)
    late = worlds.founder(9)
    p.do(9, "Membership", "applyAs", late.kind, late.node_key, late.reader_point, late.credential, late.profile)
    p.do("founder", "Membership", "admit", late.account)
    for member in (1, 2, 3, 9):
        p.do(member, "CommonsGovernor", "castVote", p.number(said), 1)
    p.do(2, "Membership", "leave")
    p.do(4, "CommonsGovernor", "castVote", p.number(said), 1)
    p.world.tick(p.view.votes.period)
    p.vote(1, "queue", said)
    p.world.tick(p.view.votes.timelock)
    p.vote(1, "execute", said)
    p.do(2, "CommonsGovernor", "propose", *p.proposal(text="I am gone"))


def by_members(p: worlds.Player) -> None:
    """Roles, registrars and memberships are the members' to decide, theirs alone, and all of a proposal or nothing."""
    p.found()
    calls: list[tuple[Any, ...]] = [
        ("Membership", "grantRole", 2, AUDITOR), ("Membership", "grantRole", 3, ETHICS_BOARD),
        ("Membership", "suspend", 5), ("Membership", "setRegistrars", [p.key(1).address, p.key(2).address], 2),
    ]  # fmt: skip
    for contract, function, *values in calls[:2] + calls[3:]:
        p.do(1, contract, function, *values)
    p.do("founder", "Membership", "suspend", 4)
    p.carry(*calls)
    p.do("founder", "Membership", "reinstate", 5)
    p.do(1, "Membership", "reinstate", 5)
    p.carry(("Membership", "reinstate", 5), text="sooner")
    p.do(1, "Membership", "suspend", 5)
    p.do(1, "Membership", "suspend", 5)
    p.do(2, "Membership", "suspend", 5)
    p.do(2, "Membership", "reinstate", 5)
    p.do(1, "Membership", "reinstate", 5)
    p.carry(("Membership", "expel", 6), ("Membership", "grantRole", 2, AUDITOR), text="all or nothing")
    p.carry(("Membership", "expel", 6), ("Membership", "revokeRole", 2, AUDITOR), text="both")
    p.carry(("Membership", "expel", 6), text="again")
    p.carry(("Membership", "revokeRole", 2, AUDITOR), text="not held")
    p.do(6, "CommonsGovernor", "propose", *p.proposal(text="I am out"))


def rules(p: worlds.Player) -> None:
    """Rules of votes, problems, audits and bans change by vote only, within their bounds, from then on."""
    p.found()
    changes: list[tuple[Any, ...]] = [
        ("CommonsGovernor", "setVotingDelay", 15), ("CommonsGovernor", "setVotingPeriod", 25),
        ("CommonsGovernor", "updateQuorumNumerator", 60), ("TimelockController", "updateDelay", 5),
        ("Problems", "setRules", (7, 9)), ("ModelRegistry", "setAuditRules", (2, 11)),
        ("DataRegistry", "changeBanned", 5, 2),
    ]  # fmt: skip
    for contract, function, *values in changes:
        p.do(1, contract, function, *values)
    p.carry(*changes)
    p.state(p.owner, document=worlds.word("reviewed"))
    wrong: list[tuple[Any, ...]] = [
        ("CommonsGovernor", "setVotingPeriod", 0), ("CommonsGovernor", "updateQuorumNumerator", 101),
        ("Problems", "setRules", (1, 91 * DAY)), ("ModelRegistry", "setAuditRules", (0, 1)),
        ("DataRegistry", "changeBanned", 1 << 255, 0),
    ]  # fmt: skip
    for each in wrong:
        p.carry(each, text=str(each[1]))


def credited(p: worlds.Player) -> None:
    """A deposit is a credit, which is its holder's to move and to have paid out; nobody's credit falls below zero."""
    p.found()
    p.deposit(1, 100)
    p.do(1, "Vault", "deposit", worlds.TOKEN, 0)
    p.do(1, "Vault", "deposit", bytes(20), 5)
    p.do(1, "Vault", "deposit", p.key("nothing").address, 5)
    number = int.from_bytes(worlds.TOKEN, "big")
    vault_address = p.client("founder").address_of("Vault")
    p.do(1, "Vault", "transfer", p.key(2).address, number, 30)
    p.do(1, "Vault", "transfer", p.key(2).address, number, 71)
    p.do(1, "Vault", "transfer", bytes(20), number, 1)
    p.do(1, "Vault", "transfer", vault_address, number, 1)
    p.do(2, "Vault", "withdraw", worlds.TOKEN, 31, p.key(2).address)
    p.do(2, "Vault", "withdraw", worlds.TOKEN, 0, p.key(2).address)
    p.do(2, "Vault", "withdraw", worlds.TOKEN, 1, bytes(20))
    p.do(2, "Vault", "withdraw", worlds.TOKEN, 1, vault_address)
    p.do(2, "Vault", "withdraw", worlds.TOKEN, 30, p.key(3).address)
    p.do(2, "Vault", "expire", worlds.word("no lock"))


def _awarded(p: worlds.Player, *days: int) -> bytes:
    """Found, state a problem that member 5 judges, and let member 4 fund it with one award for each due day."""
    p.found()
    p.state(p.owner, document=worlds.word("judged"), judge=5)
    problem = list(p.view.problems)[-1]
    p.deposit(4, 100)
    now = int(p.world.clock.now())
    p.do(4, "Problems", "fund", problem, [(10 + each, now + each * DAY) for each in days], worlds.TOKEN)
    return problem


def awards_paid(p: worlds.Player) -> None:
    """The judge says who earned an award; after the time to challenge anybody may have it paid, once."""
    problem = _awarded(p, 1, 2)
    first = next(iter(p.view.problems))
    now = int(p.world.clock.now())
    for name, where, milestones in (
        ("nobody", problem, [(1, now + DAY)]), (4, first, [(1, now + DAY)]), (5, problem, [(1, now + DAY)]),
        (4, problem, []), (4, problem, [(1, now + DAY)] * 33), (4, problem, [(0, now + DAY)]), (4, problem, [(1, now)]),
        (4, problem, [(1, now + 3651 * DAY)]), (4, problem, [(1000, now + DAY)]), (4, worlds.word(0), [(1, now + DAY)]),
    ):  # fmt: skip
        p.do(name, "Problems", "fund", where, milestones, worlds.TOKEN)
    p.do(4, "Problems", "judge", problem, 0, 3)
    p.do(5, "Problems", "judge", problem, 7, 3)
    p.do(5, "Problems", "judge", problem, 0, p.owner)
    p.do(5, "Problems", "judge", problem, 0, 5)
    p.do(5, "Problems", "judge", problem, 0, 99)
    p.do(1, "Problems", "settle", problem, 0)
    p.do(1, "Problems", "challenge", problem, 0, worlds.word("why"))
    p.do(5, "Problems", "judge", problem, 0, 3)
    p.do(5, "Problems", "judge", problem, 0, 2)
    p.do(1, "Problems", "settle", problem, 0)
    p.do(1, "Problems", "challenge", problem, 0, worlds.word("why"))
    p.world.tick(60)
    p.do(4, "Problems", "challenge", problem, 0, worlds.word("why"))
    p.do(1, "Problems", "refund", problem, 0)
    p.do("nobody", "Problems", "settle", problem, 0)
    p.do("nobody", "Problems", "settle", problem, 0)
    p.world.tick(2 * DAY)
    p.do(5, "Problems", "judge", problem, 1, 3)
    p.do(3, "Vault", "withdraw", worlds.TOKEN, 11, p.key(3).address)


def awards_back(p: worlds.Player) -> None:
    """A rejected, an unearned and an expired award go back to their payer, the last also past everybody in the vault."""
    problem = _awarded(p, 1, 2, 3, 4)
    p.do(1, "Problems", "refund", problem, 0)
    p.do(5, "Problems", "refund", problem, 0)
    p.do(5, "Problems", "refund", problem, 0)
    p.do(5, "Problems", "judge", problem, 0, 3)
    p.do(1, "Vault", "expire", awards.lock_of(problem, 3))
    p.world.tick(2 * DAY)
    p.do(1, "Problems", "refund", problem, 1)
    p.do(5, "Problems", "judge", problem, 2, 3)
    p.world.tick(80 * DAY)
    p.do(1, "Problems", "refund", problem, 2)
    p.do(1, "Vault", "expire", awards.lock_of(problem, 3))
    p.do(1, "Vault", "expire", awards.lock_of(problem, 3))
    p.do(1, "Problems", "refund", problem, 3)
    p.do(1, "Problems", "settle", problem, 2)


def awards_challenged(p: worlds.Player) -> None:
    """Owner, payer and auditors may object in time; then the members decide, or nobody does until the money goes back."""
    problem = _awarded(p, 5, 6, 7)
    p.carry(("Membership", "grantRole", 2, AUDITOR))
    for award, objector in ((0, p.owner), (1, 4), (2, 2)):
        p.do(5, "Problems", "judge", problem, award, 3)
        p.do(1, "Problems", "challenge", problem, award, worlds.word("why"))
        p.do(objector, "Problems", "challenge", problem, award, worlds.word("why"))
        p.do(objector, "Problems", "challenge", problem, award, worlds.word("why"))
        p.do(1, "Problems", "settle", problem, award)
    p.do(4, "Problems", "resolve", problem, 0, True)
    p.carry(("Problems", "resolve", problem, 0, True), ("Problems", "resolve", problem, 1, False), text="decide")
    p.carry(("Problems", "resolve", problem, 0, False), text="decide again")
    p.world.tick(80 * DAY)
    p.carry(("Problems", "resolve", problem, 2, True), text="too late")
    p.do(1, "Problems", "refund", problem, 2)


def contests(p: worlds.Player) -> None:
    """Submissions to a contest are fixed unseen and shown later; the judge waits for that, and judges what was shown."""
    p.found()
    now = int(p.world.clock.now())
    told = (encoding.purpose_code(worlds.PURPOSE), 5, now + 30 * DAY)
    p.do(p.owner, "Problems", "stateContest", worlds.word("bad"), *told, now, now + 2 * DAY)
    p.do(p.owner, "Problems", "stateContest", worlds.word("bad"), *told, now + DAY, now + DAY)
    p.do(p.owner, "Problems", "stateContest", worlds.word("good"), *told, now + DAY, now + 2 * DAY)
    problem, plain = list(p.view.problems)[-1], next(iter(p.view.problems))
    p.deposit(4, 10)
    p.do(4, "Problems", "fund", problem, [(5, now + 2 * DAY)], worlds.TOKEN)
    p.do(4, "Problems", "fund", problem, [(5, now + 3 * DAY)], worlds.TOKEN)
    salt, shown = worlds.word("salt"), worlds.word("submission")

    def fixed(member: int) -> bytes:
        values = (problem, member, shown, salt)
        return encoding.keccak(encoding.abi_encode(("bytes32", "uint256", "bytes32", "bytes32"), values))

    for member in (1, 1, 2, 5, p.owner):
        p.do(member, "Problems", "commit", problem, fixed(member))
    p.do(3, "Problems", "commit", problem, bytes(32))
    p.do(3, "Problems", "commit", plain, fixed(3))
    p.do(3, "Problems", "commit", worlds.word(0), fixed(3))
    p.do(1, "Problems", "reveal", problem, shown, salt)
    p.world.tick(DAY)
    p.do(3, "Problems", "commit", problem, fixed(3))
    p.do(1, "Problems", "reveal", problem, shown, salt)
    p.do(1, "Problems", "reveal", problem, shown, salt)
    p.do(2, "Problems", "reveal", problem, shown, shown)
    p.do(2, "Problems", "reveal", problem, bytes(32), salt)
    p.do(3, "Problems", "reveal", problem, shown, salt)
    p.do(5, "Problems", "judge", problem, 0, 1)
    p.world.tick(DAY)
    p.do(2, "Problems", "reveal", problem, shown, salt)
    p.do(5, "Problems", "judge", problem, 0, 2)
    p.do(5, "Problems", "judge", problem, 0, 1)


def sent_back(p: worlds.Player) -> None:
    """The ethics board sends a problem under review back; its owner amends it, and the review begins again."""
    p.found()
    p.carry(("Membership", "grantRole", 3, ETHICS_BOARD), ("Problems", "setRules", (100, 60)))
    p.state(p.owner, document=worlds.word("unclear"))
    problem, plain = list(p.view.problems)[-1], next(iter(p.view.problems))
    p.do(2, "Problems", "sendBack", problem, worlds.word("why"))
    p.do(3, "Problems", "sendBack", plain, worlds.word("why"))
    p.do(p.owner, "Problems", "amend", problem, worlds.word("clearer"))
    p.do(3, "Problems", "sendBack", problem, worlds.word("why"))
    p.do(3, "Problems", "sendBack", problem, worlds.word("why"))
    p.do(p.owner, "Problems", "close", problem)
    p.do(1, "Problems", "amend", problem, worlds.word("clearer"))
    p.do(p.owner, "Problems", "amend", problem, bytes(32))
    p.do(p.owner, "Problems", "amend", problem, worlds.word("clearer"))
    p.open(problem=problem)
    p.world.tick(100)
    p.do(3, "Problems", "sendBack", problem, worlds.word("why"))
    p.open(problem=problem)


def bonds(p: worlds.Player) -> None:
    """A bond is locked with the seat, owed while the run goes on, and goes back afterwards; once, to who paid it."""
    p.found()
    p.open(bond=5, token=worlds.TOKEN)
    for member in p.others(5):
        p.deposit(member, 5)
        p.enrol(member)
    p.enrol(5)
    p.deposit(5, 4)
    p.enrol(5)
    p.do(1, "Bonds", "giveBack", p.run_id, 1)
    p.do(1, "Bonds", "giveBack", p.run_id, 5)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    p.do(1, "Vault", "expire", money.bond_lock(p.run_id, 1))
    p.cancel()
    p.do("nobody", "Bonds", "giveBack", p.run_id, 1)
    p.do("nobody", "Bonds", "giveBack", p.run_id, 1)
    p.world.tick(731 * DAY + DAY)
    p.do("nobody", "Vault", "expire", money.bond_lock(p.run_id, 2))
    p.do("nobody", "Bonds", "giveBack", p.run_id, 2)
    p.do("nobody", "Bonds", "giveBack", p.run_id, 3)


def _modelled(p: worlds.Player) -> None:
    """Play a run of one round to its end, and write its model down; member 5 stays away from the round."""
    p.begin(rounds=1)
    p.submits((0, 0), 5)
    p.later(worlds.PHASE)
    p.commits((0, 0), 5)
    p.reveals((0, 0), 5)
    p.results((0, 0), 1)
    p.later(worlds.PATIENCE)
    p.register(1, 1)


def _auditors(p: worlds.Player) -> list[int]:
    """Admit three members who have nothing to do with the run, and let everybody carry that they audit, member 5 too."""
    for number in (8, 9, 10):
        said = worlds.founder(number)
        p.do(
            number, "Membership", "applyAs", said.kind, said.node_key, said.reader_point, said.credential, said.profile
        )
        p.do("founder", "Membership", "admit", said.account)
    p.carry(*[("Membership", "grantRole", each, AUDITOR) for each in (5, 8, 9, 10)], text="auditors")
    return [8, 9, 10]


def _audit(p: worlds.Player, member: int, *, passed: bool = True, days: int = 30) -> bytes:
    """State an audit of the model; return its id."""
    until = int(p.world.clock.now()) + days * DAY
    p.do(member, "Attestations", "attest", (AUDIT, passed, until, p.run_id, worlds.word("report", member)))
    return next(reversed(p.view.attestations.by_id), bytes(32))


def statements(p: worlds.Player) -> None:
    """Members state what their roles let them state, and take it back; once."""
    p.found()
    until, subject, document = testing.START + 90 * DAY, worlds.word("subject"), worlds.word("document")
    p.carry(("Membership", "grantRole", 2, AUDITOR), ("Membership", "grantRole", 3, ETHICS_BOARD))
    for name in ("nobody", 1, 2, 3):
        for kind in range(4):
            p.do(name, "Attestations", "attest", (kind, True, until, subject, document))
    p.do(2, "Attestations", "attest", (AUDIT, True, 0, subject, document))
    p.do(2, "Attestations", "attest", (AUDIT, True, until, bytes(32), document))
    p.do(2, "Attestations", "attest", (AUDIT, False, until, subject, bytes(32)))
    p.do(2, "Attestations", "attest", (AUDIT, False, until, subject, document))
    for attestation_id in list(p.view.attestations.by_id):
        p.do(2, "Attestations", "revoke", attestation_id, worlds.word("why"))
        p.do(2, "Attestations", "revoke", attestation_id, bytes(32))
    p.do(2, "Attestations", "revoke", worlds.word("unknown"), bytes(32))


def releases(p: worlds.Player) -> None:
    """A model is released with enough independent audits that stand, after its time, by one of its parties."""
    _modelled(p)
    eight, nine, ten = _auditors(p)
    model = p.run_id
    p.do(1, "ModelRegistry", "clear", model, [])
    p.do(5, "ModelRegistry", "requestAudit", model)
    p.do("nobody", "ModelRegistry", "requestAudit", worlds.word("unknown"))
    p.do(("node", 2), "ModelRegistry", "requestAudit", model)
    p.do(2, "ModelRegistry", "requestAudit", model)
    good = [_audit(p, each) for each in (eight, nine)]
    failed, tied, short = _audit(p, ten, passed=False), _audit(p, 5), _audit(p, ten, days=1)
    for audits in (
        good,
        [*good, good[0]],
        [*good, failed],
        [*good, tied],
        [*good, worlds.word(0)],
        [worlds.word(0)] * 49,
    ):
        p.do("nobody", "ModelRegistry", "clear", model, audits)
    p.do("nobody", "ModelRegistry", "clear", model, [*good, short])
    p.do(1, "ModelRegistry", "release", model, [*good, short])
    p.do("nobody", "ModelRegistry", "release", model, [*good, short])
    p.world.tick(DAY)
    p.do(1, "ModelRegistry", "release", model, [*good, short])
    last = _audit(p, ten)
    p.do(nine, "Attestations", "revoke", good[1], bytes(32))
    p.do(1, "ModelRegistry", "release", model, [*good, last])
    good[1] = _audit(p, nine)
    p.carry(("Membership", "revokeRole", nine, AUDITOR), text="no more")
    p.do(1, "ModelRegistry", "release", model, [*good, last])
    p.carry(("Membership", "grantRole", nine, AUDITOR), text="again")
    p.do(p.solver, "ModelRegistry", "release", model, [*good, last])
    p.do(p.solver, "ModelRegistry", "release", model, [*good, last])


def harms(p: worlds.Player) -> None:
    """Members suspend and resume a model; its solver, or they, withdraw it for good."""
    _modelled(p)
    three, model = _auditors(p), p.run_id
    suspend, resume = ("ModelRegistry", "suspend", model, worlds.word("why")), ("ModelRegistry", "resume", model)
    p.carry(suspend, text="a draft")
    p.do(1, "ModelRegistry", "requestAudit", model)
    p.do(1, *suspend)
    p.do(1, *resume)
    p.carry(resume, text="nothing")
    p.carry(suspend, text="audit")
    p.do(1, "ModelRegistry", "clear", model, [_audit(p, each) for each in three])
    p.carry(resume, text="back")
    p.do(1, "ModelRegistry", "clear", model, [_audit(p, each) for each in three])
    p.do(1, "ModelRegistry", "withdraw", model, bytes(32))
    p.do(p.solver, "ModelRegistry", "withdraw", worlds.word(0), bytes(32))
    p.do(p.solver, "ModelRegistry", "withdraw", model, worlds.word("stale"))
    p.do(p.solver, "ModelRegistry", "withdraw", model, worlds.word("stale"))
    p.carry(suspend, text="gone")
    p.carry(("ModelRegistry", "withdraw", model, bytes(32)), text="gone too")


def revenue(p: worlds.Player) -> None:
    """What a model earns is its owners' by their shares, each for itself, and never twice."""
    _modelled(p)
    model = p.run_id
    p.deposit("payer", 1_001)
    p.do("payer", "ModelRegistry", "pay", worlds.word(0), worlds.TOKEN, 1)
    p.do("payer", "ModelRegistry", "pay", model, worlds.TOKEN, 0)
    p.do("payer", "ModelRegistry", "pay", model, worlds.TOKEN, 1_002)
    p.do("payer", "ModelRegistry", "pay", model, worlds.TOKEN, 999)
    for member in (1, 2, 5, p.owner, p.solver):
        p.do(member, "ModelRegistry", "claim", model, worlds.TOKEN, member)
    p.do(1, "ModelRegistry", "claim", model, worlds.TOKEN, 1)
    p.do(1, "ModelRegistry", "claim", model, worlds.TOKEN, 3)
    p.do(1, "ModelRegistry", "claim", model, p.key("other token").address, 1)
    p.do("payer", "ModelRegistry", "pay", model, worlds.TOKEN, 2)
    for member in (1, 3, p.solver):
        p.do(member, "ModelRegistry", "claim", model, worlds.TOKEN, member)


PLAYS: dict[str, tuple[Callable[[worlds.Player], None], tuple[int, ...]]] = {
    "votes": (votes, ()),
    "lost votes": (lost_votes, ()),
    "electorate": (electorate, ()),
    "by members": (by_members, ()),
    "rules": (rules, ()),
    "credits": (credited, ()),
    "awards paid": (awards_paid, ()),
    "awards back": (awards_back, ()),
    "awards challenged": (awards_challenged, ()),
    "contests": (contests, ()),
    "sent back": (sent_back, ()),
    "bonds": (bonds, ()),
    "statements": (statements, ()),
    "releases": (releases, ()),
    "harms": (harms, ()),
    "revenue": (revenue, ()),
}
"""Scenario -> how it is played, and who enrols with ``Absence.EXIT``."""
