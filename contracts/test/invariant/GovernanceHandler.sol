// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Membership} from "../../src/Membership.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {GovernanceTest} from "../base/GovernanceTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice Plays members that come, propose, vote, sign, queue, execute and leave, and people who try without a vote.
contract GovernanceHandler is GovernanceTest {
    uint256 private constant MOST = 8;
    uint256 private constant LONGEST_STEP = 3 days;

    /// @notice What a proposal would do, and how far it came.
    struct Motion {
        uint256 proposalId;
        bytes call;
        bytes32 why;
        uint256 memberId;
        bool grants;
        uint256 readyAt;
        uint256 votes;
    }

    uint256 public executed;
    /// @notice Something was done that no vote had decided, or before its delay was over.
    bool public bypassed;
    /// @notice A ballot counted twice, or for somebody who had not signed it.
    bool public replayed;

    Motion[] private _motions;
    bytes[] private _ballots;
    mapping(uint256 memberId => bool) private _auditors;

    constructor() {
        super.setUp();
    }

    function setUp() public override {}

    /// @notice The contract that is governed.
    function members() external view returns (Membership) {
        return membership;
    }

    /// @notice A proposal by its place.
    function motion(uint256 place) external view returns (Motion memory) {
        return _motions[place];
    }

    /// @notice How many were proposed.
    function motions() external view returns (uint256) {
        return _motions.length;
    }

    /// @notice Whether the votes made a member an auditor.
    function isAuditor(uint256 memberId) external view returns (bool) {
        return _auditors[memberId];
    }

    /// @notice Anybody, mostly members, proposes to give or take a role.
    function propose(uint256 word) external {
        if (_motions.length == MOST) return;
        uint256 id = _between(word >> 8, 1, PEOPLE + 1);
        IMembership.Role role = IMembership.Role.Auditor;
        bytes memory call = word & 1 == 0
            ? abi.encodeCall(IMembership.grantRole, (id, role))
            : abi.encodeCall(IMembership.revokeRole, (id, role));
        string memory why = vm.toString(_motions.length);
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(address(membership), call);
        vm.prank(_account(_between(word >> 16, 1, PEOPLE + 1)));
        try commonsGovernor.propose(targets, values, datas, why) returns (uint256 proposalId) {
            _motions.push(Motion(proposalId, call, keccak256(bytes(why)), id, word & 1 == 0, 0, 0));
        } catch {}
    }

    /// @notice Anybody votes, as often as it likes.
    function vote(uint256 word) external {
        if (_motions.length == 0) return;
        Motion storage at = _motions[word % _motions.length];
        vm.prank(_account(_between(word >> 8, 1, PEOPLE + 1)));
        try commonsGovernor.castVote(at.proposalId, uint8((word >> 16) % 3)) returns (uint256 weight) {
            at.votes += weight;
        } catch {}
    }

    /// @notice Somebody sends a ballot that a member signed, and every earlier ballot again.
    function voteBySignature(uint256 word) external {
        if (_motions.length == 0) return;
        Motion storage at = _motions[word % _motions.length];
        uint256 id = _between(word >> 8, 1, PEOPLE);
        bytes memory ballot = _ballot(id, at.proposalId);
        try commonsGovernor.castVoteBySig(at.proposalId, 1, _account(id), ballot) returns (uint256 weight) {
            at.votes += weight;
            _ballots.push(abi.encode(at.proposalId, id, ballot));
        } catch {}
        _sendAgain(word >> 16);
    }

    function _ballot(uint256 id, uint256 proposalId) private view returns (bytes memory) {
        bytes32 kind = keccak256("Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)");
        bytes32 domain = _domain("AI Commons Governor", "1", address(commonsGovernor));
        uint256 nonce = commonsGovernor.nonces(_account(id));
        return _sign(0xACC0000 + id, domain, keccak256(abi.encode(kind, proposalId, 1, _account(id), nonce)));
    }

    function _sendAgain(uint256 word) private {
        if (_ballots.length == 0) return;
        (, uint256 id, bytes memory ballot) = abi.decode(_ballots[word % _ballots.length], (uint256, uint256, bytes));
        uint256 proposalId = _motions[(word >> 8) % _motions.length].proposalId;
        uint256 other = _between(word >> 16, 1, PEOPLE);
        try commonsGovernor.castVoteBySig(proposalId, 1, _account(id), ballot) {
            replayed = true;
        } catch {}
        if (other == id) return;
        try commonsGovernor.castVoteBySig(proposalId, 1, _account(other), ballot) {
            replayed = true;
        } catch {}
    }

    /// @notice Time passes.
    function wait(uint256 word) external {
        vm.warp(vm.getBlockTimestamp() + word % LONGEST_STEP);
    }

    /// @notice Somebody brings a proposal on its way into the timelock.
    function queue(uint256 word) external {
        if (_motions.length == 0) return;
        Motion storage at = _motions[word % _motions.length];
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(address(membership), at.call);
        bool carried = commonsGovernor.state(at.proposalId) == IGovernor.ProposalState.Succeeded;
        try commonsGovernor.queue(targets, values, datas, at.why) {
            if (!carried) bypassed = true;
            at.readyAt = vm.getBlockTimestamp() + TIMELOCK_DELAY;
        } catch {}
    }

    /// @notice Somebody carries a proposal out.
    function execute(uint256 word) external {
        if (_motions.length == 0) return;
        Motion storage at = _motions[word % _motions.length];
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(address(membership), at.call);
        try commonsGovernor.execute(targets, values, datas, at.why) {
            ++executed;
            if (at.readyAt == 0 || vm.getBlockTimestamp() < at.readyAt) bypassed = true;
            _auditors[at.memberId] = at.grants;
            at.readyAt = 0;
        } catch {}
    }

    /// @notice Somebody tries to do without a vote what a proposal would do: directly, by the timelock, by the governor.
    function meddle(uint256 word) external {
        if (_motions.length == 0) return;
        bytes memory call = _motions[word % _motions.length].call;
        address lock = address(timelock);
        vm.startPrank(_account(_between(word >> 8, 1, PEOPLE + 1)));
        _attempt(address(membership), call);
        _attempt(lock, abi.encodeCall(timelock.schedule, (address(membership), 0, call, 0, 0, TIMELOCK_DELAY)));
        _attempt(lock, abi.encodeCall(timelock.execute, (address(membership), 0, call, 0, 0)));
        _attempt(address(commonsGovernor), abi.encodeCall(commonsGovernor.relay, (address(membership), 0, call)));
        vm.stopPrank();
    }

    function _attempt(address target, bytes memory call) private {
        (bool done,) = target.call(call);
        if (done) bypassed = true;
    }

    /// @notice A member leaves, or comes anew: the votes under way are those of their beginning.
    function turnOver(uint256 word) external {
        uint256 id = _between(word, 1, PEOPLE);
        if (membership.memberOf(_account(id)) != 0) {
            vm.prank(_account(id));
            membership.leave();
            return;
        }
        uint256 fresh = membership.count() + 1;
        vm.prank(_account(id));
        membership.applyAs(
            IMembership.Kind.Person, vm.addr(_nodeKey(1000 + fresh)), "point", keccak256(abi.encode("again", fresh)), 0
        );
        vm.prank(_registrar(0));
        membership.admit(_account(id));
        vm.prank(_registrar(1));
        membership.admit(_account(id));
    }

    /// @notice How many votes a proposal has, by the governor.
    function counted(uint256 proposalId) external view returns (uint256) {
        (uint256 against, uint256 for_, uint256 abstain) = commonsGovernor.proposalVotes(proposalId);
        return against + for_ + abstain;
    }

    /// @notice The members at the second in which a proposal's vote began; 0 before.
    function electorate(uint256 proposalId) external view returns (uint256) {
        uint256 snapshot = commonsGovernor.proposalSnapshot(proposalId);
        return snapshot < vm.getBlockTimestamp() ? membership.getPastTotalSupply(snapshot) : 0;
    }
}
