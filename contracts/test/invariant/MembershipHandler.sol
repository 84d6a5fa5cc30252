// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Membership} from "../../src/Membership.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @notice Plays applicants, registrars and members over few accounts, credentials and keys, so that they collide.
contract MembershipHandler is CommonsTest {
    uint256 public constant PEOPLE = 6;

    Membership public immutable target;
    uint256 public admitted;
    uint256 public left;
    uint256 public expelled;
    uint256 public recovered;
    /// @notice A membership changed hands before its delay was over, or although its account vetoed.
    bool public taken;

    /// @notice A vote was moved, lent or delegated.
    bool public traded;

    mapping(uint256 memberId => uint256) private _ripeAt;

    constructor() {
        super.setUp();
        target = membership;
        for (uint256 index; index < PEOPLE / 2; ++index) {
            applyAs(index | index << 8 | index << 16);
            _agree(0, _person(index));
            _agree(1 << 8, _person(index));
        }
    }

    function setUp() public override {}

    /// @notice Somebody applies with any of few credentials and keys.
    function applyAs(uint256 word) public {
        vm.prank(_person(word));
        try target.applyAs(
            IMembership.Kind.Person,
            address(uint160(0x4E0 + (word >> 8) % 8)),
            bytes32(uint256(1)),
            bytes32((word >> 16) % 4 + 1),
            0
        ) {}
            catch {}
    }

    /// @notice A registrar agrees to an application, or two do, because one alone seldom meets another one's.
    function admit(uint256 word) external {
        _agree(word, _person(word));
        if ((word >> 16) % 4 != 0) _agree(word ^ 1 << 8, _person(word));
    }

    function _agree(uint256 word, address applicant) private {
        vm.prank(_registrar((word >> 8) % 3));
        try target.admit(applicant) returns (uint256 memberId) {
            if (memberId != 0) ++admitted;
        } catch {}
    }

    /// @notice A member leaves; has to work for every member.
    function leave(uint256 word) external {
        if (word % 3 != 0 || target.memberOf(_person(word >> 2)) == 0) return;
        delete _ripeAt[target.memberOf(_person(word >> 2))];
        vm.prank(_person(word >> 2));
        target.leave();
        ++left;
    }

    /// @notice A registrar suspends or reinstates, according to what the member is.
    function suspend(uint256 word) external {
        uint256 memberId = word % (target.count() + 1);
        vm.prank(_registrar((word >> 8) % 3));
        if ((word >> 16) % 2 == 0) {
            try target.suspend(memberId) {} catch {}
        } else {
            try target.reinstate(memberId) {} catch {}
        }
    }

    /// @notice A vote decides at once what registrars decide together, or puts a member out.
    function decide(uint256 word) external {
        uint256 memberId = word % (target.count() + 1);
        uint256 act = (word >> 8) % 8;
        vm.startPrank(address(timelock));
        if (act == 0) _expel(memberId);
        else if (act == 1) _admitAtOnce(_person(word >> 16));
        else if (act == 2) _try(abi.encodeCall(IMembership.suspend, (memberId)));
        else if (act == 3) _try(abi.encodeCall(IMembership.reinstate, (memberId)));
        else if (act == 4) _try(abi.encodeCall(IMembership.setRegistrars, (_registrars(), (word >> 16) % 3 + 1)));
        else if (act == 5) _try(abi.encodeCall(IMembership.revokeRole, (memberId, _role(word))));
        else _try(abi.encodeCall(IMembership.grantRole, (memberId, _role(word))));
        vm.stopPrank();
    }

    /// @notice Somebody tries to give a vote away; none of these may ever work.
    function trade(uint256 word) external {
        uint256 memberId = word % (target.count() + 1);
        address from = target.accountOf(memberId);
        address to = _person(word >> 8);
        vm.startPrank(word >> 16 & 1 == 0 ? from : to);
        if (_try(abi.encodeCall(IERC721.transferFrom, (from, to, memberId)))) traded = true;
        if (_try(abi.encodeCall(IERC721.approve, (to, memberId)))) traded = true;
        if (_try(abi.encodeCall(IERC721.setApprovalForAll, (to, true)))) traded = true;
        if (_try(abi.encodeCall(IVotes.delegate, (address(0xE711))))) traded = true;
        vm.stopPrank();
    }

    /// @notice A member changes its node key to any of few.
    function setNodeKey(uint256 word) external {
        vm.prank(_person(word));
        try target.setNodeKey(address(uint160(0x4E0 + (word >> 8) % 8))) {} catch {}
    }

    /// @notice A member names any person as its guardian, or nobody.
    function setGuardian(uint256 word) external {
        vm.prank(_person(word));
        try target.setGuardian((word >> 8) % 4 == 0 ? address(0) : _person(word >> 16)) {} catch {}
    }

    /// @notice Anybody, mostly guardians and registrars, begins a recovery to any account.
    function recover(uint256 word) external {
        uint256 memberId = word % (target.count() + 1);
        address caller = (word >> 8) % 2 == 0 ? target.guardianOf(memberId) : _registrar((word >> 16) % 3);
        vm.prank(caller);
        try target.recover(memberId, _person(word >> 24)) {
            _note(memberId);
        } catch {}
    }

    /// @notice Anybody tries to veto.
    function veto(uint256 word) external {
        uint256 memberId = word % (target.count() + 1);
        vm.prank(_person(word >> 8));
        try target.veto(memberId) {
            delete _ripeAt[memberId];
        } catch {}
    }

    /// @notice Time passes, and somebody tries to finish a recovery.
    function finishRecovery(uint256 word) external {
        vm.warp(vm.getBlockTimestamp() + (word >> 8) % 5 days);
        uint256 memberId = word % (target.count() + 1);
        try target.finishRecovery(memberId) {
            ++recovered;
            if (_ripeAt[memberId] == 0 || vm.getBlockTimestamp() < _ripeAt[memberId]) taken = true;
            delete _ripeAt[memberId];
        } catch {}
    }

    function _expel(uint256 memberId) private {
        if (!_try(abi.encodeCall(IMembership.expel, (memberId)))) return;
        delete _ripeAt[memberId];
        ++expelled;
    }

    function _admitAtOnce(address applicant) private {
        if (_try(abi.encodeCall(IMembership.admit, (applicant)))) ++admitted;
    }

    function _try(bytes memory call) private returns (bool done) {
        (done,) = address(target).call(call);
    }

    function _role(uint256 word) private pure returns (IMembership.Role) {
        return IMembership.Role((word >> 16) % 2);
    }

    /// @notice A person of the campaign.
    function person(uint256 index) external pure returns (address) {
        return _person(index);
    }

    /// @dev Approvals that are not the last one begin nothing.
    function _note(uint256 memberId) private {
        if (target.recovery(memberId).account != address(0)) _ripeAt[memberId] = vm.getBlockTimestamp() + 7 days;
    }

    function _person(uint256 word) private pure returns (address) {
        return address(uint160(0xFE0 + word % PEOPLE));
    }
}
