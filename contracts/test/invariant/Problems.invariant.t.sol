// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Problems} from "../../src/Problems.sol";
import {Vault} from "../../src/Vault.sol";
import {IProblems} from "../../src/interfaces/IProblems.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {ProblemsHandler} from "./ProblemsHandler.sol";

/// @notice Award money: what was funded is paid, refunded or locked, and whoever earned it or paid it has it.
contract ProblemsInvariantTest is CommonsTest {
    ProblemsHandler private handler;

    function setUp() public override {
        handler = new ProblemsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](8);
        (actions[0], actions[1]) = (ProblemsHandler.fund.selector, ProblemsHandler.judge.selector);
        (actions[2], actions[3]) = (ProblemsHandler.challenge.selector, ProblemsHandler.settle.selector);
        (actions[4], actions[5]) = (ProblemsHandler.resolve.selector, ProblemsHandler.refund.selector);
        (actions[6], actions[7]) = (ProblemsHandler.expire.selector, ProblemsHandler.wait_.selector);
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev Funded == paid + refunded + locked, nothing of it is anywhere else, and nothing was done that has to be refused.
    function invariant_awardMoneyIsConserved() external view {
        (, Vault vault_, address money) = handler.contracts();
        vm.assertEq(handler.taken(), 0, "1: done what has to be refused");
        vm.assertEq(handler.funded(), handler.paid() + handler.refunded() + vault_.locked(money), "1: lost");
        vm.assertEq(vault_.credits(money), handler.paid() + handler.refunded(), "1: credited");
    }

    /// @dev Solvers have what they earned and payers what came back, to the last unit.
    function invariant_everybodyHasWhatIsTheirs() external view {
        (, Vault vault_, address money) = handler.contracts();
        uint256 id = vault_.idOf(money);
        for (uint256 member = 1; member <= 7; ++member) {
            vm.assertEq(vault_.balanceOf(handler.accountOf(member), id), handler.credit(member));
        }
    }

    /// @dev Awards are in the state to which the acts led; nobody in conflict ever earned one.
    function invariant_awardsAreWhereTheActsLed() external view {
        (Problems problems_,,) = handler.contracts();
        for (uint256 i; i < handler.count(); ++i) {
            ProblemsHandler.Kept memory one = handler.kept(i);
            IProblems.Award memory award = problems_.awardOf(one.problemId, one.number);
            vm.assertEq(uint256(award.state), uint256(one.state));
            vm.assertEq(award.solver, one.solver);
            vm.assertTrue(award.solver == 0 || award.solver != problems_.ownerOf(one.problemId));
            vm.assertTrue(award.solver == 0 || award.solver != problems_.judgeOf(one.problemId));
        }
    }
}
