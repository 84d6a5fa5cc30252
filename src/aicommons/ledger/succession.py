"""Which contract took the place of which: successors that the members' timelock named, followed to the newest.

Called by the client when it checks a ledger and whenever an event names a successor. A successor is followed only if its code
is the package's and it listens to the same timelock and forwarder, because everything that is sent and read depends on it. Left
out: what becomes of things that the older contract holds; they stay there (ADR 0029).
"""

from collections.abc import Mapping

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import authority, contracts, rpc

LONGEST = 16
"""Successors of one contract that are followed; a longer chain of them is a ledger that leads us in circles."""
BORROWER, LENDER = "TrainingRuns", "Enrolment"
"""Contract that borrows code by ``delegatecall``, and the one that it borrows from."""
NAMED = encoding.keccak(b"SuccessorNamed(address,address)")
"""Topic of the event that names one."""


def follow(connection: rpc.Rpc, own: Mapping[str, ids.Address]) -> Mapping[str, tuple[ids.Address, ...]]:
    """Return contract name -> where it stands, from the deployment's own address to the newest successor's.

    Args:
        connection: to the ledger.
        own: contract name -> address in the deployment.

    Raises:
        errors.SuccessorUnknown: a successor's code is not the package's.
        errors.WrongAuthority: a successor listens to another timelock or forwarder than the deployment's.
        errors.LedgerMismatch: successors go in a circle, or an answer is none.
        rpc.RpcFailure: the ledger refused.
    """
    lines: dict[str, tuple[ids.Address, ...]] = {name: (address,) for name, address in own.items()}
    asked = [name for name in own if "successor" in contracts.load(name).functions]
    for _ in range(LONGEST):
        named = _named(connection, {name: lines[name][-1] for name in asked})
        if not named:
            return lines
        _check(connection, named, own)
        for name, address in named.items():
            if address in lines[name]:
                raise errors.LedgerMismatch("successors go in a circle", which=f"{name} at {ids.format_id(address)}")
            lines[name] += (address,)
        asked = list(named)
    raise errors.LedgerMismatch("successors have no end", which=", ".join(asked), expected=f"at most {LONGEST}")


def _named(connection: rpc.Rpc, newest: Mapping[str, ids.Address]) -> dict[str, ids.Address]:
    """Return the contracts that have a successor, and which."""
    data = "0x" + contracts.call_data("Membership", "successor", ()).hex()
    calls = [("eth_call", [{"to": ids.format_id(at), "data": data}, "latest"]) for at in newest.values()]
    found = {}
    for name, answer in zip(newest, rpc.batch(connection, calls), strict=True):
        word = rpc.data(answer)
        if len(word) != 32 or any(word[:12]):
            raise errors.LedgerMismatch("the ledger's answer is no address", which=f"{name}.successor")
        if any(word):
            found[name] = ids.Address(word[12:])
    return found


def _check(connection: rpc.Rpc, named: Mapping[str, ids.Address], own: Mapping[str, ids.Address]) -> None:
    calls = [("eth_getCode", [ids.format_id(at), "latest"]) for at in named.values()]
    answers = rpc.batch_results(connection, [*calls, *authority.calls(named)])
    for (name, at), code in zip(named.items(), answers[: len(calls)], strict=True):
        if isinstance(code, rpc.RpcFailure):
            raise code
        if not contracts.is_code_of(name, rpc.data(code)):
            raise errors.SuccessorUnknown(
                "the members named a successor whose code this package does not know",
                which=f"{name} at {ids.format_id(at)}",
            )
    authority.check(named, own, answers[len(calls) :])
    if BORROWER in named:
        _check_borrowed(connection, named[BORROWER], own)


def _check_borrowed(connection: rpc.Rpc, runs: ids.Address, own: Mapping[str, ids.Address]) -> None:
    """Check the contract whose code new runs borrow: what stands there decides about them as their own code does."""
    data = "0x" + contracts.call_data(BORROWER, "enrolmentCode", ()).hex()
    (answer,) = rpc.batch(connection, [("eth_call", [{"to": ids.format_id(runs), "data": data}, "latest"])])
    word = rpc.data(answer)
    if len(word) != 32 or any(word[:12]):
        raise errors.LedgerMismatch("the ledger's answer is no address", which=f"{BORROWER}.enrolmentCode")
    _check(connection, {LENDER: ids.Address(word[12:])}, own)
