// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Forwarder} from "../src/Forwarder.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {GovernanceTest} from "./base/GovernanceTest.sol";
import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";

/// @notice What a member signs for a relayer is carried out once, in its name, in time, and nothing else than that.
contract ForwarderTest is GovernanceTest {
    uint256 private constant SIGNER = 4;

    function _profile(bytes32 profile) private view returns (ERC2771Forwarder.ForwardRequestData memory) {
        return _request(SIGNER, address(membership), abi.encodeCall(IMembership.setProfile, (profile)));
    }

    function _assertRefused(ERC2771Forwarder.ForwardRequestData memory request, bytes4 error, string memory row)
        private
    {
        bytes32 before = keccak256(abi.encode(membership.member(SIGNER), forwarder.nonces(_account(SIGNER))));
        vm.assertFalse(forwarder.verify(request), row);
        (bool done, bytes memory answer) = address(forwarder).call(abi.encodeCall(forwarder.execute, (request)));
        vm.assertFalse(done, row);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(error), row);
        bytes32 afterwards = keccak256(abi.encode(membership.member(SIGNER), forwarder.nonces(_account(SIGNER))));
        vm.assertEq(afterwards, before, row);
    }

    /// @dev It counts once: another one needs another signature, also in a batch, which is then refused as a whole.
    function test_execute_countsOnce(bytes32 profile, address relayer) public {
        vm.assume(profile != 0 && relayer != address(forwarder));
        ERC2771Forwarder.ForwardRequestData memory request = _profile(profile);
        vm.prank(relayer);
        forwarder.execute(request);
        vm.assertEq(membership.member(SIGNER).profile, profile);
        _assertRefused(request, ERC2771Forwarder.ERC2771ForwarderInvalidSigner.selector, "again");
        ERC2771Forwarder.ForwardRequestData[] memory batch = new ERC2771Forwarder.ForwardRequestData[](2);
        (batch[0], batch[1]) = (_profile("next"), request);
        vm.expectPartialRevert(ERC2771Forwarder.ERC2771ForwarderInvalidSigner.selector);
        forwarder.executeBatch(batch, payable(address(0)));
        vm.assertEq(membership.member(SIGNER).profile, profile);
    }

    /// @dev Rows: somebody else's name, another contract, more gas, more time, other words, another chain, another forwarder,
    /// its time over.
    function test_execute_isBoundToEverything() public {
        bytes4 invalid = ERC2771Forwarder.ERC2771ForwarderInvalidSigner.selector;
        ERC2771Forwarder.ForwardRequestData memory request = _profile("profile");
        request.from = _account(5);
        _assertRefused(request, invalid, "name");
        request = _profile("profile");
        request.to = address(data);
        _assertRefused(request, invalid, "contract");
        request = _profile("profile");
        request.gas += 1;
        _assertRefused(request, invalid, "gas");
        request = _profile("profile");
        request.deadline += 1;
        _assertRefused(request, invalid, "deadline");
        request = _profile("profile");
        request.data = abi.encodeCall(IMembership.setProfile, ("other"));
        _assertRefused(request, invalid, "words");
        _assertRefused(_elsewhere(false), invalid, "chain");
        _assertRefused(_elsewhere(true), invalid, "forwarder");
        request = _profile("profile");
        vm.warp(request.deadline + 1);
        _assertRefused(request, ERC2771Forwarder.ERC2771ForwarderExpiredRequest.selector, "late");
    }

    /// @dev Signed for another forwarder, or for this one on another chain.
    function _elsewhere(bool other) private returns (ERC2771Forwarder.ForwardRequestData memory request) {
        (uint256 chain, Forwarder own) = (block.chainid, forwarder);
        if (other) forwarder = new Forwarder();
        else vm.chainId(chain + 1);
        request = _profile("profile");
        forwarder = own;
        vm.chainId(chain);
    }
}
