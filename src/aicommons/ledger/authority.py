"""Whom a contract listens to: the timelock that may change it, and the forwarder that may speak for members.

Asked by the client of every governed contract when it checks a ledger, and by ``succession`` of every successor. Both are fixed when a
contract is created and masked in its code, so that the code alone does not tell. Left out: who holds the timelock's roles (``powers``).
"""

from collections.abc import Mapping, Sequence

from aicommons.domain import errors, ids
from aicommons.ledger import contracts, rpc

ASKED = {"admin": "TimelockController", "trustedForwarder": "Forwarder"}
"""View of every governed contract -> which contract of the deployment it must name."""


def calls(places: Mapping[str, ids.Address]) -> list[tuple[str, Sequence[object]]]:
    """Return the questions to the governed contracts among ``places``, for a batch whose answers ``check`` takes."""
    data = {view: "0x" + contracts.call_data("Membership", view, ()).hex() for view in ASKED}
    return [
        ("eth_call", [{"to": ids.format_id(at), "data": data[view]}, "latest"])
        for name, at in places.items()
        for view in ASKED
        if name in contracts.GOVERNED
    ]


def check(places: Mapping[str, ids.Address], own: Mapping[str, ids.Address], answers: Sequence[object]) -> None:
    """Check that governed contracts listen to the deployment's timelock and forwarder.

    Args:
        places: contract name -> address, as it was given to ``calls``.
        own: contract name -> address in the deployment.
        answers: to ``calls``, in their order.

    Raises:
        errors.WrongAuthority: one listens to somebody else.
        errors.LedgerMismatch: an answer is none.
        rpc.RpcFailure: the ledger refused to answer.
    """
    asked = [(name, at, view) for name, at in places.items() for view in ASKED if name in contracts.GOVERNED]
    for (name, at, view), answer in zip(asked, answers, strict=True):
        if isinstance(answer, rpc.RpcFailure):
            raise answer
        expected = own[ASKED[view]].rjust(32, b"\0")
        if (got := rpc.data(answer)) != expected:
            raise errors.WrongAuthority(
                f"this contract's {view} is another than the commons'",
                which=f"{name} at {ids.format_id(at)}",
                expected=ids.format_id(own[ASKED[view]]),
                got=ids.format_id(got[-20:]) if len(got) == 32 else f"{len(got)} bytes",
            )
