"""The contract TimelockController: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from collections.abc import Sequence

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class OperationState(enum.IntEnum):
    """OperationState as the contract counts it."""

    UNSET = 0
    WAITING = 1
    READY = 2
    DONE = 3


@dataclasses.dataclass(frozen=True, slots=True)
class TimelockController:
    """The contract TimelockController."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def canceller_role(self) -> bytes:
        """Return CANCELLER_ROLE."""
        (found,) = self.caller.call("TimelockController", "CANCELLER_ROLE", at=self.at)
        return access.data(found)

    def default_admin_role(self) -> bytes:
        """Return DEFAULT_ADMIN_ROLE."""
        (found,) = self.caller.call("TimelockController", "DEFAULT_ADMIN_ROLE", at=self.at)
        return access.data(found)

    def executor_role(self) -> bytes:
        """Return EXECUTOR_ROLE."""
        (found,) = self.caller.call("TimelockController", "EXECUTOR_ROLE", at=self.at)
        return access.data(found)

    def proposer_role(self) -> bytes:
        """Return PROPOSER_ROLE."""
        (found,) = self.caller.call("TimelockController", "PROPOSER_ROLE", at=self.at)
        return access.data(found)

    def cancel(self, id_: bytes) -> None:
        """Cancel an operation. Requirements: - the caller must have the 'canceller' role."""
        self.caller.transact("TimelockController", "cancel", id_, at=self.at)

    def execute(
        self, target: ids.Address, value_: int, payload: bytes, predecessor: bytes, *, salt: bytes, value: int = 0
    ) -> None:
        """Execute a ready operation containing a single transaction. Emits a {CallExecuted} event. Requirements: - the
        caller must have the 'executor' role.

        Args:
            value: Wei that go with the call.
        """
        self.caller.transact(
            "TimelockController", "execute", target, value_, payload, predecessor, salt, at=self.at, value=value
        )

    def execute_batch(
        self,
        targets: Sequence[ids.Address],
        values: Sequence[int],
        payloads: Sequence[bytes],
        predecessor: bytes,
        *,
        salt: bytes,
        value: int = 0,
    ) -> None:
        """Execute a ready operation containing a batch of transactions. Emits one {CallExecuted} event per transaction
        in the batch. Requirements: - the caller must have the 'executor' role.

        Args:
            value: Wei that go with the call.
        """
        self.caller.transact(
            "TimelockController",
            "executeBatch",
            list(targets),
            list(values),
            list(payloads),
            predecessor,
            salt,
            at=self.at,
            value=value,
        )

    def get_min_delay(self) -> int:
        """Returns the minimum delay in seconds for an operation to become valid. This value can be changed by executing
        an operation that calls `updateDelay`.
        """
        (found,) = self.caller.call("TimelockController", "getMinDelay", at=self.at)
        return access.number(found)

    def get_operation_state(self, id_: bytes) -> OperationState:
        """Returns operation state."""
        (found,) = self.caller.call("TimelockController", "getOperationState", id_, at=self.at)
        return access.one_of(OperationState, found)

    def get_role_admin(self, role: bytes) -> bytes:
        """Returns the admin role that controls `role`. See {grantRole} and {revokeRole}. To change a role's admin, use
        {_setRoleAdmin}.
        """
        (found,) = self.caller.call("TimelockController", "getRoleAdmin", role, at=self.at)
        return access.data(found)

    def get_timestamp(self, id_: bytes) -> int:
        """Returns the timestamp at which an operation becomes ready (0 for unset operations, 1 for done operations)."""
        (found,) = self.caller.call("TimelockController", "getTimestamp", id_, at=self.at)
        return access.number(found)

    def grant_role(self, role: bytes, account: ids.Address) -> None:
        """Grants `role` to `account`. If `account` had not been already granted `role`, emits a {RoleGranted} event.
        Requirements: - the caller must have ``role``'s admin role. May emit a {RoleGranted} event.
        """
        self.caller.transact("TimelockController", "grantRole", role, account, at=self.at)

    def has_role(self, role: bytes, account: ids.Address) -> bool:
        """Returns `true` if `account` has been granted `role`."""
        (found,) = self.caller.call("TimelockController", "hasRole", role, account, at=self.at)
        return access.truth(found)

    def hash_operation(
        self, target: ids.Address, value_: int, data: bytes, predecessor: bytes, *, salt: bytes
    ) -> bytes:
        """Returns the identifier of an operation containing a single transaction."""
        (found,) = self.caller.call(
            "TimelockController", "hashOperation", target, value_, data, predecessor, salt, at=self.at
        )
        return access.data(found)

    def hash_operation_batch(
        self,
        targets: Sequence[ids.Address],
        values: Sequence[int],
        payloads: Sequence[bytes],
        predecessor: bytes,
        *,
        salt: bytes,
    ) -> bytes:
        """Returns the identifier of an operation containing a batch of transactions."""
        (found,) = self.caller.call(
            "TimelockController",
            "hashOperationBatch",
            list(targets),
            list(values),
            list(payloads),
            predecessor,
            salt,
            at=self.at,
        )
        return access.data(found)

    def is_operation(self, id_: bytes) -> bool:
        """Returns whether an id corresponds to a registered operation. This includes both Waiting, Ready, and Done
        operations.
        """
        (found,) = self.caller.call("TimelockController", "isOperation", id_, at=self.at)
        return access.truth(found)

    def is_operation_done(self, id_: bytes) -> bool:
        """Returns whether an operation is done or not."""
        (found,) = self.caller.call("TimelockController", "isOperationDone", id_, at=self.at)
        return access.truth(found)

    def is_operation_pending(self, id_: bytes) -> bool:
        """Returns whether an operation is pending or not. Note that a "pending" operation may also be "ready"."""
        (found,) = self.caller.call("TimelockController", "isOperationPending", id_, at=self.at)
        return access.truth(found)

    def is_operation_ready(self, id_: bytes) -> bool:
        """Returns whether an operation is ready for execution. Note that a "ready" operation is also "pending"."""
        (found,) = self.caller.call("TimelockController", "isOperationReady", id_, at=self.at)
        return access.truth(found)

    def on_erc1155_batch_received(
        self,
        value_0: ids.Address,
        value_1: ids.Address,
        value_2: Sequence[int],
        value_3: Sequence[int],
        *,
        value_4: bytes,
    ) -> None:
        """Call onERC1155BatchReceived."""
        self.caller.transact(
            "TimelockController",
            "onERC1155BatchReceived",
            value_0,
            value_1,
            list(value_2),
            list(value_3),
            value_4,
            at=self.at,
        )

    def on_erc1155_received(
        self, value_0: ids.Address, value_1: ids.Address, value_2: int, value_3: int, *, value_4: bytes
    ) -> None:
        """Call onERC1155Received."""
        self.caller.transact(
            "TimelockController", "onERC1155Received", value_0, value_1, value_2, value_3, value_4, at=self.at
        )

    def on_erc721_received(self, value_0: ids.Address, value_1: ids.Address, value_2: int, value_3: bytes) -> None:
        """See {IERC721Receiver-onERC721Received}. Always returns `IERC721Receiver.onERC721Received.selector`."""
        self.caller.transact("TimelockController", "onERC721Received", value_0, value_1, value_2, value_3, at=self.at)

    def renounce_role(self, role: bytes, caller_confirmation: ids.Address) -> None:
        """Revokes `role` from the calling account. Roles are often managed via {grantRole} and {revokeRole}: this
        function's purpose is to provide a mechanism for accounts to lose their privileges if they are compromised
        (such as when a trusted device is misplaced). Emits a {RoleRevoked} event if the calling account had `role`
        and this call successfully revoked it. Requirements: - the caller must be `callerConfirmation`. May emit a
        {RoleRevoked} event.
        """
        self.caller.transact("TimelockController", "renounceRole", role, caller_confirmation, at=self.at)

    def revoke_role(self, role: bytes, account: ids.Address) -> None:
        """Revokes `role` from `account`. If `account` had been granted `role`, emits a {RoleRevoked} event.
        Requirements: - the caller must have ``role``'s admin role. May emit a {RoleRevoked} event.
        """
        self.caller.transact("TimelockController", "revokeRole", role, account, at=self.at)

    def schedule(
        self, target: ids.Address, value_: int, data: bytes, predecessor: bytes, *, salt: bytes, delay: int
    ) -> None:
        """Schedule an operation containing a single transaction. Emits {CallSalt} if salt is nonzero, and
        {CallScheduled}. Requirements: - the caller must have the 'proposer' role.
        """
        self.caller.transact(
            "TimelockController", "schedule", target, value_, data, predecessor, salt, delay, at=self.at
        )

    def schedule_batch(
        self,
        targets: Sequence[ids.Address],
        values: Sequence[int],
        payloads: Sequence[bytes],
        predecessor: bytes,
        *,
        salt: bytes,
        delay: int,
    ) -> None:
        """Schedule an operation containing a batch of transactions. Emits {CallSalt} if salt is nonzero, and one
        {CallScheduled} event per transaction in the batch. Requirements: - the caller must have the 'proposer' role.
        """
        self.caller.transact(
            "TimelockController",
            "scheduleBatch",
            list(targets),
            list(values),
            list(payloads),
            predecessor,
            salt,
            delay,
            at=self.at,
        )

    def supports_interface(self, interface_id: bytes) -> bool:
        """Returns true if this contract implements the interface defined by `interfaceId`. See the corresponding
        https://eips.ethereum.org/EIPS/eip-165#how-interfaces-are-identified[ERC section] to learn more about how
        these ids are created. This function call must use less than 30 000 gas.
        """
        (found,) = self.caller.call("TimelockController", "supportsInterface", interface_id, at=self.at)
        return access.truth(found)

    def update_delay(self, new_delay: int) -> None:
        """Changes the minimum timelock duration for future operations. Emits a {MinDelayChange} event. Requirements: -
        the caller must be the timelock itself. This can only be achieved by scheduling and later executing an
        operation where the timelock is the target and the data is the ABI-encoded call to this function.
        """
        self.caller.transact("TimelockController", "updateDelay", new_delay, at=self.at)
