"""The ledger client: events in, signed messages and calls out. Implements the ``Ledger`` port.

One client per key and process. It knows the contracts' addresses from a deployment file and refuses a ledger that is
not that chain or has other code there. What it says happened counts when it is final (``finality``).
"""

import dataclasses
from collections.abc import Mapping, Sequence

from aicommons.domain import encoding, errors, events, ids, messages, run
from aicommons.ledger import (
    addresses,
    authority,
    contracts,
    courier,
    deployments,
    finality,
    meanings,
    paging,
    reading,
    relaying,
    rpc,
    sending,
    succession,
    transactions,
)
from aicommons.ledger import events as logs
from aicommons.ledger.bindings import training_runs
from aicommons.protocol import governance, ports

RUNS = "TrainingRuns"
VERDICTS = "Verdicts"
FUNCTIONS: Mapping[type[messages.Message], tuple[str, str]] = {
    messages.Ack: (RUNS, "ack"),
    messages.Submit: (RUNS, "submit"),
    messages.Commit: (RUNS, "commit"),
    messages.Reveal: (RUNS, "reveal"),
    messages.Result: (RUNS, "result"),
    messages.Exit: (RUNS, "exit"),
    messages.Complain: (VERDICTS, "complain"),
    messages.Dispute: (VERDICTS, "dispute"),
    messages.Verdict: (VERDICTS, "verdict"),
}
"""Message -> contract and function that take it."""


def posting(
    key: encoding.AttemptKey, message: messages.Message, signed: bytes, state_digest: bytes = b""
) -> tuple[str, str, Sequence[object]]:
    """Return contract, function and arguments that put a signed message of a run before the ledger.

    Args:
        key: run, round and attempt.
        message: what was signed.
        signed: the signature.
        state_digest: of a Submit the state that it starts from, instead of the sid: the contract computes that.
    """
    fields = [getattr(message, field.name) for field in dataclasses.fields(message)]
    place = (key.run_id, key.round_index, key.attempt, getattr(message, "member_id", 0))
    match message:
        case messages.Ack():
            values: list[object] = [key.run_id, *fields[1:], signed]
        case messages.Exit():
            values = [*fields, signed]
        case messages.Submit():
            values = [place, state_digest, *fields[2:], signed]
        case _:
            values = [place, fields[0], *fields[2:], signed]
    return *FUNCTIONS[type(message)], values


def convicting(
    key: encoding.AttemptKey, epoch: int, state_digest: bytes, pair: Sequence[tuple[messages.Message, bytes]]
) -> tuple[str, Sequence[object]]:
    """Return function and arguments of Verdicts that convict who signed both messages of ``pair``, with signatures."""
    kinds = {record: kind for kind, record in messages.OF_KIND.items()}
    kind = kinds[type(pair[0][0])]
    said = [
        ([encoding.word(getattr(message, each.name)) for each in dataclasses.fields(message)], signed)
        for message, signed in pair
    ]
    place = (key.run_id, key.round_index, key.attempt, getattr(pair[0][0], "member_id", 0))
    return "equivocated", (place, kind, epoch, state_digest, *said)


def chain_id(connection: rpc.Rpc) -> int:
    """Return the number of the chain at the other end.

    Raises:
        errors.LedgerUnreachable, errors.LedgerRefused, errors.LedgerMismatch: the ledger does not say.
    """
    try:
        return rpc.number(rpc.call(connection, "eth_chainId", []))
    except rpc.RpcFailure as failure:
        raise _refusal("the ledger", failure) from failure


def check_place(connection: rpc.Rpc, deployment: deployments.Deployment) -> None:
    """Check that a connection leads to a deployment's chain, and that its code stands there.

    Raises:
        errors.WrongChain: another chain id.
        errors.WrongCode: other code than the package's or the deployment's at a contract's address, or none.
        errors.LedgerUnreachable, errors.LedgerMismatch, rpc.RpcFailure: the ledger does not say.
    """
    own = deployment.addresses
    calls = [("eth_getCode", [ids.format_id(address), "latest"]) for address in own.values()]
    chain, *codes = rpc.batch(connection, [("eth_chainId", []), *calls])
    if (found := rpc.number(chain)) != deployment.chain_id:
        raise errors.WrongChain("this is another chain", expected=deployment.chain_id, got=found)
    for name, code in zip(own, codes, strict=True):
        deployment.check_code(name, rpc.data(code))


class Client:
    """One key's access to one deployment of the commons."""

    def __init__(
        self,
        connection: rpc.Rpc,
        deployment: deployments.Deployment,
        signer: ports.Signer,
        relay: relaying.Relay | None = None,
        *,
        habits: sending.Habits | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            connection: to the ledger.
            deployment: where the contracts stand.
            signer: signs transactions, or what a relayer sends.
            relay: pays for calls of the commons' contracts; without one the signer's wallet does.
            habits: how it sends, and when a block counts; as the deployment says of its chain where nothing is given.
        """
        declared = deployment.confirmations
        habits = habits or sending.Habits(counted=declared)
        terms = reading.Terms(deployment.first_block, habits.counted, declared)
        self._rpc = connection
        self._deployment = deployment
        self._signer = signer
        self.address = signer.address
        self._sender = sending.Sender(connection, deployment.chain_id, signer, habits)
        self._courier = None if relay is None else courier.Courier(connection, relay, signer, self._sender)
        self._reader = reading.Reader(connection, terms)
        self._addresses = {address: name for name, address in deployment.addresses.items()}
        self._newest = dict(deployment.addresses)

    def __repr__(self) -> str:
        return f"Client({ids.format_id(self.address)})"

    @property
    def place(self) -> encoding.Place:
        """Chain and address of TrainingRuns."""
        return encoding.Place(self._deployment.chain_id, self.address_of(RUNS))

    def check(self) -> None:
        """Check that the ledger is the chain of the deployment and has its code, and follow the contracts' successors.

        Who holds the timelock's roles and the vault's money is not asked here, but by ``powers``: it takes many questions.

        Raises:
            errors.WrongChain: another chain id.
            errors.WrongCode: other code than the package's or the deployment's at a contract's address, or none.
            errors.WrongAuthority: a contract listens to another timelock or forwarder than the deployment's.
            errors.SuccessorUnknown: the members named a contract that this package does not know.
            errors.LedgerMismatch: an answer that is none.
            errors.LedgerRefused: the ledger does not say.
        """
        own = self._deployment.addresses
        try:
            check_place(self._rpc, self._deployment)
            authority.check(own, own, rpc.batch_results(self._rpc, authority.calls(own)))
            self._follow()
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure

    def _follow(self) -> list[ids.Address]:
        """Take note of all successors, and return those that were not known before."""
        lines = succession.follow(self._rpc, self._deployment.addresses)
        new = {at: name for name, line in lines.items() for at in line if at not in self._addresses}
        self._addresses |= new
        self._newest = {name: line[-1] for name, line in lines.items()}
        return list(new)

    def poll(self) -> Sequence[events.Event]:
        """Return the events since the last call, in ledger order: one exchange, unless they are too many for one.

        Raises:
            errors.LedgerUnreachable: nobody answered.
            errors.LedgerReorganised: the chain took back what was read; the next call returns every event from the first on.
            errors.LedgerRefused: the ledger does not answer for logs, or not for all those of one block.
            errors.LedgerMismatch: the answer is no list of logs, or not of new ones in order.
            errors.DecodeError: a log is not what its contract emits.
        """
        try:
            news = self._reader.news(self._addresses)
            if isinstance(news.logs, list) and any(_names_successor(log) for log in news.logs) and self._follow():
                news = self._reader.news(self._addresses)  # once more, with what the successors have said
        except errors.LedgerReorganised:
            self._sender.forget()  # the wallet's own transactions may be among what was taken back
            raise
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure
        try:
            names = [self._addresses.get(ids.parse_address(log["address"])) for log in news.logs]
            places = [(int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in news.logs]
        except (KeyError, TypeError, ValueError, AttributeError, errors.DecodeError) as err:
            raise errors.LedgerMismatch("the ledger's answer is no list of logs") from err
        _check_order(places, self._reader.next_block)
        told = [logs.decode(name, log) for name, log in zip(names, news.logs, strict=True) if name is not None]
        last = max([news.last, *(block for block, _ in places)])
        self._reader.keep(dataclasses.replace(news, last=last))
        return [event for event in told if event is not None]

    def history(self, contract: str, at: ids.Address) -> Sequence[events.Event]:
        """Return all events of a contract that is no part of the deployment, in ledger order; raises like ``poll``.

        Args:
            contract: whose packaged interface it has.
            at: where it stands.
        """
        where, first = {at: contract}, self._deployment.first_block
        try:
            last = rpc.number(rpc.call(self._rpc, "eth_blockNumber", []))
            found = paging.read(lambda low, high: reading.logs(self._rpc, where, low, high), first, last)
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure
        told = [logs.decode(contract, log) for log in found]
        return [event for event in told if event is not None]

    def post(
        self, key: encoding.AttemptKey, message: messages.Message, signed: bytes, state_digest: bytes = b""
    ) -> None:
        """Send a signed message of a run; see the port."""
        contract, function, values = posting(key, message, signed, state_digest)
        self.transact(contract, function, *values)

    def convict(
        self, key: encoding.AttemptKey, epoch: int, state_digest: bytes, pair: Sequence[tuple[messages.Message, bytes]]
    ) -> None:
        """Convict who signed two messages; see the port."""
        function, values = convicting(key, epoch, state_digest, pair)
        self.transact(VERDICTS, function, *values)

    def rotate(self, run_id: ids.RunId, member_id: int = 0) -> None:
        """Ask for a new epoch of keys; see the port."""
        self.transact(RUNS, "rotate", run_id, member_id)

    def state(self, run_id: ids.RunId) -> run.RunState:
        """Return the run's state as the contract has it now; see the port."""
        return run.RunState(training_runs.TrainingRuns(self).phase_of(run_id).machine.state)

    def advance(self, run_id: ids.RunId) -> None:
        """Ask the contract to act on a deadline that is over; see the port."""
        self.transact(RUNS, "advance", run_id)

    def drop(self, run_id: ids.RunId, member_id: int) -> None:
        """Ask the contract to put a seat out whose consent is dead; see the port."""
        self.transact(RUNS, "drop", run_id, member_id)

    def give_back(self, run_id: ids.RunId, member_id: int) -> None:
        """Give a seat's bond back to whoever paid it; see the port."""
        self.transact("Bonds", "giveBack", run_id, member_id)

    def register_model(self, run_id: ids.RunId, card: ids.Digest, state_digest: bytes, licence: bytes) -> None:
        """Write a finished run's model down; see the port."""
        self.transact("ModelRegistry", "register", run_id, card, state_digest, licence)

    def address_of(self, contract: str) -> ids.Address:
        """Return where a contract of the deployment stands: the newest of its successors, as far as they are known."""
        return self._newest[contract]

    def transact(
        self, contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0
    ) -> None:
        """Send a call and return when it is recorded.

        Args:
            contract: whose packaged interface it has.
            function: of the contract; with its types in brackets where a name stands for several.
            *values: its arguments.
            at: where the contract stands, when it is not the deployment's own.
            value: wei that go with it.

        Raises:
            errors.LedgerRefused: the contract reverted; carries its error's name and arguments.
            errors.SenderUnderfunded: this wallet cannot pay for it.
            errors.TransactionReplaced: another transaction of this wallet was recorded in its place.
            errors.LedgerUnreachable: nobody answered; the call may or may not have been recorded.
            errors.LedgerMismatch: the ledger contradicts itself.
        """
        call = sending.Outgoing(at or self.address_of(contract), contracts.call_data(contract, function, values), value)
        self._send(call, f"{contract}.{function}")

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Return what a view function answers; arguments and errors are those of ``transact``."""
        entry = contracts.load(contract).functions[function]
        data = contracts.call_data(contract, function, values)
        request = self._request(sending.Outgoing(at or self.address_of(contract), data))
        try:
            answer = rpc.call(self._rpc, "eth_call", [request, "latest"])
        except rpc.RpcFailure as failure:
            raise _refusal(f"{contract}.{function}", failure) from failure
        return encoding.abi_decode(entry.outputs, rpc.data(answer))

    def member_of(self, address: ids.Address) -> ids.MemberId | None:
        """Return the active member whose account or node key ``address`` is; raises like ``transact``."""
        # The account comes first: a node key is named without proof of holding it, so another member could name this one.
        member_id = self._member_number("memberOf", address)
        if member_id and self.call("Membership", "isActive", member_id)[0]:
            return ids.MemberId(member_id)
        return ids.MemberId(self._member_number("memberOfNodeKey", address)) or None

    def _member_number(self, function: str, address: ids.Address) -> int:
        (answer,) = self.call("Membership", function, address)
        if not isinstance(answer, int):
            raise errors.LedgerMismatch("the ledger's answer is no member", which=function)
        return answer

    def call_data(self, contract: str, function: str, *values: object) -> bytes:
        """Return the bytes of a call, for a proposal that others execute."""
        return contracts.call_data(contract, function, values)

    def meaning(
        self, call: governance.Call, beside: Mapping[str, ids.Address] | None = None
    ) -> governance.Meaning | None:
        """Return what a call of one of the deployment's contracts, or of those ``beside``, says; ``None`` for any other."""
        more = dict(beside or {})
        return meanings.read(self._addresses | {at: name for name, at in more.items()}, self._newest | more, call)

    def attempt(self, call: governance.Call, sender: ids.Address, gas: int | None = None) -> None:
        """Try a call as ``sender``, without recording it, with as much gas as is given; raises like ``transact``."""
        request = self._request(sending.Outgoing(call.target, call.data, call.value)) | {"from": ids.format_id(sender)}
        request |= {} if gas is None else {"gas": hex(gas)}
        try:
            rpc.call(self._rpc, "eth_call", [request, "latest"])
        except rpc.RpcFailure as failure:
            raise _refusal("the call", failure) from failure
        except rpc.AnswerTooLong as err:  # the contract's doing, not the ledger's
            raise errors.LedgerRefused("it answers more than can be read", which=ids.format_id(call.target)) from err

    def relayed_places(self) -> Mapping[ids.Address, str]:
        """Return the contracts whose calls can be relayed, by address."""
        return {at: name for at, name in self._addresses.items() if name in contracts.GOVERNED}

    def create(self, contract: str, *values: object) -> ids.Address:
        """Create one of the packaged contracts and return its address; raises like ``transact``."""
        artifact = contracts.load(contract)
        return self.deploy(artifact.bytecode + encoding.abi_encode(artifact.constructor, values))

    def deploy(self, code: bytes, nonce: int | None = None) -> ids.Address:
        """Create a contract and return its address; raises like ``transact``.

        Args:
            code: creation code with the constructor's arguments.
            nonce: the transaction's number, on which the address hangs; the wallet's next one where none is given.
        """
        number = self.nonce() if nonce is None else nonce
        try:
            receipt = self._sender.send(sending.Outgoing(None, code), number)
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure
        if not receipt.is_success:
            raise errors.LedgerRefused("the ledger refused to create a contract")
        return addresses.created(self.address, number)

    def code_at(self, address: ids.Address) -> bytes:
        """Return the code at ``address``; raises like ``transact``."""
        return rpc.data(self._ask("eth_getCode", ids.format_id(address), "latest"))

    def head(self) -> int:
        """Return the number of the newest block; raises like ``transact``."""
        return rpc.number(self._ask("eth_blockNumber"))

    def read_from(self, address: ids.Address, data: bytes) -> bytes:
        """Return what the contract at an address answers to calldata; raises like ``transact``."""
        return rpc.data(self._ask("eth_call", self._request(sending.Outgoing(address, data)), "latest"))

    def send_to(self, address: ids.Address, data: bytes) -> None:
        """Send calldata to an address; raises like ``transact``."""
        self._send(sending.Outgoing(address, data), ids.format_id(address))

    def suggested(self) -> finality.Finality:
        """Return when the chain's blocks count, as its newest block says; raises like ``transact``."""
        try:
            return finality.suggested(self._rpc)
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure

    def nonce(self) -> int:
        """Return how many transactions this key has sent; raises like ``transact``."""
        try:
            return self._sender.nonce()
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure

    def submit(self, contract: str, function: str, *values: object) -> sending.Receipt:
        """Send a call and return what was recorded, whether or not the contract carried it out; else as ``transact``."""
        try:
            data = contracts.call_data(contract, function, values)
            # Whoever it is sent for looks himself when it counts.
            return self._sender.send(sending.Outgoing(self.address_of(contract), data), is_final=False)
        except rpc.RpcFailure as failure:
            raise _refusal(f"{contract}.{function}", failure) from failure

    def _send(self, call: sending.Outgoing, name: str) -> None:
        try:
            # Money that goes with a call, and calls of other contracts, are the wallet's own.
            if self._courier is not None and call.to in self.relayed_places() and not call.value:
                is_success = self._courier.send(self.address_of("Forwarder"), call)
            else:
                is_success = self._sender.send(call).is_success
        except rpc.RpcFailure as failure:
            raise _refusal(name, failure) from failure
        if not is_success:
            self._explain(call, name)

    def _ask(self, method: str, *params: object) -> object:
        try:
            return rpc.call(self._rpc, method, params)
        except rpc.RpcFailure as failure:
            raise _refusal("the ledger", failure) from failure

    def _request(self, call: sending.Outgoing) -> dict[str, str]:
        request = {
            "from": ids.format_id(self.address),
            "to": ids.format_id(call.to or b""),
            "data": "0x" + call.data.hex(),
            "gas": hex(transactions.GAS_LIMIT),
        }
        return request | ({"value": hex(call.value)} if call.value else {})

    def _explain(self, call: sending.Outgoing, name: str) -> None:
        try:
            rpc.call(self._rpc, "eth_call", [self._request(call), "latest"])
        except rpc.RpcFailure as failure:
            raise _refusal(name, failure) from failure
        raise errors.LedgerMoved("the contract refused, and would not now", which=name)


def _names_successor(log: object) -> bool:
    topics = log.get("topics") if isinstance(log, dict) else None
    return isinstance(topics, list) and topics[:1] == [ids.format_id(succession.NAMED)]


def _check_order(places: Sequence[tuple[int, int]], first: int) -> None:
    """Check that no log comes twice, out of order, or from a block that was read before."""
    expected = (first, -1)
    for place in places:
        if place <= expected:
            raise errors.LedgerMismatch(
                "the ledger's logs repeat or are out of order", expected=f"after {expected}", got=place
            )
        expected = place


def _refusal(which: str, failure: rpc.RpcFailure) -> errors.LedgerRefused:
    try:
        named = contracts.decode_failure(rpc.data(failure.data))
    except errors.LedgerMismatch:  # not every ledger sends revert data
        named = None
    if named is None:
        return errors.LedgerRefused(failure.message, which=which)
    error, arguments = named
    shown = ", ".join(ids.format_id(value) if isinstance(value, bytes) else str(value) for value in arguments)
    return errors.LedgerRefused(f"refused: {error}({shown})", error=error, arguments=arguments, which=which)
