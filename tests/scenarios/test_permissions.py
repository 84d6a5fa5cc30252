"""The desk's acts on permissions, on the real contracts: people's registers, guardians, requests, and co-ops that vote."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import pytest

from aicommons import office, testing
from aicommons.domain import cards, encoding, errors, events, ids
from aicommons.ledger import rpc, wallet
from aicommons.protocol import consents, coops, permissions

CARD = cards.DatasetCard("A table", "a site", 10, {}, "LicenseRef-private", 10, "none")
NOW = testing.START
EXPIRY = NOW + 365 * 86_400


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons with an owner and a solver."""
    made = testing.Commons(tmp_path)
    made.admit("owner")
    made.admit("solver")
    yield made
    made.close()


@pytest.fixture
def owner(commons: testing.Commons) -> office.Desk:
    """The desk of the data's steward."""
    return commons.members[0].desk


@pytest.fixture
def solver(commons: testing.Commons) -> office.Desk:
    """The desk of who asks for data."""
    return commons.members[1].desk


def person(commons: testing.Commons) -> tuple[wallet.Wallet, office.Desk]:
    """Return somebody with a key and a desk but no membership."""
    key = wallet.Wallet(os.urandom(32))
    return key, office.Desk(commons.connect(key), commons.store)


class Register:
    """A steward's register of 300 people's consents: nobody's keys but a few."""

    def __init__(self, desk: office.Desk, *special: consents.Leaf) -> None:
        self.desk = desk
        self.dataset = desk.publish_dataset(CARD)
        desk.open_register(self.dataset)
        plain = [consents.Leaf(self.dataset, index, os.urandom(32), *NO_KEYS, 0, EXPIRY) for index in range(300)]
        for leaf in special:
            plain[leaf.index] = dataclasses.replace(leaf, dataset_id=self.dataset)
        self.leaves = plain
        self.withdrawn: set[int] = set()
        self.post()

    def post(self) -> None:
        """Post the register as it is now."""
        self.tree = consents.Tree.over(consents.leaf_hash(self.desk.register_place, leaf) for leaf in self.leaves)
        self.words = consents.status_words(len(self.leaves), self.withdrawn)
        self.status = consents.status_tree(self.dataset, self.words)
        self.desk.post_register(self.dataset, self.tree, self.status)

    def is_live(self, index: int) -> bool:
        """Return what the ledger says of a consent when it is shown the proofs."""
        place = index // consents.WORD_BITS
        proofs = (list(self.tree.proof(index)), self.words[place], list(self.status.proof(place)))
        asked = (dataclasses.astuple(self.leaves[index]), *proofs)
        return self.desk._registry.call("ConsentRegister", "isLive", *asked) == (True,)


NO_KEYS = (ids.NOBODY, ids.NOBODY, consents.NO_GUARDIANSHIP)


def held_by(address: ids.Address, index: int = 299) -> consents.Leaf:
    """Return the consent of an adult with a key."""
    return consents.Leaf(0, index, b"\x05" * 32, address, ids.NOBODY, consents.NO_GUARDIANSHIP, 0, EXPIRY)


def test_a_register_is_posted_and_read_back(owner: office.Desk) -> None:
    """Given and taken back through the steward, in one posting: the ledger confirms both, and the view has the head."""
    register = Register(owner)
    assert all(register.is_live(index) for index in (0, 255, 256, 299))
    register.withdrawn = {0, 256}
    register.post()
    assert [register.is_live(index) for index in (0, 1, 255, 256, 257)] == [False, True, True, False, True]
    seen = owner.view().registers[register.dataset]
    assert (seen.root, seen.leaves, seen.status) == (register.tree.root, 300, register.status.root)
    assert [each.root for each in seen.posted] == [register.tree.root] * 2
    assert seen.posted_at(seen.block) == seen.posted[1]
    assert seen.posted_at(seen.block - 1) == seen.posted[0]
    assert seen.posted_at(seen.posted[0].at.block - 1) is None


def test_a_person_withdraws_alone(commons: testing.Commons, owner: office.Desk) -> None:
    """While the steward is silent, a person who is no member takes its consent back with a key and a proof."""
    key, desk = person(commons)
    register = Register(owner, held_by(key.address))
    leaf, proof = register.leaves[299], register.tree.proof(299)
    assert register.is_live(299)
    desk.withdraw_leaf(leaf, proof)
    assert not register.is_live(299)
    hashed = consents.leaf_hash(owner.register_place, leaf)
    (told,) = owner.view().registers[register.dataset].withdrawn.values()
    assert (told.leaf, told.index, told.by) == (hashed, 299, key.address)
    with pytest.raises(errors.LedgerRefused, match="AlreadyWithdrawn"):
        desk.withdraw_leaf(leaf, proof)


def test_a_signed_withdrawal_is_sent_by_anybody(commons: testing.Commons, owner: office.Desk) -> None:
    """A person signs, a stranger sends; the same signature on another consent or after its deadline does nothing."""
    key, _ = person(commons)
    _, stranger = person(commons)
    register = Register(owner, held_by(key.address), held_by(key.address, 7))
    place, leaf = owner.register_place, register.leaves[299]
    signed = key.sign_digest(consents.withdrawal_digest(place, consents.leaf_hash(place, leaf), NOW + 60))
    good = {"deadline": NOW + 60, "by": key.address, "signature": signed}
    with pytest.raises(errors.LedgerRefused, match="SignatureInvalid"):
        stranger.withdraw_leaf_by_signature(register.leaves[7], register.tree.proof(7), **good)
    stranger.withdraw_leaf_by_signature(leaf, register.tree.proof(299), **good)
    assert not register.is_live(299)
    assert register.is_live(7)


def test_a_childs_consent_rests_on_its_guardian(commons: testing.Commons, owner: office.Desk) -> None:
    """Live while an organisation vouches for the guardian, dead once it does not; the guardian may take it back."""
    guardian, _ = person(commons)
    majority = NOW + 100 * 86_400
    known = owner.attest_guardian(b"\x01" * 32, guardian.address, majority, b"\x02" * 32)
    child = consents.Leaf(0, 5, b"\x05" * 32, ids.NOBODY, guardian.address, known, majority, EXPIRY)
    register = Register(owner, child)
    assert register.is_live(5)
    assert owner.view().is_guarded(known, guardian.address, NOW)
    suspend, reinstate = ((act, owner.member_id()) for act in ("suspend", "reinstate"))
    for (act, member), expected in ((suspend, False), (reinstate, True)):
        commons.connect(commons.operator).transact("Membership", act, member)
        assert register.is_live(5) is owner.view().is_guarded(known, guardian.address, NOW) is expected
    owner.revoke_guardian(known)
    assert not register.is_live(5)
    assert not owner.view().is_guarded(known, guardian.address, NOW)
    assert not owner.view().is_guarded(b"\x09" * 32, guardian.address, NOW)
    person_desk = office.Desk(commons.connect(guardian), commons.store)
    person_desk.withdraw_leaf(register.leaves[5], register.tree.proof(5))
    assert len(owner.view().registers[register.dataset].withdrawn) == 1


def test_a_request_goes_to_and_fro(owner: office.Desk, solver: office.Desk) -> None:
    """Asked, asked back, replied, approved: each side finds the other's words in the store by digest."""
    dataset = owner.publish_dataset(CARD)
    request = solver.ask(dataset, b"why")
    assert owner.view().requests[request].state is permissions.RequestState.OPEN
    owner.answer(request, events.Answer.ASK_BACK, b"for whom?")
    assert solver.view().requests[request].state is permissions.RequestState.ASKED_BACK
    solver.reply(request, b"for you")
    owner.answer(request, events.Answer.APPROVE)
    seen = solver.view().requests[request]
    assert seen.state is permissions.RequestState.APPROVED
    assert seen.state.is_decided
    assert seen.answer is not None
    assert seen.answer.document == bytes(32)
    assert [type(turn) for turn in seen.turns] == [
        *(events.RequestAnswered, events.RequestReplied, events.RequestAnswered),
    ]


def test_a_denial_says_why(owner: office.Desk, solver: office.Desk) -> None:
    """A denial without words is refused at the desk; with them it reaches the asker and is final."""
    request = solver.ask(owner.publish_dataset(CARD), b"why")
    with pytest.raises(errors.InputError, match="needs its words"):
        owner.answer(request, events.Answer.DENY)
    owner.answer(request, events.Answer.DENY, b"not for this")
    assert solver.view().requests[request].state is permissions.RequestState.DENIED
    with pytest.raises(errors.LedgerRefused, match="RequestsWrongState"):
        solver.withdraw_request(request)


def test_an_asker_may_withdraw(owner: office.Desk, solver: office.Desk) -> None:
    """A request that was taken back cannot be answered."""
    request = solver.ask(owner.publish_dataset(CARD), b"why")
    solver.withdraw_request(request)
    assert owner.view().requests[request].state is permissions.RequestState.WITHDRAWN
    with pytest.raises(errors.LedgerRefused, match="RequestsWrongState"):
        owner.answer(request, events.Answer.APPROVE)


# --------------------------------------------------------------------------------------------------------------- co-ops

RULES = coops.Rules("Growers of the valley", delay=10, period=100, percent=50, minimum=2)


@dataclasses.dataclass
class Village:
    """A co-op of four people with one of them at hand."""

    commons: testing.Commons
    coop: coops.Coop
    keys: list[wallet.Wallet]

    def desk(self, index: int) -> office.CoopDesk:
        """Return the desk of one of the people."""
        return office.CoopDesk(self.commons.connect(self.keys[index]), self.coop)

    @property
    def steward(self) -> office.CoopDesk:
        """Return the steward's desk."""
        return self.commons.members[0].desk.coop(self.coop)


@pytest.fixture
def village(commons: testing.Commons, owner: office.Desk) -> Village:
    """A founded co-op."""
    coop = owner.found_coop(RULES)
    keys = [wallet.Wallet(os.urandom(32)) for _ in range(4)]
    owner.coop(coop).admit({key.address: encoding.keccak(key.address) for key in keys})
    commons.clock.advance(1)
    return Village(commons, coop, keys)


def test_a_coop_is_founded_and_people_are_on_its_roll(village: Village) -> None:
    """The steward's desk founds it; roll and governor name each other, and another pair is refused."""
    village.steward.check()
    assert list(village.steward.view().people) == [key.address for key in village.keys]
    other = village.commons.members[0].desk.found_coop(RULES)
    mixed = coops.Coop(village.coop.members, other.governor)
    with pytest.raises(errors.LedgerMismatch, match="belong together"):
        office.CoopDesk(village.commons.members[0].registry, mixed).check()


def test_people_vote_with_and_without_a_transaction(village: Village) -> None:
    """A proposal is carried by one transaction and one signature that a stranger sends, and then executed."""
    appoint = village.commons.members[0].registry.call_data("CoopMembers", "appoint", village.keys[1].address)
    proposal = village.desk(0).propose([office.Call(village.coop.members, appoint)], "A steward from among us")
    assert village.steward.state(proposal) is coops.ProposalState.PENDING
    village.commons.clock.advance(11)
    village.desk(0).vote(proposal, events.Support.FOR)
    ballot = village.steward.ballot(proposal, events.Support.FOR, village.keys[1].address)
    signed = village.keys[1].sign_digest(ballot.digest(village.steward.place))
    village.steward.vote_by_signature(ballot, signed)
    with pytest.raises(errors.LedgerRefused, match="Governor"):
        village.steward.vote_by_signature(ballot, signed)
    village.desk(2).vote(proposal, events.Support.AGAINST)
    with pytest.raises(errors.LedgerRefused, match="GovernorUnexpectedProposalState"):
        village.steward.execute(proposal)
    village.commons.clock.advance(101)
    assert village.steward.state(proposal) is coops.ProposalState.SUCCEEDED
    village.desk(3).execute(proposal)
    seen = village.steward.view().proposals[proposal]
    assert seen.executed is not None
    assert [seen.count(support) for support in events.Support] == [1, 2, 0]
    with pytest.raises(errors.LedgerRefused, match="CoopMembersNotSteward"):
        village.steward.admit({ids.Address(b"\x07" * 20): b"\x07" * 32})


def test_without_a_quorum_nothing_is_carried(village: Village) -> None:
    """One vote of four is no half: the proposal is defeated and cannot be executed."""
    proposal = village.desk(0).propose([office.Call(village.coop.members, b"")], "Alone")
    village.commons.clock.advance(11)
    village.desk(0).vote(proposal, events.Support.FOR)
    village.commons.clock.advance(101)
    assert village.steward.state(proposal) is coops.ProposalState.DEFEATED
    with pytest.raises(errors.LedgerRefused, match="GovernorUnexpectedProposalState"):
        village.desk(0).execute(proposal)


def test_an_unknown_proposal(village: Village) -> None:
    """What was never proposed cannot be executed."""
    with pytest.raises(errors.InputError, match="no such proposal"):
        village.steward.execute(5)


def test_who_left_the_roll_has_no_vote_in_what_follows(village: Village) -> None:
    """A person gives up its place; it is off the roll and cannot propose."""
    village.desk(3).leave()
    village.commons.clock.advance(1)
    assert len(village.steward.view().people) == 3
    with pytest.raises(errors.LedgerRefused, match="GovernorInsufficientProposerVotes"):
        village.desk(3).propose([office.Call(village.coop.members, b"")], "Back")


def test_a_description_that_is_no_text_stops_nobody(village: Village) -> None:
    """A proposal with bytes that are no UTF-8 is shown as it can be, and the co-op's other events are still read."""
    registry = village.commons.connect(village.keys[0])
    data = registry.call_data("CoopGovernor", "propose", [village.coop.members], [0], [b""], "????")
    registry.send_to(village.coop.governor, data.replace(b"????", b"\xff\xfe\xff\xff"))
    (seen,) = village.steward.view().proposals.values()
    assert seen.created.description == "\ufffd" * 4


# ------------------------------------------------------------------------------------------------------------------ gas


def test_a_posting_costs_the_same_for_everybody(commons: testing.Commons, owner: office.Desk) -> None:
    """100,000 consents given and 1,000 withdrawn are one posting of at most 50,000 gas."""
    dataset = owner.publish_dataset(CARD)
    owner.open_register(dataset)
    wire = rpc.LocalRpc(commons.ledger.handle)
    spent = []
    for number in (1, 2):
        values = (dataset, bytes([number]) * 32, 100_000 * number, bytes([number + 9]) * 32)
        commons.members[0].registry.transact("ConsentRegister", "post", *values)
        block = rpc.call(wire, "eth_getBlockByNumber", ["latest", False])
        assert isinstance(block, dict)
        spent.append(int(block["gasUsed"], 16))
    assert max(spent) <= 50_000
