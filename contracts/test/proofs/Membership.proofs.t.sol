// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Membership} from "../../src/Membership.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {Authority} from "../../src/types/Authority.sol";
import {Vm} from "../base/Vm.sol";

/// @notice Proven for all values by `make prove` (halmos), and tried with random ones by forge: a membership never changes
/// hands by a transfer, whoever calls, whatever it approved before and at any time.
contract MembershipProof {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant REGISTRAR = address(0xA0000);
    address private constant ACCOUNT = address(0xACC0);
    uint256 private constant MEMBER = 1;

    Membership private membership;

    function setUp() public {
        vm.warp(1_800_000_000);
        address[] memory registrars = new address[](1);
        registrars[0] = REGISTRAR;
        membership =
            new Membership(registrars, 1, new IMembership.Founder[](0), Authority(address(0x71), address(0xF0)));
        vm.prank(ACCOUNT);
        membership.applyAs(IMembership.Kind.Person, address(0x2E4), "point", "credential", 0);
        vm.prank(REGISTRAR);
        membership.admit(ACCOUNT);
    }

    /// @dev Of the ERC-721 calls that could move a token or let somebody move it none is ever carried out.
    function test_transfers_alwaysRevert(uint8 kind, address caller, address from, address to, uint256 id, uint64 time)
        public
    {
        vm.warp(time);
        assert(!_call(kind, caller, from, to, id));
        _assertSame();
    }

    /// @dev Nor does an attempt to approve somebody first help.
    function test_approvals_moveNothing(uint8 kind, address thief, uint64 time) public {
        vm.warp(time);
        _call(2, ACCOUNT, ACCOUNT, thief, MEMBER);
        _call(3, ACCOUNT, ACCOUNT, thief, MEMBER);
        assert(!_call(kind, thief, ACCOUNT, thief, MEMBER));
        _assertSame();
    }

    function _call(uint8 kind, address caller, address from, address to, uint256 id) private returns (bool done) {
        kind %= 5;
        bytes memory call = abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, id);
        if (kind == 0) call = abi.encodeWithSignature("safeTransferFrom(address,address,uint256)", from, to, id);
        if (kind == 1) {
            call = abi.encodeWithSignature("safeTransferFrom(address,address,uint256,bytes)", from, to, id, "");
        }
        if (kind == 2) call = abi.encodeWithSignature("approve(address,uint256)", to, id);
        if (kind == 3) call = abi.encodeWithSignature("setApprovalForAll(address,bool)", to, true);
        vm.prank(caller);
        (done,) = address(membership).call(call);
    }

    function _assertSame() private view {
        assert(membership.accountOf(MEMBER) == ACCOUNT);
        assert(membership.memberOf(ACCOUNT) == MEMBER);
        assert(membership.live() == 1);
    }
}
