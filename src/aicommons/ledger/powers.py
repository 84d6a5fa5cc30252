"""Who holds which power over a commons: read from the chain, so that anybody can check that whoever deployed it holds none.

Called by ``commons ledger powers``. A contract's code says what it does and hides what it was given: the roles and controllers in its
storage, the addresses masked in its code. So each contract's own creation is looked up and its arguments are held against where the
contracts stand; then the timelock's roles are read from its events, and what each contract says of itself now. The ledger is believed
here: who does not, asks another endpoint of the same chain. Left out: what the members voted for, such as what successors were given.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import addresses, authority, contracts, deployments, paging, rpc

BLOCKS_AT_ONCE = 16
"""Whole blocks that are asked for in one exchange."""
LOOKED_THROUGH = 20_000
"""Blocks from the deployment's first on in which a contract's creation is looked for: days on most chains, for an hour's work."""
ROLES = {
    "admin": (bytes(32), "TimelockController"),
    "proposers": (encoding.keccak(b"PROPOSER_ROLE"), "CommonsGovernor"),
    "cancellers": (encoding.keccak(b"CANCELLER_ROLE"), "CommonsGovernor"),
    "executors": (encoding.keccak(b"EXECUTOR_ROLE"), None),
}
"""What the timelock's roles are called here -> its id, and the contract that alone holds it; ``None`` = everybody."""
NAMED_ARGUMENTS = {
    ("TimelockController", 1): "proposers at its creation",
    ("TimelockController", 2): "executors at its creation",
    ("TimelockController", 3): "admin at its creation",
    ("Vault", 0): "controllers",
}
"""Arguments of constructors that give power by themselves; of the others all but the configuration are addresses to rely on."""
RELIED_ON = "contracts it relies on"
PACKAGED = "the package's"


@dataclasses.dataclass(frozen=True, slots=True)
class Power:
    """One thing that decides who can do what, and who holds it."""

    contract: str
    what: str
    expected: tuple[str, ...]
    """Who should hold it, in words; empty where that is the founders' or the members' choice."""
    got: tuple[str, ...]
    """Who does."""

    @property
    def is_right(self) -> bool:
        """Return whether it lies where it should."""
        return not self.expected or self.expected == self.got


def read(connection: rpc.Rpc, deployment: deployments.Deployment) -> tuple[Power, ...]:
    """Return every power over a commons, contract by contract.

    Raises:
        errors.LedgerUnreachable, errors.LedgerMismatch, errors.LedgerRefused: the ledger does not say.
    """
    try:
        given = _created(connection, deployment)
        found = [*_code(connection, deployment), *_arguments(deployment, given), *_authority(connection, deployment)]
        found += _roles(connection, deployment)
    except rpc.RpcFailure as failure:
        raise errors.LedgerRefused(failure.message, which="the ledger") from failure
    return tuple(sorted(found, key=lambda each: contracts.NAMES.index(each.contract)))


def _words(deployment: deployments.Deployment, held: Sequence[object]) -> tuple[str, ...]:
    """Return addresses in words: contracts by their names, the others as they are."""
    names = {at: name for name, at in deployment.addresses.items()} | {ids.NOBODY: "0x0"}
    found = [each if isinstance(each, bytes) else ids.parse_address(str(each)) for each in held]
    return tuple(names.get(ids.Address(each), ids.format_id(each)) for each in found)


# ------------------------------------------------------------------------------------------------------------- creation


def _created(connection: rpc.Rpc, deployment: deployments.Deployment) -> Mapping[str, bytes]:
    """Return contract -> what the transaction held that created it; those are missing that no transaction of the time created."""
    wanted = {at: name for name, at in deployment.addresses.items()}
    found: dict[str, bytes] = {}
    head = rpc.number(rpc.call(connection, "eth_blockNumber", []))
    last = min(head, deployment.first_block + LOOKED_THROUGH)
    for first in range(deployment.first_block, last + 1, BLOCKS_AT_ONCE):
        if len(found) == len(wanted):
            break
        numbers = range(first, min(first + BLOCKS_AT_ONCE, last + 1))
        for block in rpc.batch(connection, [("eth_getBlockByNumber", [hex(number), True]) for number in numbers]):
            for at, held in _creations(block):
                if at in wanted:
                    found[wanted[at]] = held
    return found


def _creations(block: object) -> Iterator[tuple[ids.Address, bytes]]:
    """Yield where each transaction of a block that creates a contract puts it, and what it holds."""
    transactions = block.get("transactions") if isinstance(block, dict) else None
    if not isinstance(transactions, list):
        raise errors.LedgerMismatch("the ledger's answer is no block with its transactions")
    try:
        for each in transactions:
            if each["to"] is None:
                yield (
                    addresses.created(ids.parse_address(each["from"]), rpc.number(each["nonce"])),
                    rpc.data(each["input"]),
                )
    except (KeyError, TypeError, AttributeError, errors.DecodeError) as err:
        raise errors.LedgerMismatch("the ledger's answer is no transaction") from err


def _arguments(deployment: deployments.Deployment, created: Mapping[str, bytes]) -> Iterator[Power]:
    """Yield what each contract was created with."""
    nothing = deployments.Founding(registrars=(), threshold=0, purposes=(), banned=0)
    expected = deployments.arguments(deployment.addresses, nothing)
    for name in contracts.NAMES:
        artifact, held = contracts.load(name), created.get(name)
        if held is None:
            yield Power(name, "creation", ("a transaction of its own",), ("none was found",))
            continue
        code, rest = held[: len(artifact.bytecode)], held[len(artifact.bytecode) :]
        given = _decoded(artifact.constructor, rest)
        if code != artifact.bytecode or given is None:
            yield Power(name, "creation", (PACKAGED,), ("other code",))
            continue
        yield Power(name, "creation", (PACKAGED,), (PACKAGED,))
        yield from _compared(deployment, name, expected[name], given)


def _decoded(types: Sequence[str], data: bytes) -> tuple[object, ...] | None:
    """Return a constructor's arguments, ``None`` where the bytes are not just these."""
    try:
        given = encoding.abi_decode(types, data)
    except errors.DecodeError:
        return None
    return given if encoding.abi_encode(types, given) == data else None


def _compared(
    deployment: deployments.Deployment, name: str, expected: Sequence[object], given: Sequence[object]
) -> Iterator[Power]:
    relied: list[tuple[object, object]] = []
    for place, (right, got) in enumerate(zip(expected, given, strict=True)):
        if place in deployments.CONFIGURED.get(name, ()):
            continue
        if (what := NAMED_ARGUMENTS.get((name, place))) is None:
            relied += zip(_flat(right), _flat(got), strict=True)
        else:
            yield Power(name, what, _words(deployment, _flat(right)), _words(deployment, _flat(got)))
    if name == "Membership":
        yield Power(
            name, f"registrars at its creation, {given[1]} of them decide", (), _words(deployment, _flat(given[0]))
        )
    if relied:
        rights, gots = zip(*relied, strict=True)
        yield Power(name, RELIED_ON, _words(deployment, rights), _words(deployment, gots))


def _flat(value: object) -> Sequence[object]:
    return value if isinstance(value, tuple | list) else (value,)


# ------------------------------------------------------------------------------------------------------------------ now


def _code(connection: rpc.Rpc, deployment: deployments.Deployment) -> Iterator[Power]:
    """Yield whose code stands there now."""
    places = deployment.addresses
    codes = rpc.batch(connection, [("eth_getCode", [ids.format_id(at), "latest"]) for at in places.values()])
    for name, code in zip(places, codes, strict=True):
        is_ours = contracts.is_code_of(name, rpc.data(code))
        yield Power(name, "code", (PACKAGED,), (PACKAGED if is_ours else "another's",))


def _authority(connection: rpc.Rpc, deployment: deployments.Deployment) -> Iterator[Power]:
    """Yield whom each contract listens to, and its successor if it has one."""
    places = deployment.addresses
    asked = [(name, view) for name in places if name in contracts.GOVERNED for view in authority.ASKED]
    for (name, view), answer in zip(asked, rpc.batch(connection, authority.calls(places)), strict=True):
        expected = places[authority.ASKED[view]]
        yield Power(name, view, _words(deployment, [expected]), _words(deployment, [_address(answer)]))
    data = "0x" + contracts.call_data("Membership", "successor", ()).hex()
    governed = [name for name in places if name in contracts.GOVERNED]
    calls = [("eth_call", [{"to": ids.format_id(places[name]), "data": data}, "latest"]) for name in governed]
    for name, answer in zip(governed, rpc.batch(connection, calls), strict=True):
        if (at := _address(answer)) != ids.NOBODY:
            yield Power(name, "successor, by the members' vote", (), _words(deployment, [at]))


def _address(answer: object) -> ids.Address:
    word = rpc.data(answer)
    if len(word) != 32 or any(word[:12]):
        raise errors.LedgerMismatch("the ledger's answer is no address")
    return ids.Address(word[12:])


def _roles(connection: rpc.Rpc, deployment: deployments.Deployment) -> Iterator[Power]:
    """Yield who holds the timelock's roles, and who ever held one that no vote gave out.

    What a proposer scheduled stays good when the role is taken away, so a role of the past counts.
    """
    timelock = deployment.addresses["TimelockController"]
    logs = _role_logs(connection, timelock, deployment.first_block)
    for what, (role, holder) in ROLES.items():
        right = (ids.NOBODY if holder is None else deployment.addresses[holder],)
        now: set[bytes] = set()
        ever: set[bytes] = set()
        for is_granted, of, account, by in logs:
            if of == role and is_granted:
                now.add(account)
                ever |= {account} if by != timelock else set()
            elif of == role:
                now.discard(account)
        yield Power("TimelockController", what, _words(deployment, right), _words(deployment, sorted(now)))
        if gone := sorted(ever - now - set(right)):
            yield Power("TimelockController", f"{what} once, by no vote", ("nobody",), _words(deployment, gone))


def _role_logs(connection: rpc.Rpc, timelock: ids.Address, first: int) -> list[tuple[bool, bytes, bytes, bytes]]:
    """Return whether a role was granted or revoked, which, whose, and by whom, in the ledger's order."""
    told = {
        each.key: name == "RoleGranted"
        for name, each in ((each.name, each) for each in contracts.load("TimelockController").events.values())
        if name in ("RoleGranted", "RoleRevoked")
    }
    topics = [[ids.format_id(key) for key in told]]

    def page(start: int, end: int) -> list[Any]:
        query = {"fromBlock": hex(start), "toBlock": hex(end), "address": ids.format_id(timelock), "topics": topics}
        found = rpc.call(connection, "eth_getLogs", [query])
        if not isinstance(found, list):
            raise errors.LedgerMismatch("the ledger's answer is no list of logs")
        return found

    head = rpc.number(rpc.call(connection, "eth_blockNumber", []))
    try:
        words = [[rpc.data(topic) for topic in log["topics"]] for log in paging.read(page, first, head)]
        return [(told[key], role, account[12:], by[12:]) for key, role, account, by in words]
    except (KeyError, TypeError, ValueError) as err:
        raise errors.LedgerMismatch("the ledger's answer is no list of roles") from err
