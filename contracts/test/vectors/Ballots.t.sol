// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "../base/CommonsTest.sol";
import {CoopTest} from "../base/CoopTest.sol";
import {SignedTest} from "../base/SignedTest.sol";

/// @notice Holds the ballots of the members and of a co-op's people to the known answers that Python is held to:
/// `vectors/encoding/ballots.json`. That the governors take such signatures is tested where each of them is.
contract BallotsTest is CoopTest, SignedTest {
    function setUp() public override(CoopTest, CommonsTest) {
        super.setUp();
        _read("ballots.json");
    }

    /// @dev Every row's digest follows from its type string, its words and its governor's domain; the signature is its signer's.
    function test_digests_areTheKnownAnswers() public {
        _checkDigests(6);
    }

    /// @dev The two governors call themselves differently, and as the rows do: a ballot for one is none for the other.
    function test_domains_areTheGovernors() public view {
        _checkDomains();
    }

    /// @dev What is signed is OpenZeppelin's ballot, in both.
    function test_types_areTheGovernors() public view {
        _checkTypes(governor.BALLOT_TYPEHASH());
        _checkTypes(commonsGovernor.BALLOT_TYPEHASH());
    }

    function _verifier(string memory name) internal view override returns (address) {
        return keccak256(bytes(name)) == keccak256("CoopGovernor") ? address(governor) : address(commonsGovernor);
    }
}
