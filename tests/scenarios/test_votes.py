"""The members decide: from a proposal by a founder through vote, timelock and execution, as members, co-ops and signers see it."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons import office, testing
from aicommons.cli import effects
from aicommons.domain import encoding, errors, events, ids, vote_events
from aicommons.ledger import contracts, deployments, wallet
from aicommons.protocol import coops, governance, registry

VOTES = deployments.VoteRules(delay=100, period=1_000, percent=10, minimum=2, timelock=500)
STATE = coops.ProposalState
AUDITOR = vote_events.Role.AUDITOR
WORDS = [number.to_bytes(32, "big") for number in (0, 1, 2, 9, 32, 64, 96, 2**64, 2**255, 2**256 - 1)]
"""What offsets, lengths, numbers and enumerations are likely to break on."""


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons of four founders."""
    made = testing.Commons(tmp_path, founders=["ana", "ben", "chi", "dan"], votes=VOTES)
    made.clock.advance(10)
    yield made
    made.close()


def desk(commons: testing.Commons, number: int) -> office.VoteDesk:
    """Return the vote desk of member ``number``."""
    return commons.members[number - 1].desk.votes


def grant(commons: testing.Commons, member: int = 2) -> office.Call:
    """Return the call that makes a member an auditor."""
    return desk(commons, 1).call("Membership", "grantRole", member, AUDITOR)


def proposal(commons: testing.Commons, number: int) -> governance.ProposalView:
    """Return a proposal as the ledger shows it now."""
    return commons.registrar.view().votes.proposals[number]


def state(commons: testing.Commons, number: int) -> coops.ProposalState:
    """Return where a proposal stands by the view, having asked the governor whether it says the same."""
    derived = commons.registrar.view().proposal_state(number, int(commons.clock.now()))
    assert derived is desk(commons, 1).state(number)
    return derived


def decide(commons: testing.Commons, calls: list[office.Call]) -> int:
    """Let members 1 to 3 carry calls, and anybody do them."""
    number = desk(commons, 1).propose(calls, "Together", "We agreed.")
    commons.clock.advance(VOTES.delay + 1)
    for member in (1, 2, 3):
        desk(commons, member).vote(number, events.Support.FOR)
    commons.clock.advance(VOTES.period)
    desk(commons, 4).queue(proposal(commons, number))
    commons.clock.advance(VOTES.timelock)
    desk(commons, 4).execute(proposal(commons, number))
    return number


def test_founders_are_members_from_the_beginning(commons: testing.Commons) -> None:
    """They are members 1 to n with their own node keys, without anybody having admitted them."""
    view = commons.registrar.view()
    assert [view.members[number].account for number in (1, 2, 3, 4)] == [
        each.wallet.address for each in commons.members
    ]
    assert view.member_of_account(commons.members[2].wallet.address) == 3
    assert commons.members[0].desk.member_id() == 1
    assert view.votes.registrars == (commons.operator.address,)
    assert (view.votes.delay, view.votes.period, view.votes.timelock) == (VOTES.delay, VOTES.period, VOTES.timelock)
    assert commons.admit("eve").member_id == 5


def test_a_role_is_granted_by_the_whole_path(commons: testing.Commons) -> None:
    """Propose, vote, wait, queue, wait, execute; at each step the view says what the governor says."""
    number = desk(commons, 1).propose([grant(commons)], "Ben audits", "He has done it for years.\n\nSee his work.")
    assert state(commons, number) is STATE.PENDING
    found = proposal(commons, number)
    assert (found.title, found.reason) == ("Ben audits", "He has done it for years.\n\nSee his work.")
    with pytest.raises(errors.LedgerRefused, match="GovernorUnexpectedProposalState"):
        desk(commons, 1).vote(number, events.Support.FOR)
    commons.clock.advance(VOTES.delay + 1)
    assert state(commons, number) is STATE.ACTIVE
    desk(commons, 1).vote(number, events.Support.FOR, "I know him")
    desk(commons, 3).vote(number, events.Support.ABSTAIN)
    assert proposal(commons, number).votes[commons.members[0].wallet.address].reason == "I know him"
    commons.clock.advance(VOTES.period)
    assert state(commons, number) is STATE.SUCCEEDED
    desk(commons, 4).queue(proposal(commons, number))
    assert state(commons, number) is STATE.QUEUED
    with pytest.raises(errors.LedgerRefused, match="TimelockUnexpectedOperationState"):
        desk(commons, 4).execute(proposal(commons, number))
    commons.clock.advance(VOTES.timelock)
    desk(commons, 4).execute(proposal(commons, number))
    assert state(commons, number) is STATE.EXECUTED
    assert commons.registrar.view().members[2].holds(AUDITOR)


def test_a_vote_without_a_quorum_or_a_majority_is_lost(commons: testing.Commons) -> None:
    """One vote of four is too few, and as many against as for is none; the view agrees with the governor."""
    alone = desk(commons, 1).propose([grant(commons)], "Alone", "why")
    split = desk(commons, 2).propose([grant(commons)], "Split", "why")
    commons.clock.advance(VOTES.delay + 1)
    desk(commons, 1).vote(alone, events.Support.FOR)
    desk(commons, 1).vote(split, events.Support.FOR)
    desk(commons, 2).vote(split, events.Support.AGAINST)
    commons.clock.advance(VOTES.period)
    assert state(commons, alone) is STATE.DEFEATED
    assert state(commons, split) is STATE.DEFEATED


def test_the_quorum_is_of_the_members_when_the_vote_begins(commons: testing.Commons) -> None:
    """Who is admitted or leaves afterwards changes nothing, and the view counts as the governor does."""
    late = decide(commons, [desk(commons, 1).call("CommonsGovernor", "updateQuorumNumerator", 75)])
    assert commons.registrar.view().quorum(late) == 2
    number = desk(commons, 1).propose([grant(commons)], "More", "why")
    commons.clock.advance(VOTES.delay)
    start = proposal(commons, number).created.vote_start
    commons.clock.advance(1)
    commons.admit("eve")
    commons.members[3].registry.transact("Membership", "leave")
    commons.clock.advance(1)
    assert commons.registrar.view().quorum(number) == 3
    assert commons.members[0].registry.call("CommonsGovernor", "quorum", start) == (3,)


def test_nobody_else_proposes_what_a_member_wrote(commons: testing.Commons) -> None:
    """The text ends in its proposer, so that nobody proposes it first and takes it back."""
    text = governance.describe("Mine", "why", commons.members[0].wallet.address)
    call = grant(commons)
    with pytest.raises(errors.LedgerRefused, match="GovernorRestrictedProposer"):
        commons.members[1].registry.transact("CommonsGovernor", "propose", [call.target], [0], [call.data], text)


def test_a_proposal_is_taken_back_by_its_proposer(commons: testing.Commons) -> None:
    """Only before its vote opens, and only by who made it."""
    number = desk(commons, 1).propose([grant(commons)], "Wrong", "why")
    with pytest.raises(errors.LedgerRefused, match="GovernorUnableToCancel"):
        desk(commons, 2).cancel(proposal(commons, number))
    desk(commons, 1).cancel(proposal(commons, number))
    assert state(commons, number) is STATE.CANCELED


def test_a_ballot_is_sent_by_somebody_else(commons: testing.Commons) -> None:
    """What a member signed counts once, for it, whoever pays; signed for a co-op it counts nothing."""
    number = desk(commons, 1).propose([grant(commons)], "By letter", "why")
    commons.clock.advance(VOTES.delay + 1)
    voter = commons.members[2].wallet
    ballot = desk(commons, 2).ballot(number, events.Support.FOR, voter.address)
    foreign = coops.Ballot(number, events.Support.FOR, voter.address, 0, coops.GOVERNOR_NAME)
    place = desk(commons, 2).place
    with pytest.raises(errors.LedgerRefused, match="GovernorInvalidSignature"):
        desk(commons, 2).vote_by_signature(foreign, voter.sign_digest(foreign.digest(place)))
    signed = voter.sign_digest(ballot.digest(place))
    desk(commons, 2).vote_by_signature(ballot, signed)
    assert proposal(commons, number).count(events.Support.FOR) == 1
    with pytest.raises(errors.LedgerRefused, match="GovernorInvalidSignature"):
        desk(commons, 2).vote_by_signature(ballot, signed)


def test_the_vote_puts_a_member_out(commons: testing.Commons) -> None:
    """An expelled member has no vote, no roles and no account; the id stays in the view."""
    decide(commons, [grant(commons)])
    decide(commons, [desk(commons, 1).call("Membership", "expel", 2)])
    view = commons.registrar.view()
    assert view.members[2].state is registry.MemberState.EXPELLED
    assert not view.members[2].roles
    assert view.member_of_account(commons.members[1].wallet.address) is None


def test_registrars_are_replaced_and_the_vote_admits_at_once(commons: testing.Commons) -> None:
    """The members choose who decides about members, and may decide themselves."""
    fresh = [ids.Address(bytes([number]) * 20) for number in (7, 8)]
    decide(commons, [desk(commons, 1).call("Membership", "setRegistrars", fresh, 2)])
    assert (commons.registrar.view().votes.registrars, commons.registrar.view().votes.threshold) == (tuple(fresh), 2)
    with pytest.raises(errors.LedgerRefused, match="MembershipNotRegistrar"):
        commons.admit("eve")
    applicant = next(iter(set(commons.registrar.view().applied) - {each.wallet.address for each in commons.members}))
    decide(commons, [desk(commons, 1).call("Membership", "admit", applicant)])
    assert commons.registrar.view().member_of_account(applicant) == 5


def test_what_a_call_would_do_is_read_and_tried(commons: testing.Commons) -> None:
    """Each call is read from its bytes, with the value now, and what would be refused is known before anybody votes."""
    votes = desk(commons, 1)
    proposer = encoding.keccak(b"PROPOSER_ROLE")
    stranger = ids.Address(b"\x09" * 20)
    tried = {
        "a role": votes.trial(grant(commons)),
        "a role of nobody": votes.trial(grant(commons, 99)),
        "a role that is none": votes.trial(votes.call("Membership", "grantRole", 1, 9)),
        "a delay": votes.trial(votes.call("TimelockController", "updateDelay", 9)),
        "a proposer": votes.trial(votes.call("TimelockController", "grantRole", proposer, stranger)),
        "a rule of votes": votes.trial(votes.call("CommonsGovernor", "setVotingPeriod", 9)),
        "a quorum": votes.trial(votes.call("CommonsGovernor", "updateQuorumNumerator", 9)),
        "through the governor": votes.trial(votes.call("CommonsGovernor", "relay", stranger, 0, b"")),
        "a vote": votes.trial(votes.call("CommonsGovernor", "castVote", 1, 9)),
        "a stranger's contract": votes.trial(office.Call(stranger, b"\x01\x02\x03\x04")),
        "more coins than there are": votes.trial(office.Call(stranger, b"", 10**18)),
        "coins into what takes none": votes.trial(dataclasses.replace(grant(commons), value=1)),
        "no function": votes.trial(dataclasses.replace(grant(commons), data=b"\x01\x02\x03\x04")),
    }
    assert {name: each.now[0] for name, each in tried.items() if each.now is not None} == {
        "a role": False, "a role of nobody": False, "a delay": 500, "a proposer": False,
        "a rule of votes": 1000, "a quorum": 10, "coins into what takes none": False,
    }  # fmt: skip
    refused = {name for name, each in tried.items() if each.refusal is not None}
    assert refused == {
        *("a role of nobody", "a role that is none", "a vote", "no function"),
        *("more coins than there are", "coins into what takes none"),
    }
    assert {name for name, each in tried.items() if not each.is_tried} == {
        *("a rule of votes", "a quorum", "through the governor"),
    }
    read = tried["a delay"].meaning
    assert read == office.Meaning("TimelockController", "updateDelay", ("newDelay",), (9,))
    assert tried["a stranger's contract"].meaning is None


def test_what_stands_at_a_former_contract_is_asked_of_it(commons: testing.Commons) -> None:
    """A contract that was replaced is said to be so, and what it has now is its own word, not its successor's."""
    old, registry = commons.members[0].registry, commons.connect(commons.operator)
    authority = (old.address_of("TimelockController"), old.address_of("Forwarder"))
    former = desk(commons, 1).call("Guardianships", "setSuccessor", bytes(20))
    newest = registry.create("Guardianships", old.address_of("Membership"), authority)
    decide(commons, [desk(commons, 1).call("Guardianships", "setSuccessor", newest)])
    old.poll()
    assert old.address_of("Guardianships") == newest
    found = {}
    for target in (former.target, newest):
        tried = desk(commons, 1).trial(dataclasses.replace(former, target=target))
        assert tried.meaning is not None
        found[target] = (tried.meaning.is_former, tried.now)
    assert found == {
        former.target: (True, (ids.format_id(newest),)),
        newest: (False, (ids.format_id(bytes(20)),)),
    }


def test_a_disguised_call_is_named_and_not_read(commons: testing.Commons) -> None:
    """Solidity takes an argument that overlaps another for what we do not read: the call is named, and does what it hides."""
    evil = ids.Address(b"\x66" * 20)
    call = desk(commons, 1).call("Membership", "setRegistrars", [evil], 1)
    words = [number.to_bytes(32, "big") for number in (32, 1, int.from_bytes(evil, "big"))]
    disguised = dataclasses.replace(call, data=call.data[:4] + b"".join(words))
    tried = desk(commons, 2).trial(disguised)
    assert (tried.meaning, tried.refusal) == (
        office.Meaning("Membership", "setRegistrars", ("registrars", "approvals")),
        None,
    )
    decide(commons, [disguised])
    assert commons.registrar.view().votes.registrars == (evil,)


def test_coins_that_go_with_a_call_are_proposed_and_shown(commons: testing.Commons) -> None:
    """What is proposed is what everybody then reads, with the coins; a trial without them would say too much."""
    thief = ids.Address(b"\x66" * 20)
    number = desk(commons, 1).propose([office.Call(thief, b"", 5)], "Nothing", "much")
    assert governance.calls(proposal(commons, number).created) == (office.Call(thief, b"", 5),)
    (tried,) = desk(commons, 2).try_out(proposal(commons, number))
    assert tried.call.value == 5
    assert "insufficient funds" in str(tried.refusal)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_in_a_call_makes_its_trial_fail(commons: testing.Commons, data: st.DataObject) -> None:
    """Whatever a proposal calls with whatever bytes, those who vote are told so, in letters that control no terminal."""
    votes = desk(commons, 1)
    name = data.draw(st.sampled_from(contracts.NAMES))
    entry = data.draw(st.sampled_from(sorted(contracts.load(name).functions.values(), key=lambda each: each.name)))
    words = st.lists(st.sampled_from(WORDS) | st.binary(min_size=32, max_size=32), max_size=9).map(b"".join)
    arguments = data.draw(words | st.binary(max_size=100))
    target = commons.members[0].registry.address_of(name)
    call = office.Call(target, entry.key + arguments, data.draw(st.sampled_from((0, 1, 2**256 - 1))))
    said = effects.say(votes.trial(call), lambda number: f"member {number}")
    assert all(line.isprintable() for line in said.lines(1))
    assert said.as_json()["data"] == ids.format_id(call.data)


def test_a_co_op_votes_by_its_peoples_vote(commons: testing.Commons) -> None:
    """Its governor is the account of one member: its people apply, propose and vote as one, by their own majority."""
    coop = commons.members[0].desk.found_coop(coops.Rules("Growers", delay=0, period=50, percent=20, minimum=2))
    people = [wallet.Wallet(os.urandom(32)) for _ in range(3)]
    commons.members[0].desk.coop(coop).admit({each.address: encoding.keccak(each.address) for each in people})
    desks = [office.CoopDesk(commons.connect(each), coop) for each in people]

    def carry(call: office.Call, why: str) -> None:
        commons.clock.advance(1)
        number = desks[0].propose([call], why)
        commons.clock.advance(2)
        for each in desks[:2]:
            each.vote(number, events.Support.FOR)
        commons.clock.advance(51)
        desks[2].execute(number)

    key = wallet.Wallet(os.urandom(32)).address
    carry(desk(commons, 1).call("Membership", "applyAs", 1, key, b"\x01" * 32, b"\x02" * 32, bytes(32)), "Let us join")
    assert commons.registrar.admit(coop.governor) == 5
    commons.clock.advance(1)
    number = desk(commons, 1).propose([grant(commons)], "With the growers", "why")
    commons.clock.advance(VOTES.delay + 1)
    carry(desk(commons, 1).call("CommonsGovernor", "castVote", number, int(events.Support.FOR)), "We agree")
    assert proposal(commons, number).votes[coop.governor].weight == 1
    assert proposal(commons, number).count(events.Support.FOR) == 1


def test_nobody_else_proposes_what_somebody_of_a_co_op_wrote(commons: testing.Commons) -> None:
    """A person on the roll who sees a proposal coming cannot make it its own and take it back."""
    coop = commons.members[0].desk.found_coop(coops.Rules("Growers"))
    people = [commons.members[number].wallet for number in (0, 1)]
    commons.members[0].desk.coop(coop).admit({each.address: encoding.keccak(each.address) for each in people})
    commons.clock.advance(1)
    author, copier = (office.CoopDesk(commons.connect(each), coop) for each in people)
    call = office.Call(coop.members, contracts.call_data("CoopMembers", "expel", [people[1].address]))
    number = author.propose([call], "He is gone.\n\nFor good.")
    found = author.view().proposals[number]
    assert found.words == "He is gone.\n\nFor good."
    with pytest.raises(errors.LedgerRefused, match="GovernorRestrictedProposer"):
        commons.members[1].registry.transact(
            *("CoopGovernor", "propose", [call.target], [0], [call.data], found.created.description), at=coop.governor
        )
    meaning = copier.meaning(call)
    assert meaning is not None
    assert (meaning.contract, meaning.function, meaning.is_former) == ("CoopMembers", "expel", False)
