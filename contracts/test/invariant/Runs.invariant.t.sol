// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "../base/CommonsTest.sol";
import {RunsHandler} from "./RunsHandler.sol";

/// @notice What no sequence of messages, silences and revocations may do to a run. The numbers are those of
/// the specification's list.
abstract contract RunsInvariant is CommonsTest {
    RunsHandler internal handler;

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](11);
        actions[0] = RunsHandler.due.selector;
        actions[1] = RunsHandler.odd.selector;
        actions[2] = RunsHandler.pass.selector;
        actions[3] = RunsHandler.revoke.selector;
        actions[5] = RunsHandler.exit.selector;
        actions[6] = RunsHandler.attack.selector;
        actions[7] = RunsHandler.repeat.selector;
        actions[8] = RunsHandler.voteEarly.selector;
        actions[9] = RunsHandler.drop.selector;
        actions[10] = RunsHandler.giveBack.selector;
        actions[4] = RunsHandler.slander.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    /// 5: no Submit uses a consent that was revoked, nor does the set that the first Commit fixes.
    /// 9: no seat's word on a sid is ever counted twice, and an agreed sid was named in its own attempt by a quorum.
    /// 10: states, phases and rounds change only along the listed edges, and a run that is over never changes. An agreed state
    /// is never lost: Ended has one, Aborted has none, progress never goes back. Exits leave a quorum behind.
    /// 11: two different sets never both reach a quorum of Commits in one run, Exits aside, and no Reveal is accepted without
    /// the certificate and the seat's own Commit.
    /// 12: no seat is put out that did what was due, whatever the others do; no seat's bond is lost or goes to anybody else,
    /// none goes back before the run is over, and then each does; f seats convict and waive nobody.
    /// A run that paused after its last sum is completed by Results only if no round can follow.
    function invariant_rulesOfARunHold() external view {
        vm.assertFalse(handler.twoSets(), "11: two sets certified");
        vm.assertFalse(handler.revealWithoutCertificate(), "11: reveal without certificate");
        vm.assertFalse(handler.deadConsent(), "5: dead consent used");
        vm.assertFalse(handler.deadInFirstSet(), "5: the set was fixed with a dead consent in it");
        vm.assertFalse(handler.waitingDropped(), "12: a seat was put out that may stay");
        vm.assertFalse(handler.honestPutOut(), "12: a seat was put out although it did what was due");
        vm.assertFalse(handler.wrongEdge(), "10: edge that is not listed");
        vm.assertFalse(handler.lostState(), "agreed state lost");
        vm.assertFalse(handler.tooFewStayed(), "too few stayed");
        vm.assertFalse(handler.completedEarly(), "completed although it went on after a pause");
        vm.assertFalse(handler.bondReturnedEarly(), "12: a bond went back while it was owed");
        vm.assertFalse(handler.bondKept(), "12: a bond stayed although the run is over");
        vm.assertFalse(handler.slandered(), "12: f seats put out or waived whom they named");
        vm.assertEq(handler.bondsHeld(), handler.BOND() * handler.participants(), "12: a bond is lost");
        vm.assertFalse(handler.votedTwice(), "9: a message counted twice");
        vm.assertFalse(handler.agreedWithoutQuorum(), "9: agreed without a quorum of this attempt");
    }
}

contract RunsOfFiveInvariantTest is RunsInvariant {
    function setUp() public override {
        handler = new RunsHandler{value: 100}(5, 4);
    }
}

/// forge-config: default.invariant.runs = 64
contract RunsOfEightInvariantTest is RunsInvariant {
    function setUp() public override {
        handler = new RunsHandler{value: 100}(8, 6);
    }
}

/// @notice The random walks do reach certificates, Reveals and several rounds; without that the rules above say nothing.
contract RunsWalkTest is CommonsTest {
    function setUp() public override {}

    /// @dev A walk of many strides certifies and reveals.
    function test_walk_reachesCertificatesAndReveals() public {
        RunsHandler handler = new RunsHandler{value: 100}(5, 4);
        for (uint256 i; i < 40; ++i) {
            uint256 word = uint256(keccak256(abi.encode(i)));
            handler.due(word);
            handler.attack(word);
            if (i % 4 == 0) handler.odd(word);
            if (i % 5 == 0) handler.voteEarly(word);
            handler.repeat(word);
            handler.slander(word);
        }
        vm.assertGe(handler.certificates(), 2, "certificates");
        vm.assertGe(handler.reveals(), 8, "reveals");
        vm.assertGe(handler.repeats(), 30, "repeats");
        vm.assertGe(handler.earlyTries(), 1, "early messages");
        vm.assertGe(handler.slanders(), 4, "slanders");
        vm.assertFalse(handler.twoSets());
        vm.assertFalse(handler.votedTwice());
        vm.assertFalse(handler.agreedWithoutQuorum());
    }
}
