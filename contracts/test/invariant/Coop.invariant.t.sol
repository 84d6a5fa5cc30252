// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoopMembers} from "../../src/interfaces/ICoopMembers.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {CoopHandler} from "./CoopHandler.sol";

/// @notice One person, one vote in a co-op, and nothing happens in its name but what was carried and executed.
/// forge-config: default.invariant.runs = 48
contract CoopInvariantTest is CommonsTest {
    CoopHandler private handler;

    function setUp() public override {
        handler = new CoopHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](5);
        actions[0] = CoopHandler.admit.selector;
        actions[1] = CoopHandler.misuse.selector;
        actions[2] = CoopHandler.propose.selector;
        actions[3] = CoopHandler.vote.selector;
        actions[4] = CoopHandler.execute.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    function invariant_rulesOfACoopHold() external view {
        _onePersonOneVote();
        _votesAreThoseOfTheRoll();
        vm.assertEq(handler.book().steward(), handler.steward());
    }

    function _onePersonOneVote() private view {
        ICoopMembers book = handler.book();
        uint256 people;
        for (uint256 number; number < handler.PEOPLE(); ++number) {
            bool member = book.isMember(handler.person(number));
            vm.assertEq(handler.votesNow(number), member ? 1 : 0, "votes");
            if (member) ++people;
        }
        vm.assertEq(book.count(), people, "count");
    }

    function _votesAreThoseOfTheRoll() private view {
        for (uint256 i; i < handler.proposalCount(); ++i) {
            uint256 proposalId = handler.proposals(i);
            (uint256 against, uint256 for_, uint256 abstain) = handler.tally(proposalId);
            uint256 cast;
            for (uint256 number; number < handler.PEOPLE(); ++number) {
                vm.assertLe(handler.cast(proposalId, number), 1, "twice");
                cast += handler.cast(proposalId, number);
            }
            vm.assertEq(against + for_ + abstain, cast, "cast");
            (uint256 size, bool known) = handler.rollAt(proposalId);
            if (known) vm.assertLe(cast, size, "roll");
        }
    }
}
