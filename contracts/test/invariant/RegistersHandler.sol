// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegister} from "../../src/interfaces/IConsentRegister.sol";
import {IRequests} from "../../src/interfaces/IRequests.sol";
import {ConsentTest} from "../base/ConsentTest.sol";

/// @notice Plays a careless steward, people who withdraw in every way, and owners and askers who talk to each other. It
/// remembers what happened, and whether an edge was taken that there is not.
contract RegistersHandler is ConsentTest {
    uint256 private constant PEOPLE = 8;

    mapping(bytes32 leaf => bool) public taken;
    bytes32[] public takenLeaves;
    uint64 public mostLeaves;
    uint256 public bits;
    uint256 public posted;
    mapping(uint256 requestId => IRequests.RequestState) public states;
    bool public edgesHeld = true;

    constructor() {
        super.setUp();
    }

    function setUp() public override {}

    function consentRegister() external view returns (IConsentRegister) {
        return register;
    }

    function requestBook() external view returns (IRequests) {
        return requests;
    }

    function takenCount() external view returns (uint256) {
        return takenLeaves.length;
    }

    /// @notice Whether the ledger calls a consent live when it is shown the proofs of the newest posting.
    function isLive(uint256 index) external view returns (bool) {
        return _isLive(_leaf(uint64(index)), _hashes(posted), bits);
    }

    function leafHash(uint256 index) external view returns (bytes32) {
        return register.leafHash(_leaf(uint64(index)));
    }

    // ------------------------------------------------------------------------------------------------------- registers

    /// @notice The steward posts any number of leaves and any status, also fewer than before, also withdrawn ones again.
    function post(uint256 word) external {
        uint256 count = _between(word, 1, PEOPLE);
        bytes32[] memory hashes = _hashes(count);
        uint256 status = word >> 128;
        bytes32 statusRoot = _root(_words(count, status));
        vm.prank(_account(1));
        try register.post(1, _root(hashes), uint64(count), statusRoot) {
            (posted, bits) = (count, status);
            if (count > mostLeaves) mostLeaves = uint64(count);
        } catch {}
    }

    /// @notice A person withdraws by call or signature, with a proof of the newest posting.
    function withdraw(uint256 word) external {
        if (posted == 0) return;
        uint64 index = uint64(word % posted);
        bytes32[] memory hashes = _hashes(posted);
        bytes32[] memory proof = _proof(hashes, index);
        if (word >> 64 & 1 == 0) {
            vm.prank(vm.addr(HOLDER));
            try register.withdraw(_leaf(index), proof) {
                _take(hashes[index]);
            } catch {}
        } else {
            bytes memory signature = _signature(hashes[index], word >> 65 & 1 == 0 ? HOLDER : GUARDIAN);
            try register.withdrawBySignature(_leaf(index), proof, type(uint256).max, vm.addr(HOLDER), signature) {
                _take(hashes[index]);
            } catch {}
        }
    }

    /// @notice Time passes, and the steward is suspended or reinstated.
    function disturb(uint256 word) external {
        vm.warp(vm.getBlockTimestamp() + word % 1000);
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            if (membership.isActive(1)) {
                try membership.suspend(1) {} catch {}
            } else {
                try membership.reinstate(1) {} catch {}
            }
        }
    }

    function _take(bytes32 leaf) private {
        if (taken[leaf]) edgesHeld = false; // a second time must not work
        taken[leaf] = true;
        takenLeaves.push(leaf);
    }

    function _signature(bytes32 leaf, uint256 key) private view returns (bytes memory) {
        bytes32 kind = keccak256("Withdraw(bytes32 leaf,uint256 deadline)");
        bytes32 domain = _domain("AI Commons Consent Register", "1", address(register));
        return _sign(key, domain, keccak256(abi.encode(kind, leaf, type(uint256).max)));
    }

    // -------------------------------------------------------------------------------------------------------- requests

    /// @notice Somebody asks, answers, replies or withdraws, allowed or not.
    function talk(uint256 word) external {
        uint256 id = _between(word, 1, 4);
        vm.prank(_account(_between(word >> 16, 1, 2)));
        uint256 act = word >> 32 & 7;
        if (act == 0) {
            try requests.ask(1, 0, "why") {} catch {}
        } else if (act < 4) {
            try requests.answer(id, IRequests.Answer(act - 1), "words") {} catch {}
        } else if (act < 6) {
            try requests.reply(id, "words") {} catch {}
        } else {
            try requests.withdraw(id) {} catch {}
        }
        _follow();
    }

    function _follow() private {
        for (uint256 id = 1; id <= requests.count(); ++id) {
            IRequests.RequestState state = requests.request(id).state;
            if (state != states[id] && !_isEdge(uint8(states[id]), uint8(state))) edgesHeld = false;
            states[id] = state;
        }
    }

    /// @dev None → Open ↔ AskedBack, and from both to Approved, Denied, Withdrawn.
    function _isEdge(uint8 from, uint8 to) private pure returns (bool) {
        if (from == 0) return to == 1;
        if (from == 1) return to >= 2;
        return from == 2 && to != 0;
    }
}
