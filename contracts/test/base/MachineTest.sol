// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "./CommonsTest.sol";

/// @notice Holds a contract to one machine of `vectors/machines.json`: every call is made in every state. Where the table has
/// edges the call has to take each of them, everywhere else it has to be refused with the table's error and change nothing.
abstract contract MachineTest is CommonsTest {
    struct Edge {
        string from;
        string to;
        string call;
        string refusal;
    }

    bytes32 internal constant TIME = keccak256("time");
    bytes32 private constant NEVER = keccak256("never happens here");

    string private table;
    Edge[] private edges;

    /// @dev The machine's name in the table.
    function _named() internal pure virtual returns (string memory);

    /// @dev Brings the subject from nothing into a state, given as keccak256 of its name.
    function _reach(bytes32 state) internal virtual;

    /// @dev The same where one call leads to several states: so that it leads to `to`.
    function _reachFor(bytes32 state, bytes32) internal virtual {
        _reach(state);
    }

    /// @dev Whether this driver takes the edge, or expects the refusal where `to` is empty. Recorded runs take the others.
    function _drives(bytes32, bytes32, string memory) internal view virtual returns (bool) {
        return true;
    }

    /// @dev Makes a call of the table, given as keccak256 of its words, as somebody who may, at a time when it may be made.
    function _send(bytes32 call) internal virtual returns (bool done, bytes memory answer);

    /// @dev The name of the state in which the subject is.
    function _where() internal view virtual returns (string memory);

    /// @dev Every row of the table is taken; every call of it is refused in every state that has no row for it.
    function test_machine_takesItsEdgesAndNoOthers() public {
        _read();
        for (uint256 j; j < edges.length; ++j) {
            if (_drives(_id(edges[j].from), _id(edges[j].call), edges[j].to)) _take(edges[j]);
        }
        string[] memory states = vm.parseJsonKeys(table, string.concat(".", _named(), ".states"));
        for (uint256 i; i < states.length; ++i) {
            if (_id(_cell(string.concat(".", _named(), ".states"), states[i])) == NEVER) continue;
            for (uint256 j; j < edges.length; ++j) {
                if (_isFirst(j) && !_leads(states[i], edges[j].call)) _refuse(states[i], edges[j]);
            }
        }
    }

    function _take(Edge memory edge) private {
        uint256 before = vm.snapshotState();
        _reachFor(_id(edge.from), _id(edge.to));
        string memory at = string.concat(_named(), ": ", edge.call, " in ", edge.from, " to ", edge.to);
        vm.assertEq(_where(), edge.from, at);
        (bool done,) = _send(_id(edge.call));
        vm.assertTrue(done, string.concat(at, " is refused"));
        vm.assertEq(_where(), edge.to, at);
        vm.revertToState(before);
    }

    /// @dev Time has no refusal: where it has no row it changes nothing, and nobody calls it.
    function _refuse(string memory state, Edge memory edge) private {
        bool told = bytes(edge.refusal).length != 0 && _drives(_id(state), _id(edge.call), "");
        if (!told || _id(edge.call) == TIME) return;
        uint256 before = vm.snapshotState();
        _reach(_id(state));
        string memory at = string.concat(_named(), ": ", edge.call, " in ", state);
        vm.assertEq(_where(), state, at);
        (bool done, bytes memory answer) = _send(_id(edge.call));
        vm.assertFalse(done, string.concat(at, " is taken"));
        vm.assertEq(bytes32(_selector(answer)), bytes32(_refusal(state, edge)), at);
        vm.assertEq(_where(), state, at);
        vm.revertToState(before);
    }

    // ------------------------------------------------------------------------------------------------------- the table

    function _read() private {
        table = vm.readFile("../vectors/machines.json");
        for (uint256 i; vm.keyExistsJson(table, _row("edges", i)); ++i) {
            string memory row = _row("edges", i);
            edges.push(Edge(_cell(row, "from"), _cell(row, "to"), _cell(row, "call"), _cell(row, "error")));
        }
        vm.assertGe(edges.length, 1, _named());
    }

    function _row(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(".", _named(), ".", list, "[", vm.toString(index), "]");
    }

    function _cell(string memory row, string memory field) private view returns (string memory) {
        return vm.parseJsonString(table, string.concat(row, ".", field));
    }

    /// @dev Whether no edge before it has the same call.
    function _isFirst(uint256 index) private view returns (bool) {
        for (uint256 i; i < index; ++i) {
            if (_id(edges[i].call) == _id(edges[index].call)) return false;
        }
        return true;
    }

    /// @dev Whether the call leads anywhere from the state.
    function _leads(string memory state, string memory call) private view returns (bool) {
        for (uint256 i; i < edges.length; ++i) {
            if (_id(edges[i].from) == _id(state) && _id(edges[i].call) == _id(call)) return true;
        }
        return false;
    }

    function _refusal(string memory state, Edge memory edge) private view returns (bytes4) {
        for (uint256 i; vm.keyExistsJson(table, _row("otherwise", i)); ++i) {
            string memory row = _row("otherwise", i);
            bool named = _id(_cell(row, "state")) == _id(state) && _id(_cell(row, "call")) == _id(edge.call);
            if (named) return _selectorOf(_cell(row, "error"));
        }
        return _selectorOf(edge.refusal);
    }

    function _id(string memory words) internal pure returns (bytes32) {
        return keccak256(bytes(words));
    }

    function _selectorOf(string memory signature) private pure returns (bytes4) {
        return bytes4(_id(signature));
    }

    function _selector(bytes memory answer) private pure returns (bytes4 found) {
        if (answer.length >= 4) found = bytes4(bytes32(answer));
    }
}
