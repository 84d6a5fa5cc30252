"""Python's ledger part and ``DataRegistry.denial`` give the same reason for 10,000 random policies, consents and uses.

The real contracts run in the embedded ledger. Consents with their fates (used, revoked, ended, of a suspended dataset or a
suspended owner) are recorded once; then policy after policy is published and asked about inside one call, so that nothing
of it is recorded.
"""

import collections
import dataclasses
import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aicommons import testing
from aicommons.domain import encoding, events, ids, policies, vocabulary
from aicommons.ledger import client, contracts, deployments, wallet
from aicommons.ledger import rpc as connections
from aicommons.ledger.embedded import chain
from aicommons.protocol import rules

SEEDS, POLICIES, AT_ONCE = 25, 400, 100
"""Seeds times policies is 10,000; so many are asked about in one call, below the gas limit of a block."""
CHAIN = chain.DEFAULT_CHAIN_ID
CONSENTS = 100
MOMENT = testing.START + 100
"""When is asked."""
ENDS = (testing.START + 50, MOMENT, *(MOMENT + 1, MOMENT + 10**6) * 7)
"""Ends of consents: some before the moment and at it, most a second or long after it."""
CODES = [each.code for each in vocabulary.PURPOSES]
HASHES = [encoding.purpose_code(code) for code in CODES]
BANNED = vocabulary.bits(vocabulary.BANNED_PURPOSES)
IN_USE, SUSPENDED, ORPHANED = 1, 2, 3
"""Datasets: in use, suspended, and of an owner who is suspended."""
EVERYTHING = events.Rules(2**256 - 1, 0, True)
PROBLEMS = (b"\x01" * 32, b"\x02" * 32)
CONSENT_ID = ["uint256", "address", "(uint256,uint256,uint256,bytes32,bool,uint64,uint32,bytes32)", "uint256"]

BATCH = bytes.fromhex(
    "60006120005b36821060145761200080820390f3"  # while there is calldata left, go on at 20; then return all results
    "5b816020013580836040016104003760208282610400600087355af1603d57"  # 20: copy one call's data and make it; go on at 61
    "3d600060003e3d6000fd"  # it failed: fail as it did
    "5b9190602001910160400190600556"  # 61: next call, next result
)
"""Code that makes the calls in its calldata (a word of target, a word of length, the data) and returns a word of each."""

Call = tuple[ids.Address, bytes]


@dataclasses.dataclass(frozen=True)
class Given:
    """One recorded consent and the same as Python sees it."""

    consent_id: bytes
    consent: rules.Consent


@dataclasses.dataclass(frozen=True)
class Registry:
    """The deployed contracts with what is recorded in them."""

    clock: testing.ManualClock
    connection: connections.LocalRpc
    membership: ids.Address
    data: ids.Address
    owner: ids.Address
    """Batch contract that owns the datasets in use and suspended, and stands for TrainingRuns."""
    given: tuple[Given, ...]

    def ask(self, calls: Sequence[Call]) -> list[int]:
        """Return a word for each call, made one after the other by the owner; nothing is recorded."""
        request = {"to": ids.format_id(self.owner), "data": "0x" + batch(calls).hex(), "gas": hex(2**24)}
        answer = connections.data(connections.call(self.connection, "eth_call", [request, "latest"]))
        assert len(answer) == 32 * len(calls)
        return [int.from_bytes(answer[at : at + 32], "big") for at in range(0, len(answer), 32)]


def batch(calls: Sequence[Call]) -> bytes:
    """Return the calldata that makes ``BATCH`` do these calls."""
    return b"".join(bytes(12) + to + len(data).to_bytes(32, "big") + data for to, data in calls)


def publishing(dataset_id: int, seen: events.Rules, *, free_commons: bool, price: int) -> bytes:
    """Return the call that publishes a policy."""
    values = [dataset_id, b"\x0c" * 32, b"\x0d" * 32, dataclasses.astuple(seen), free_commons, price]
    return contracts.call_data("DataRegistry", "publishVersion", values)


def terms(consent: rules.Consent) -> tuple[object, ...]:
    """Return a consent's terms as the contract takes them."""
    return (
        consent.dataset_id, consent.purposes, consent.grantee or 0, consent.problem or bytes(32), consent.commercial,
        consent.expiry, consent.max_uses, b"\x0e" * 32,
    )  # fmt: skip


def drawn_consent(rng: random.Random, dataset_id: int) -> rules.Consent:
    """Return a consent as it will be after ``founded`` has used or revoked it."""
    most = rng.randint(1, 3)
    return rules.Consent(
        dataset_id=dataset_id, purposes=vocabulary.bits(rng.sample(CODES, rng.randint(1, 40))),
        grantee=rng.choice([None, ids.MemberId(rng.randint(1, 3))]), problem=rng.choice([None, *PROBLEMS]),
        commercial=rng.random() < 0.5, expiry=rng.choice(ENDS), max_uses=most,
        uses=rng.choice([0, 0, most - 1, most]), revoked=rng.random() < 0.15,
    )  # fmt: skip


def fitting(consent: rules.Consent) -> tuple[object, ...]:
    """Return a use that a consent allows as long as everything is permitted."""
    allowed = consent.purposes & ~BANNED
    place = (allowed & -allowed).bit_length() - 1
    grantee, problem = consent.grantee or 1, consent.problem or PROBLEMS[0]
    return (consent.dataset_id, HASHES[place], problem, grantee, False, 0)


def history(registry: ids.Address, consents: Sequence[rules.Consent]) -> tuple[list[Given], list[Call]]:
    """Return consents under their ids, with the calls by which they are given, used and revoked."""
    nonces: collections.Counter[int] = collections.Counter()
    made, calls = [], []
    for consent in consents:
        values = [CHAIN, registry, terms(consent), nonces[consent.dataset_id]]
        consent_id = encoding.keccak(encoding.abi_encode(CONSENT_ID, values))
        nonces[consent.dataset_id] += 1
        made.append(Given(consent_id, consent))
        calls.append(contracts.call_data("DataRegistry", "give", [terms(consent)]))
        for run in range(consent.uses):
            use = [consent_id, run.to_bytes(32, "big"), fitting(consent)]
            calls.append(contracts.call_data("DataRegistry", "use", use))
        if consent.revoked:
            calls.append(contracts.call_data("DataRegistry", "revoke", [consent_id]))
    return made, [(registry, data) for data in calls]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The contracts with 100 consents, on the embedded ledger."""
    clock = testing.ManualClock()
    ledger = testing.LocalLedger(tmp_path_factory.mktemp("ledger"), clock)
    yield founded(clock, connections.LocalRpc(ledger.handle))
    ledger.close()


def founded(clock: testing.ManualClock, connection: connections.LocalRpc) -> Registry:
    """Deploy the contracts, admit two owners, record their datasets and consents, and let time pass."""
    operator = wallet.Wallet(random.Random(7).randbytes(32))
    sender = client.Client(connection, deployments.Deployment(CHAIN, 0, {}, {}), operator)

    def create(name: str, *values: object) -> ids.Address:
        artifact = contracts.load(name)
        return sender.deploy(artifact.bytecode + encoding.abi_encode(artifact.constructor, values))

    nobody = (ids.Address(bytes(20)), ids.Address(bytes(20)))
    membership = create("Membership", [operator.address], 1, [], nobody)
    copies = b"\x60" + bytes([len(BATCH)]) + bytes.fromhex("80600b6000396000f3")
    owner, other = (sender.deploy(copies + BATCH) for _ in range(2))
    data = create("DataRegistry", membership, owner, HASHES, BANNED, nobody)
    for place, account in enumerate((owner, other)):
        values = [1, bytes(19) + bytes([place + 1]), *(bytes([place + 1]) * 32 for _ in range(3))]
        sender.send_to(account, batch([(membership, contracts.call_data("Membership", "applyAs", values))]))
        sender.send_to(membership, contracts.call_data("Membership", "admit", [account]))

    listing = [b"\x0a" * 32, b"\x0b" * 32, dataclasses.astuple(EVERYTHING), True, 0]
    for account in (owner, owner, other):  # IN_USE, SUSPENDED, ORPHANED
        sender.send_to(account, batch([(data, contracts.call_data("DataRegistry", "list", listing))]))
    rng = random.Random(11)
    consents = [drawn_consent(rng, IN_USE if place % 10 else SUSPENDED) for place in range(CONSENTS)]
    made, calls = history(data, consents)
    for at in range(0, len(calls), 20):
        sender.send_to(owner, batch(calls[at : at + 20]))
    orphans, calls = history(data, [dataclasses.replace(drawn_consent(rng, ORPHANED), uses=0) for _ in range(8)])
    sender.send_to(other, batch(calls))
    sender.send_to(owner, batch([(data, contracts.call_data("DataRegistry", "suspend", [SUSPENDED]))]))
    sender.send_to(membership, contracts.call_data("Membership", "suspend", [2]))
    clock.advance(MOMENT - clock.now())
    return Registry(clock, connection, membership, data, owner, (*made, *orphans))


@dataclasses.dataclass(frozen=True)
class Case:
    """One random policy, and who asks for what under it."""

    given: Given | None
    listing: rules.Listing
    use: rules.Use


def drawn_policy(rng: random.Random) -> policies.UsePolicy:
    """Return a random policy; also ones that contradict themselves, since the ledger cannot know that."""
    return policies.UsePolicy(
        title="random", assigner=ids.MemberId(1), permitted=tuple(rng.sample(CODES, rng.randint(1, 8))),
        prohibited=tuple(rng.sample(CODES, rng.randint(0, 4))), commercial=rng.random() < 0.5, countries=(),
        licence="CC-BY-4.0", minimum_cohort=10, minimum_cell=1, small_cells=policies.SmallCells.ALLOW, epsilon=None,
        privacy_unit=policies.PrivacyUnit.RECORD, price=rng.choice([0, 1, 2, 2**53 - 1]),
        free_commons=rng.random() < 0.3, duties=(), until=None, person_column=None,
    )  # fmt: skip


def drawn(rng: random.Random, recorded: Sequence[Given]) -> Case:
    """Return a random case; most are near to being allowed, so that the last reasons are reached as well."""
    policy = drawn_policy(rng)
    given = rng.choice(recorded) if rng.random() < 0.98 else None
    dataset_id = given.consent.dataset_id if given else IN_USE
    seen = rules.rules_of(policy)
    if rng.random() < 0.7 and given:  # permit what was consented to
        seen = dataclasses.replace(seen, permitted=seen.permitted | given.consent.purposes)
    if dataset_id == ORPHANED:  # a suspended owner publishes nothing: the dataset is as it was listed
        listing = rules.Listing(EVERYTHING, True, False, True, 0)
    else:
        listing = rules.Listing(seen, dataset_id == IN_USE, True, policy.free_commons, policy.price)
    covered = vocabulary.codes(given.consent.purposes) if given and rng.random() < 0.8 else CODES
    purpose = "aic:Unknown" if rng.random() < 0.02 else rng.choice(covered)
    consent = given.consent if given else None
    is_right = rng.random() < 0.7
    use = rules.Use(
        dataset_id=dataset_id if rng.random() < 0.97 else rng.randint(0, 4), purpose=encoding.purpose_code(purpose),
        problem=consent.problem if is_right and consent and consent.problem else rng.choice(PROBLEMS),
        grantee=consent.grantee if is_right and consent and consent.grantee else ids.MemberId(rng.randint(1, 3)),
        commercial=rng.random() < 0.3, price=rng.choice([0, 1, 2, 2**53 - 1, 2**256 - 1]),
    )  # fmt: skip
    return Case(given, listing, use)


def calls_of(case: Case, registry: Registry) -> list[Call]:
    """Return the calls that publish a case's policy and ask for the contract's reason."""
    consent_id = case.given.consent_id if case.given else b"\xff" * 32
    dataset_id = case.given.consent.dataset_id if case.given else IN_USE
    asking = contracts.call_data("DataRegistry", "denial", [consent_id, dataclasses.astuple(case.use)])
    calls = [(registry.data, asking)]
    if dataset_id != ORPHANED:
        told, free, price = case.listing.rules, case.listing.free_commons, case.listing.price
        calls.insert(0, (registry.data, publishing(dataset_id, told, free_commons=free, price=price)))
    return calls


def reasons_of_contract(cases: Sequence[Case], registry: Registry) -> list[rules.Denial]:
    """Return the contract's reasons."""
    reasons = []
    for at in range(0, len(cases), AT_ONCE):
        calls = [calls_of(case, registry) for case in cases[at : at + AT_ONCE]]
        words = iter(registry.ask([call for each in calls for call in each]))
        reasons += [rules.Denial([next(words) for _ in each][-1]) for each in calls]
    return reasons


def reasons_of_python(cases: Sequence[Case], now: int) -> list[rules.Denial]:
    """Return Python's reasons."""
    return [
        rules.ledger_denial(case.given.consent if case.given else None, case.listing, case.use, now) for case in cases
    ]


@pytest.mark.slow("deploys the contracts and asks them 10,000 times")
@settings(max_examples=SEEDS, deadline=None, phases=[Phase.generate])  # a smaller seed is no simpler case
@given(seed=st.integers(0, 2**64 - 1))
def test_contract_and_python_give_the_same_reason(registry: Registry, seed: int) -> None:
    """For 400 random policies of each of 25 random seeds, the contract denies for the reason that Python names."""
    rng = random.Random(seed)
    cases = [drawn(rng, registry.given) for _ in range(POLICIES)]
    reasons = reasons_of_contract(cases, registry)
    assert reasons == reasons_of_python(cases, int(registry.clock.now()))


@pytest.mark.slow("asks the contracts 4,000 times")
def test_random_cases_reach_every_reason(registry: Registry) -> None:
    """The random cases are no idle ones: each reason of the ledger comes up, and being allowed too."""
    rng = random.Random(3)
    reasons = collections.Counter(
        reasons_of_contract([drawn(rng, registry.given) for _ in range(10 * POLICIES)], registry)
    )
    assert [denial.name for denial in rules.Denial if denial.is_on_ledger and not reasons[denial]] == []
