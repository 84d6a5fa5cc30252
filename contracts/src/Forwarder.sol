// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";

/// @title Calls that members signed
/// @notice Carries out what a member signed and a relayer pays for; every contract of the commons takes the signer for the
/// caller (ERC-2771). OpenZeppelin's, under our name in the signed domain.
contract Forwarder is ERC2771Forwarder {
    constructor() ERC2771Forwarder("AI Commons Forwarder") {}
}
