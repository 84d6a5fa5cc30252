// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Requests} from "../../src/Requests.sol";
import {IRequests} from "../../src/interfaces/IRequests.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice The machine "request" of vectors/machines.json: member 2 asks for member 1's dataset.
contract RequestMachineTest is MachineTest {
    string private constant ANSWER = "answer(uint256,uint8,bytes32) ";

    Requests private requests;

    function setUp() public override {
        super.setUp();
        requests = new Requests(membership, data, _authority());
        _admit(1, 2);
        _list(1);
    }

    function _named() internal pure override returns (string memory) {
        return "request";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("ask(uint256,bytes32,bytes32)"));
        if (state == _id("AskedBack")) _answer(IRequests.Answer.AskBack);
        if (state == _id("Approved")) _answer(IRequests.Answer.Approve);
        if (state == _id("Denied")) _answer(IRequests.Answer.Deny);
        if (state == _id("Withdrawn")) _send(_id("withdraw(uint256)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        if (call == _id(string.concat(ANSWER, "AskBack"))) return _answer(IRequests.Answer.AskBack);
        if (call == _id(string.concat(ANSWER, "Approve"))) return _answer(IRequests.Answer.Approve);
        if (call == _id(string.concat(ANSWER, "Deny"))) return _answer(IRequests.Answer.Deny);
        if (call == _id("reply(uint256,bytes32)")) return _as(2, abi.encodeCall(IRequests.reply, (1, "document")));
        if (call == _id("withdraw(uint256)")) return _as(2, abi.encodeCall(IRequests.withdraw, (1)));
        vm.assertTrue(call == _id("ask(uint256,bytes32,bytes32)"), "a call of the table has no driver");
        return _as(2, abi.encodeCall(IRequests.ask, (1, "run", "document")));
    }

    function _where() internal view override returns (string memory) {
        IRequests.RequestState state = requests.request(1).state;
        if (state == IRequests.RequestState.Open) return "Open";
        if (state == IRequests.RequestState.AskedBack) return "AskedBack";
        if (state == IRequests.RequestState.Approved) return "Approved";
        if (state == IRequests.RequestState.Denied) return "Denied";
        return state == IRequests.RequestState.Withdrawn ? "Withdrawn" : "None";
    }

    function _answer(IRequests.Answer said) private returns (bool, bytes memory) {
        return _as(1, abi.encodeCall(IRequests.answer, (1, said, "document")));
    }

    function _as(uint256 memberId, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(_account(memberId));
        return address(requests).call(call);
    }
}
