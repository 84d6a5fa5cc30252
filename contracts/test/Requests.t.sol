// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRequests} from "../src/interfaces/IRequests.sol";
import {ConsentTest} from "./base/ConsentTest.sol";

/// @notice Member 1 owns dataset 1, member 2 asks for it.
contract RequestsTest is ConsentTest {
    function _ask() private returns (uint256 requestId) {
        vm.prank(_account(2));
        return requests.ask(1, 0, "why");
    }

    function _answer(uint256 requestId, IRequests.Answer said) private {
        vm.prank(_account(1));
        requests.answer(requestId, said, "words");
    }

    function test_ask_givesIdsInOrder(bytes32 runId, bytes32 document) public {
        vm.assume(document != 0);
        for (uint256 id = 1; id < 3; ++id) {
            vm.prank(_account(2));
            vm.expectEmit(address(requests));
            emit IRequests.Asked(id, 1, 2, runId, document);
            vm.assertEq(requests.ask(1, runId, document), id);
        }
        vm.assertEq(requests.count(), 2);
        IRequests.Request memory asked = requests.request(2);
        vm.assertEq(asked.datasetId, 1);
        vm.assertEq(asked.asker, 2);
        vm.assertEq(asked.runId, runId);
        vm.assertTrue(asked.state == IRequests.RequestState.Open);
    }

    function test_ask_failsOnBadInput(address stranger, uint256 datasetId) public {
        vm.assume(membership.memberOf(stranger) == 0);
        datasetId = _between(datasetId, 2, type(uint256).max - 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsNotMember.selector, stranger));
        requests.ask(1, 0, "why");
        vm.startPrank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsUnknownDataset.selector, datasetId));
        requests.ask(datasetId, 0, "why");
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsDocumentMissing.selector));
        requests.ask(1, 0, 0);
        vm.stopPrank();
        _suspendMember(2);
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsNotMember.selector, _account(2)));
        requests.ask(1, 0, "why");
    }

    /// @dev Every answer leads to its state and is told with its words.
    function test_answer_leadsToItsState(uint8 said, bytes32 document) public {
        vm.assume(document != 0);
        IRequests.Answer answer = IRequests.Answer(_between(said, 0, 2));
        uint256 id = _ask();
        vm.prank(_account(1));
        vm.expectEmit(address(requests));
        emit IRequests.Answered(id, 1, answer, document);
        requests.answer(id, answer, document);
        vm.assertTrue(requests.request(id).state == _after(answer));
    }

    function _after(IRequests.Answer answer) private pure returns (IRequests.RequestState) {
        if (answer == IRequests.Answer.AskBack) return IRequests.RequestState.AskedBack;
        return answer == IRequests.Answer.Approve ? IRequests.RequestState.Approved : IRequests.RequestState.Denied;
    }

    /// @dev A question or a denial without words is none; an approval may go without.
    function test_answer_needsWords() public {
        uint256 id = _ask();
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsDocumentMissing.selector));
        requests.answer(id, IRequests.Answer.AskBack, 0);
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsDocumentMissing.selector));
        requests.answer(id, IRequests.Answer.Deny, 0);
        requests.answer(id, IRequests.Answer.Approve, 0);
        vm.stopPrank();
        vm.assertTrue(requests.request(id).state == IRequests.RequestState.Approved);
    }

    function test_answer_failsForOthers(address stranger, uint256 requestId) public {
        vm.assume(stranger != _account(1));
        _assumePowerless(stranger);
        uint256 id = _ask();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsNotOwner.selector, id, stranger));
        requests.answer(id, IRequests.Answer.Approve, "words");
        requestId = _between(requestId, 2, type(uint256).max - 1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsNotOwner.selector, requestId, _account(1)));
        requests.answer(requestId, IRequests.Answer.Approve, "words");
    }

    /// @dev The owner asks back once and waits for the reply, but may decide without it.
    function test_reply_opensItAgain(bytes32 document) public {
        vm.assume(document != 0);
        uint256 id = _ask();
        _answer(id, IRequests.Answer.AskBack);
        vm.prank(_account(1));
        _expectWrongState(id, IRequests.RequestState.AskedBack);
        requests.answer(id, IRequests.Answer.AskBack, "words");
        vm.prank(_account(2));
        vm.expectEmit(address(requests));
        emit IRequests.Replied(id, document);
        requests.reply(id, document);
        vm.assertTrue(requests.request(id).state == IRequests.RequestState.Open);
        _answer(id, IRequests.Answer.AskBack);
        _answer(id, IRequests.Answer.Deny);
        vm.assertTrue(requests.request(id).state == IRequests.RequestState.Denied);
    }

    function test_reply_failsOnBadInput(address stranger) public {
        vm.assume(stranger != _account(2));
        _assumePowerless(stranger);
        uint256 id = _ask();
        vm.prank(_account(2));
        _expectWrongState(id, IRequests.RequestState.Open);
        requests.reply(id, "words");
        _answer(id, IRequests.Answer.AskBack);
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsDocumentMissing.selector));
        requests.reply(id, 0);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsNotAsker.selector, id, stranger));
        requests.reply(id, "words");
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsNotAsker.selector, id, stranger));
        requests.withdraw(id);
        vm.stopPrank();
    }

    /// @dev An undecided request can be taken back, with or without an open question, also by a suspended member.
    function test_withdraw_endsAnUndecidedRequest(bool asked) public {
        uint256 id = _ask();
        if (asked) _answer(id, IRequests.Answer.AskBack);
        _suspendMember(2);
        vm.prank(_account(2));
        vm.expectEmit(address(requests));
        emit IRequests.RequestWithdrawn(id);
        requests.withdraw(id);
        vm.assertTrue(requests.request(id).state == IRequests.RequestState.Withdrawn);
    }

    /// @dev Nothing follows a decision or a withdrawal.
    function test_decisions_areFinal(uint8 word) public {
        uint256 id = _ask();
        uint256 end = _between(word, 0, 2);
        if (end == 0) _answer(id, IRequests.Answer.Approve);
        if (end == 1) _answer(id, IRequests.Answer.Deny);
        if (end == 2) {
            vm.prank(_account(2));
            requests.withdraw(id);
        }
        IRequests.RequestState state = IRequests.RequestState(3 + end);
        for (uint256 said; said < 3; ++said) {
            vm.prank(_account(1));
            _expectWrongState(id, state);
            requests.answer(id, IRequests.Answer(said), "words");
        }
        vm.startPrank(_account(2));
        _expectWrongState(id, state);
        requests.reply(id, "words");
        _expectWrongState(id, state);
        requests.withdraw(id);
        vm.stopPrank();
    }

    function _expectWrongState(uint256 id, IRequests.RequestState state) private {
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestsWrongState.selector, id, state));
    }
}
