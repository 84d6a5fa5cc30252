"""The contract Forwarder: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
from collections.abc import Sequence
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class ForwardRequestData:
    """ForwardRequestData of Forwarder."""

    from_: ids.Address
    to: ids.Address
    value_: int
    gas: int
    deadline: int
    data: bytes
    signature: bytes

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 7)
        return cls(
            access.address(item[0]),
            access.address(item[1]),
            access.number(item[2]),
            access.number(item[3]),
            access.number(item[4]),
            access.data(item[5]),
            access.data(item[6]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Forwarder:
    """The contract Forwarder."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "Forwarder", "eip712Domain", at=self.at
        )
        return (
            access.data(value_0),
            access.text(value_1),
            access.text(value_2),
            access.number(value_3),
            access.address(value_4),
            access.data(value_5),
            tuple(access.number(each) for each in access.items(value_6)),
        )

    def execute(self, request: ForwardRequestData, *, value: int = 0) -> None:
        """Executes a `request` on behalf of `signature`'s signer using the ERC-2771 protocol. The gas provided to the
        requested call may not be exactly the amount requested, but the call will not run out of gas. Will revert if
        the request is invalid or the call reverts, in this case the nonce is not consumed. Requirements: - The
        request value should be equal to the provided `msg.value`. - The request should be valid according to
        {verify}.

        Args:
            value: Wei that go with the call.
        """
        self.caller.transact("Forwarder", "execute", dataclasses.astuple(request), at=self.at, value=value)

    def execute_batch(
        self, requests: Sequence[ForwardRequestData], refund_receiver: ids.Address, *, value: int = 0
    ) -> None:
        """Batch version of {execute} with optional refunding. In case a batch contains at least one invalid request
        (see {verify}), the request will be skipped and the `refundReceiver` parameter will receive back the unused
        requested value at the end of the execution. This is done to prevent reverting the entire batch when a
        request is invalid or has already been submitted. If the `refundReceiver` is `address(0)`, the function will
        revert when any request is invalid or when a valid request's forwarded call fails while carrying value (since
        there is no receiver to refund the leftover ETH to). Requirements: - The sum of the requests' values should
        be equal to the provided `msg.value`. - All of the requests should be valid (see {verify}) when
        `refundReceiver` is the zero address. NOTE: Setting a zero `refundReceiver` reverts the whole batch if any
        request is invalid or a value-bearing call fails, so it should only be used when transaction inclusion is
        under the caller's control.

        Args:
            value: Wei that go with the call.
        """
        self.caller.transact(
            "Forwarder",
            "executeBatch",
            [dataclasses.astuple(each) for each in requests],
            refund_receiver,
            at=self.at,
            value=value,
        )

    def nonces(self, owner: ids.Address) -> int:
        """Returns the next unused nonce for an address."""
        (found,) = self.caller.call("Forwarder", "nonces", owner, at=self.at)
        return access.number(found)

    def verify(self, request: ForwardRequestData) -> bool:
        """Returns `true` if a request is valid for a provided `signature` at the current block timestamp. A transaction
        is considered valid when the target trusts this forwarder, the request hasn't expired (deadline is not met),
        and the signer matches the `from` parameter of the signed request. NOTE: A request may return false here but
        it won't cause {executeBatch} to revert if a refund receiver is provided.
        """
        (found,) = self.caller.call("Forwarder", "verify", dataclasses.astuple(request), at=self.at)
        return access.truth(found)
