"""One commons on three ledgers, and one player for all: in memory, embedded, and anvil.

Keys, addresses, chain id and block times are the same everywhere, so that ids, digests and signatures are too, and whatever
happens can be compared event by event. Used by ``test_equal_ledgers`` and ``test_memory_founding``.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import urllib3
from tests import honest_token
from tests.ledger import anvils

from aicommons import operating, testing
from aicommons.domain import encoding, errors, events, ids, messages, run, vocabulary
from aicommons.ledger import addresses, client, contracts, deployments, rpc, wallet
from aicommons.ledger.embedded import chain
from aicommons.ledger.memory import ledger as memory
from aicommons.protocol import view as views

CHAIN = chain.DEFAULT_CHAIN_ID
PURPOSE = "DUO:0000042"
PHASE, PATIENCE = 60, 600
REASON = "box-does-not-open"


def word(*parts: object) -> bytes:
    """Return 32 fixed bytes."""
    return hashlib.sha256(repr(parts).encode()).digest()


FOUNDER, MINTER = wallet.Wallet(word("founder")), wallet.Wallet(word("minter"))
TOKEN = addresses.created(MINTER.address, 0)
"""An honest token, which ``MINTER``'s first transaction creates."""


def founder(number: int) -> deployments.Founder:
    """Return what the member of a number says of itself; a person where the number is odd."""
    return deployments.Founder(
        account=wallet.Wallet(word(number)).address,
        kind=1 - number % 2,
        node_key=wallet.Wallet(word(("node", number))).address,
        reader_point=word("point", number),
        credential=word("credential", number),
        profile=word("profile", number),
    )


ALLOWED, BANNED = "aic:SocialScoring", "dpv:Marketing"
FOUNDING = dataclasses.replace(
    operating.founding(FOUNDER.address),
    banned=vocabulary.bits([*(vocabulary.BANNED_PURPOSES - {ALLOWED}), BANNED], closed=False),
    founders=[founder(1), founder(2)],
    votes=deployments.VoteRules(delay=10, period=20, percent=30, minimum=4, timelock=50),
    problems=deployments.ProblemRules(review=0, challenge=60),
    audits=deployments.AuditRules(audits=3, delay=70),
)
"""How the worlds start: members 1 and 2 found them, no rule is another's number, and what is banned is of their choice."""


class MemoryWorld:
    """The in-memory ledger."""

    def __init__(self, folder: pathlib.Path, founding: deployments.Founding = FOUNDING) -> None:
        del folder
        self.clock = testing.ManualClock()
        self.ledger = memory.MemoryLedger(CHAIN, FOUNDER.address, founding, self.clock)

    def connect(self, signer: wallet.Wallet) -> Any:
        """Return a client."""
        return self.ledger.connect(signer)

    def tick(self, seconds: int) -> None:
        """Let time pass before a call."""
        self.clock.advance(seconds)

    def mint(self, owner: Any, amount: int) -> None:
        """Give a client's account tokens."""
        self.ledger.mint(TOKEN, owner.address, amount)

    def close(self) -> None:
        """Nothing is open."""


class EmbeddedWorld:
    """The contracts on the embedded ledger."""

    def __init__(self, folder: pathlib.Path, founding: deployments.Founding = FOUNDING) -> None:
        self.clock = testing.ManualClock()
        self._local = testing.LocalLedger(folder, self.clock)
        self._wire = rpc.LocalRpc(self._local.handle)
        nowhere = deployments.Deployment(CHAIN, 0, {}, {})
        deployer = client.Client(self._wire, nowhere, FOUNDER)
        self._deployment = deployments.deploy(deployer, CHAIN, founding)

    def connect(self, signer: wallet.Wallet) -> Any:
        """Return a client."""
        return client.Client(self._wire, self._deployment, signer)

    def tick(self, seconds: int) -> None:
        """Let time pass before a call."""
        self.clock.advance(seconds)

    def mint(self, owner: Any, amount: int) -> None:
        """Give a client's account tokens."""
        mint(self.connect(MINTER), owner, amount)

    def close(self) -> None:
        """Close its file."""
        self._local.close()


class Anvil:
    """A running anvil under the embedded ledger's rules: Cancun, zero fees, one transaction a block."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path) -> None:
        self._running = contextlib.ExitStack()
        options = (*anvils.LIKE_OURS, "--accounts", "1", "--timestamp", str(int(testing.START)))
        self._url = self._running.enter_context(anvils.running(binary, folder / "anvil.log", *options, chain_id=CHAIN))
        self._pool = urllib3.PoolManager(maxsize=1, retries=False, timeout=20)
        self.deployment: deployments.Deployment | None = None
        self.snapshot: object = None

    def ask(self, method: str, *params: object) -> Any:
        """Return one method's result."""
        answer = self.one({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert "error" not in answer, answer
        return answer["result"]

    def exchange(self, payload: bytes) -> bytes:
        """Answer requests one by one, a receipt once there is one: anvil mines after it answered."""
        asked = json.loads(payload)
        if isinstance(asked, dict):
            return json.dumps(self.one(asked)).encode()
        return json.dumps([self.one(each) for each in asked]).encode()

    def one(self, asked: dict[str, Any]) -> Any:
        """Return the answer to one request."""
        while True:
            headers = {"content-type": "application/json"}
            answer = json.loads(self._pool.request("POST", self._url, body=json.dumps(asked), headers=headers).data)
            if asked["method"] != "eth_getTransactionReceipt" or answer.get("result") is not None:
                return answer

    def close(self) -> None:
        """End it."""
        self._pool.clear()
        self._running.close()


class AnvilWorld:
    """The contracts on anvil, deployed once and rolled back to that for each world."""

    def __init__(self, anvil: Anvil) -> None:
        self._anvil = anvil
        if anvil.deployment is None:
            deployer = client.Client(anvil, deployments.Deployment(CHAIN, 0, {}, {}), FOUNDER)
            anvil.ask("anvil_setBlockTimestampInterval", 0)  # all are created in the second of the first block
            anvil.deployment = deployments.deploy(deployer, CHAIN, FOUNDING)
        else:
            anvil.ask("evm_revert", anvil.snapshot)
        anvil.snapshot = anvil.ask("evm_snapshot")
        self.clock = testing.ManualClock()

    def connect(self, signer: wallet.Wallet) -> Any:
        """Return a client."""
        assert self._anvil.deployment is not None
        return client.Client(self._anvil, self._anvil.deployment, signer)

    def tick(self, seconds: int) -> None:
        """Let time pass before a call."""
        self.clock.advance(seconds)
        self._anvil.ask("evm_setNextBlockTimestamp", int(self.clock.now()))

    def mint(self, owner: Any, amount: int) -> None:
        """Give a client's account tokens."""
        mint(self.connect(MINTER), owner, amount)

    def close(self) -> None:
        """Leave it to the next world."""


def mint(minter: Any, owner: Any, amount: int) -> None:
    """Create the token where it is not there yet, give an account some of it, and let the vault take it."""
    if not minter.nonce():
        minter.deploy(honest_token.CODE)
    for sender, name, account in (
        (minter, "mint", owner.address), (owner, "approve", owner.address_of("Vault")),
    ):  # fmt: skip
        said = encoding.abi_encode(("address", "uint256"), (account, amount))
        sender.send_to(TOKEN, encoding.keccak(f"{name}(address,uint256)".encode())[:4] + said)


class Player:
    """Members 1 to ``sites`` with a dataset and a consent each, a problem owner and a solver, and what they send."""

    def __init__(self, world: Any, sites: int, absences: Sequence[int] = ()) -> None:
        self.world = world
        self.sites, self.owner, self.solver = sites, sites + 1, sites + 2
        self.absences = frozenset(absences)
        """Members that enrol with ``Absence.EXIT``."""
        self.told: list[events.Event] = []
        self.view = views.LedgerView()
        self.refused: list[tuple[str | None, tuple[object, ...]]] = []
        """What calls were refused, in their order."""
        self.answers: list[object] = []
        """What views said at the end."""
        self.run_id = ids.RunId(bytes(32))
        self.consents: dict[int, bytes] = {}
        self._clients: dict[object, Any] = {}
        self._reader = self.client("founder")
        self._hear()

    # ---------------------------------------------------------------------------------------------------------- calling

    def key(self, name: object) -> wallet.Wallet:
        """Return somebody's key: a member's account is its number, its node's is ("node", number)."""
        return FOUNDER if name == "founder" else wallet.Wallet(word(name))

    def client(self, name: object) -> Any:
        """Return somebody's client."""
        if name not in self._clients:
            self._clients[name] = self.world.connect(self.key(name))
        return self._clients[name]

    def do(self, name: object, contract: str, function: str, *values: object) -> bool:
        """Make a call a second later; return whether it was taken."""
        return self._try(lambda: self.client(name).transact(contract, function, *values))

    def _try(self, call: Callable[[], None]) -> bool:
        self.world.tick(1)
        try:
            call()
        except errors.LedgerRefused as refusal:
            self.refused.append((refusal.error, refusal.arguments))
            return False
        finally:
            self._hear()
        return True

    def _hear(self) -> None:
        news = self._reader.poll()
        self.told += news
        self.view = views.fold(self.view, news)

    def later(self, seconds: int) -> None:
        """Let time pass and move the run on."""
        self.world.tick(seconds)
        self.advance()

    # --------------------------------------------------------------------------------------------------------- beginning

    def found(self) -> None:
        """Admit who did not found, list and permit every dataset, state the problem."""
        for member in range(1, self.sites + 3):
            if member not in self.view.members:
                said = founder(member)
                self.do(member, "Membership", "applyAs", *dataclasses.astuple(said)[1:])
                self.do("founder", "Membership", "admit", said.account)
        for member in range(1, self.sites + 1):
            self.list(member)
            self.give(member, member)
        self.state(self.owner)

    def state(self, member: int | str, **changed: object) -> bool:
        """State a problem."""
        usual: dict[str, object] = {
            "document": word("problem"), "purpose": encoding.purpose_code(PURPOSE), "judge": 0,
            "deadline": testing.START + 30 * 86400,
        }  # fmt: skip
        return self.do(member, "Problems", "state", *(usual | changed).values())

    def list(self, member: int, **changed: int) -> None:
        """List a dataset of a member's."""
        rules = {"permitted": 2**256 - 1, "prohibited": 0, "commercial": 1} | changed
        said = (rules["permitted"], rules["prohibited"], bool(rules["commercial"]))
        self.do(member, "DataRegistry", "list", word("card", member), word("policy", member), said, True, 0)

    def give(self, member: int | str, dataset_id: int, **changed: object) -> None:
        """Permit the use of a dataset."""
        usual: dict[str, object] = {
            "purposes": vocabulary.bits([PURPOSE]), "grantee": 0, "problem": bytes(32), "commercial": False,
            "expiry": testing.START + 365 * 86400, "max_uses": 3, "document": word("record"),
        }  # fmt: skip
        self.do(member, "DataRegistry", "give", (dataset_id, *(usual | changed).values()))
        given = [each for each in self.view.consents.values() if each.dataset_id == dataset_id]
        if given:
            self.consents[dataset_id] = given[-1].consent_id

    def spec(self, **changed: object) -> run.RunSpec:
        """Return the run's terms."""
        problem = next(iter(self.view.problems))
        usual = run.RunSpec(
            problem=problem, plan=ids.Digest(word("plan")), terms=ids.Digest(word("terms")),
            purpose=encoding.purpose_code(PURPOSE), solver=ids.MemberId(self.solver), rounds=2, min_participants=3,
            max_participants=48, layout=1, cell_size=0, suite=1, max_attempts=3, enrol_until=testing.START + 86400,
            phase_seconds=PHASE, patience_seconds=PATIENCE, solver_shares=100_000, owner_shares=50_000, bond=0,
            token=run.COIN, commercial=False, price=0, salt=word("salt"),
        )  # fmt: skip
        return dataclasses.replace(usual, **changed)  # type: ignore[arg-type]  # by name

    def open(self, **changed: object) -> bool:
        """Open the run."""
        spec = self.spec(**changed)
        self.run_id = encoding.run_id(spec)
        return self.do(self.solver, "TrainingRuns", "open", encoding.spec_values(spec))

    def enrol(self, member: int) -> bool:
        """Take a member's seat with its dataset."""
        is_exit = member in self.absences
        signed = self.signed(member, messages.Exit(self.run_id, ids.MemberId(member), messages.ANY_ROUND))
        values = (self.run_id, member, self.consents[member], int(is_exit), signed if is_exit else b"")
        return self.do(member, "TrainingRuns", "enrol", *values)

    def begin(self, **changed: object) -> None:
        """From nothing to round 0, phase Open."""
        self.found()
        self.open(**changed)
        for member in range(self.sites, 0, -1):
            self.enrol(member)
        self.do(self.solver, "TrainingRuns", "close", self.run_id)
        for member in range(1, self.sites + 1):
            self.ack(member)

    # ------------------------------------------------------------------------------------------------ votes and money

    def deposit(self, name: object, amount: int) -> None:
        """Give somebody tokens and put them into the vault."""
        self.world.tick(1)
        self.world.mint(self.client(name), amount)
        self.do(name, "Vault", "deposit", TOKEN, amount)

    def proposal(self, *calls: tuple[Any, ...], text: str = "Together\n\nWe agreed.") -> tuple[Any, ...]:
        """Return what ``propose`` takes; each call is contract, function and values."""
        reader = self.client("founder")
        targets = [reader.address_of(contract) for contract, *_ in calls]
        data = [contracts.call_data(contract, function, values) for contract, function, *values in calls]
        return targets, [0] * len(calls), data, text

    def vote(self, name: object, function: str, proposal: tuple[Any, ...]) -> bool:
        """Call ``queue``, ``execute`` or ``cancel`` of a proposal."""
        *calls, text = proposal
        return self.do(name, "CommonsGovernor", function, *calls, encoding.keccak(text.encode()))

    def number(self, proposal: tuple[Any, ...]) -> int:
        """Return a proposal's number."""
        *calls, text = proposal
        kinds = ("address[]", "uint256[]", "bytes[]", "bytes32")
        told = encoding.abi_encode(kinds, (*calls, encoding.keccak(text.encode())))
        return int.from_bytes(encoding.keccak(told), "big")

    def carry(self, *calls: tuple[Any, ...], text: str = "Together\n\nWe agreed.") -> bool:
        """Let four members carry calls, and anybody do them."""
        said, votes = self.proposal(*calls, text=text), self.view.votes
        self.do(1, "CommonsGovernor", "propose", *said)
        self.world.tick(votes.delay)
        for member in (1, 2, 3, 4):
            self.do(member, "CommonsGovernor", "castVote", self.number(said), 1)
        self.world.tick(votes.period)
        self.vote("founder", "queue", said)
        self.world.tick(votes.timelock)
        return self.vote("founder", "execute", said)

    # ---------------------------------------------------------------------------------------------------------- messages

    @property
    def run(self) -> views.RunView:
        """The run as everybody sees it."""
        return self.view.runs[self.run_id]

    def signed(self, member: int, message: messages.Message) -> bytes:
        """Return a message's signature by the member's node."""
        digest = encoding.message_digest(self.client("founder").place, message)
        return self.key(("node", member)).sign_digest(digest)

    def post(self, member: int, place: tuple[int, int], message: messages.Message, state_digest: bytes = b"") -> bool:
        """Send a signed message, from the node; a Submit with the digest of the state that it starts from."""
        key = encoding.AttemptKey(self.run_id, *place)
        signed = self.signed(member, message)
        return self._try(lambda: self.client(("node", member)).post(key, message, signed, state_digest))

    def ack(self, member: int) -> bool:
        """Confirm the roster."""
        roster = self.run.roster.roster if self.run.roster is not None else bytes(32)
        point = word("epoch point", member)
        epoch = self.run.epoch
        return self.post(member, (0, 0), messages.Ack(roster, epoch, ids.MemberId(member), point, word("R"), word("z")))

    def sid(self, place: tuple[int, int], state: object) -> bytes:
        """Return the sid of an attempt that starts from the state called ``state``."""
        told = self.run.roster
        points = [word("epoch point", member) for member in (told.member_ids if told is not None else ())]
        epoch = self.run.epoch
        committee = (
            encoding.committee_digest(told.roster, epoch, told.layout, points) if told is not None else bytes(32)
        )
        key = encoding.AttemptKey(self.run_id, *place)
        return encoding.session_id(self.client("founder").place, key, word("state", state), committee)

    def submit(self, member: int, place: tuple[int, int], state: object) -> bool:
        """Announce a vector."""
        return self.submit_on(member, place, self.sid(place, state), state)

    def submit_on(self, member: int, place: tuple[int, int], sid: bytes, state: object) -> bool:
        """Announce a vector whose sid may be that of another attempt."""
        message = messages.Submit(sid, ids.MemberId(member), ids.Digest(word("header", member, sid)))
        return self.post(member, place, message, word("state", state))

    def agreed_sid(self) -> bytes:
        """Return the sid that a quorum named last."""
        return self.run.agreed.sid if self.run.agreed is not None else bytes(32)

    def inputs(self, place: tuple[int, int]) -> tuple[bytes, bytes]:
        """Return set and input digest of an attempt, as a node computes them from what was told."""
        attempt = self.run.attempts.get(place, views.AttemptView())
        chosen = self.run.members_of(attempt.set_bits)
        headers = [attempt.submits[each].header_digest if each in attempt.submits else bytes(32) for each in chosen]
        return encoding.set_digest(chosen), encoding.input_digest(self.agreed_sid(), chosen, headers)

    def commit(self, member: int, place: tuple[int, int]) -> bool:
        """Certify the set."""
        sid, (chosen, inputs) = self.agreed_sid(), self.inputs(place)
        return self.post(member, place, messages.Commit(sid, ids.MemberId(member), chosen, inputs, masks(sid, member)))

    def reveal(self, member: int, place: tuple[int, int]) -> bool:
        """Open the commitment."""
        sid = self.agreed_sid()
        salt, mine = word("salt", member, sid), word("mine", member, sid)
        return self.post(member, place, messages.Reveal(sid, ids.MemberId(member), salt, mine, word("document")))

    def result(self, member: int, place: tuple[int, int], state: object) -> bool:
        """Vote for the state called ``state``."""
        message = messages.Result(self.agreed_sid(), ids.MemberId(member), word("sum"), word("state", state))
        return self.post(member, place, message)

    def complain(self, member: int, accused: int, place: tuple[int, int]) -> bool:
        """Complain about a box in the accused's newest header."""
        sent = self.run.attempts.get(place, views.AttemptView()).submits.get(accused)
        header = sent.header_digest if sent is not None else word("no header")
        sid = self.agreed_sid()
        named = (ids.MemberId(member), ids.MemberId(accused))
        return self.post(member, place, messages.Complain(sid, *named, header, word("evidence")))

    def dispute(self, member: int, accused: int, place: tuple[int, int]) -> bool:
        """Dispute the sum of a column."""
        sid, named = self.agreed_sid(), (ids.MemberId(member), ids.MemberId(accused))
        return self.post(member, place, messages.Dispute(sid, *named, 0, 3, 7, word("evidence")))

    def verdict(self, member: int, guilty: int, place: tuple[int, int], case: bytes) -> bool:
        """Judge."""
        sid = self.agreed_sid()
        return self.post(member, place, messages.Verdict(sid, ids.MemberId(member), case, ids.MemberId(guilty)))

    def convict(self, member: int, place: tuple[int, int], state: object, headers: tuple[object, object]) -> bool:
        """Show two Submits of a member's on one sid."""
        sid = self.sid(place, state)
        pair = [messages.Submit(sid, ids.MemberId(member), word(header)) for header in headers]
        key, digest = encoding.AttemptKey(self.run_id, *place), word("state", state)
        shown = [(each, self.signed(member, each)) for each in pair]
        return self._try(lambda: self.client("founder").convict(key, self.run.epoch, digest, shown))

    def rotate(self, member: int) -> bool:
        """Ask for new keys, as a seat; 0 = as anybody."""
        asking = self.client(("node", member) if member else "founder")
        return self._try(lambda: asking.rotate(self.run_id, member))

    def exit(self, member: int, last_round: int) -> bool:
        """Leave."""
        return self.post(member, (0, 0), messages.Exit(self.run_id, ids.MemberId(member), last_round))

    def drop(self, member: int) -> bool:
        """Put a seat out, as anybody."""
        return self._try(lambda: self.client("founder").drop(self.run_id, member))

    def advance(self) -> bool:
        """Move the run on."""
        return self._try(lambda: self.client("founder").advance(self.run_id))

    def cancel(self) -> bool:
        """End the run as its solver."""
        return self.do(self.solver, "TrainingRuns", "cancel", self.run_id)

    def revoke(self, member: int) -> bool:
        """Take a member's consent back."""
        return self.do(member, "DataRegistry", "revoke", self.consents[member])

    def register(self, member: int, state: object) -> bool:
        """Write the model down."""
        node = self.client(("node", member))
        return self._try(
            lambda: node.register_model(self.run_id, ids.Digest(word("card")), word("state", state), word("licence"))
        )

    def ask(self) -> None:
        """Ask views of the ledger as it stands."""
        reader, node = self._reader, self.key(("node", 2)).address
        self.answers = [
            reader.call("Membership", "memberOf", self.key(2).address), reader.call("Membership", "isActive", 2),
            reader.call("Membership", "accountOf", 2), reader.call("Membership", "nodeKeyOf", 3),
            reader.call("Membership", "memberOfNodeKey", node), reader.member_of(node), reader.state(self.run_id),
            *(reader.call("DataRegistry", "livedAt", *asked) for asked in self._edges()),
            reader.call("DataRegistry", "bannedPurposes"), reader.call("DataRegistry", "purposeBit", word("unknown")),
            reader.call("DataRegistry", "purposeBit", encoding.purpose_code(PURPOSE)),
            *(reader.call("Problems", "isOpen", each) for each in self.view.problems),
            reader.call("DataRegistry", "ownerOf", 2), reader.call("DataRegistry", "isLive", self.consents[2]),
            reader.call("TrainingRuns", "owesBond", self.run_id, 1), reader.call("TrainingRuns", "finalState", self.run_id),
            reader.call("TrainingRuns", "owesBond", self.run_id, 9), reader.call("TrainingRuns", "cells", self.run_id),
            *(reader.call("TrainingRuns", "isAgreedState", self.run_id, word("state", each)) for each in (0, 1, 2)),
            reader.call("TrainingRuns", "sidOf", self.run_id, 1, 0, word("state", 1)),
        ]  # fmt: skip

    def _edges(self) -> Iterator[tuple[bytes, int]]:
        """Return each consent with the seconds around which it begins and ends."""
        for given in self.view.consents.values():
            ends = [given.terms.expiry - 1, *([] if given.revoked is None else [given.revoked.time])]
            yield from ((given.consent_id, time + later) for time in (given.at.time - 1, *ends) for later in (0, 1))

    # -------------------------------------------------------------------------------------------------------- stretches

    def others(self, *absent: int) -> Iterator[int]:
        """Return the sites but those."""
        return iter([member for member in range(1, self.sites + 1) if member not in absent])

    def submits(self, place: tuple[int, int], *absent: int) -> None:
        """All but those submit on the state of the round's number."""
        for member in self.others(*absent):
            self.submit(member, place, place[0])

    def commits(self, place: tuple[int, int], *absent: int) -> None:
        """All but those commit."""
        for member in self.others(*absent):
            self.commit(member, place)

    def reveals(self, place: tuple[int, int], *absent: int) -> None:
        """All but those reveal."""
        for member in self.others(*absent):
            self.reveal(member, place)

    def results(self, place: tuple[int, int], state: object) -> None:
        """All vote for a state."""
        for member in self.others():
            self.result(member, place, state)

    def round(self, number: int, *absent: int) -> None:
        """Play a whole round."""
        self.submits((number, 0), *absent)
        self.commits((number, 0), *absent)
        self.reveals((number, 0), *absent)


def masks(sid: bytes, member: int) -> bytes:
    """Return a node's salted commitment."""
    parts = (sid, member.to_bytes(32, "big"), word("salt", member, sid), word("mine", member, sid))
    told = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hashlib.blake2b(told, digest_size=32, person=b"aic/mc").digest()


def placeless(record: Any) -> Any:
    """Return a record without its places on the ledger: of each position only the time stays."""
    if isinstance(record, events.Position):
        return record.time
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        named = {field.name: placeless(getattr(record, field.name)) for field in dataclasses.fields(record)}
        named.pop("block", None)
        return type(record).__name__, named
    if isinstance(record, dict):
        return {key: placeless(value) for key, value in record.items()}
    return tuple(placeless(value) for value in record) if isinstance(record, tuple | list) else record


def check_equal(ours: Player, theirs: Player) -> None:
    """Check that two ledgers told the same, refused the same and have the same state."""
    for place, (one, other) in enumerate(zip(ours.told, theirs.told, strict=False)):
        assert placeless(one) == placeless(other), place
    assert len(ours.told) == len(theirs.told)
    assert ours.refused == theirs.refused
    assert ours.answers == theirs.answers
    assert placeless(ours.view) == placeless(theirs.view)
