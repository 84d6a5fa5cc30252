// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "../base/CommonsTest.sol";
import {ConsentTest} from "../base/ConsentTest.sol";
import {SignedTest} from "../base/SignedTest.sol";

/// @notice Holds what can be signed outside runs to the known answers that Python is held to: `vectors/encoding/signing.json`,
/// whose generator is Python's. That the contracts take such signatures is tested where each of them is.
contract SigningTest is ConsentTest, SignedTest {
    function setUp() public override(ConsentTest, CommonsTest) {
        super.setUp();
        _read("signing.json");
    }

    /// @dev Every row's digest follows from its type string, its words and its contract's domain; the signature is its signer's.
    function test_digests_areTheKnownAnswers() public {
        _checkDigests(8);
    }

    /// @dev The names and versions of the rows are those by which the contracts check signatures.
    function test_domains_areTheContracts() public view {
        _checkDomains();
    }

    function _verifier(string memory name) internal view override returns (address) {
        bytes32 key = keccak256(bytes(name));
        if (key == keccak256("DataRegistry")) return address(data);
        if (key == keccak256("ConsentRegister")) return address(register);
        if (key == keccak256("Attestations")) return address(attestations);
        return address(forwarder);
    }
}
