// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Whom every contract listens to beside its own callers; fixed when it is made.
/// @param timelock The only admin
/// @param forwarder Brings calls that members signed and relayers paid for (ERC-2771)
struct Authority {
    address timelock;
    address forwarder;
}
