// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cells} from "../../src/libraries/Cells.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {RunLib} from "../../src/libraries/RunLib.sol";
import {RunSpec} from "../../src/types/RunTypes.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice Makes library functions callable at the address that the vectors name.
contract KnownAnswersHarness {
    function runOf(RunSpec calldata spec) external pure returns (bytes32) {
        return Messages.runOf(spec);
    }

    function sidOf(bytes32 runId, uint32 round, uint16 attempt, bytes32 stateDigest, bytes32 committee)
        external
        view
        returns (bytes32)
    {
        return Messages.sidOf(address(this), runId, round, attempt, stateDigest, committee);
    }

    function recover(bytes32 digest, bytes calldata signature) external pure returns (address signer) {
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
    }
}

/// @notice EIP-5267: what a contract says that its signatures are for.
interface IEIP712Domain {
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
}

/// @notice Holds what the contracts hash and recover to the known answers that Python is held to: `vectors/ids/`,
/// `vectors/encoding/` and, where the ledger computes it too, `vectors/secagg/`. Their generators are Python's.
contract KnownAnswersTest is CommonsTest {
    address private constant PLACE = 0xC0C0c0c0C0C0c0c0c0C0c0C0C0C0C0C0C0C0c0c0;
    KnownAnswersHarness private harness;

    function setUp() public override {
        super.setUp();
        vm.etch(PLACE, address(new KnownAnswersHarness()).code);
        harness = KnownAnswersHarness(PLACE);
    }

    // --------------------------------------------------------------------------------------------------------- reading

    function _read(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("../vectors/", name));
    }

    /// @dev The path of row `i` of a file that is a list.
    function _row(uint256 i) private pure returns (string memory) {
        return string.concat("$[", vm.toString(i), "]");
    }

    function _word(string memory json, string memory row, string memory field) private pure returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(row, ".", field));
    }

    function _number(string memory json, string memory row, string memory field) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(row, ".", field));
    }

    function _spec(string memory json, string memory row) private pure returns (RunSpec memory spec) {
        row = string.concat(row, ".spec");
        spec.problem = _word(json, row, "problem");
        spec.plan = _word(json, row, "plan");
        spec.terms = _word(json, row, "terms");
        spec.purpose = _word(json, row, "purpose");
        spec.solver = _number(json, row, "solver");
        spec.rounds = uint32(_number(json, row, "rounds"));
        spec.minParticipants = uint16(_number(json, row, "min_participants"));
        spec.maxParticipants = uint16(_number(json, row, "max_participants"));
        spec.layout = uint8(_number(json, row, "layout"));
        spec.cellSize = uint8(_number(json, row, "cell_size"));
        spec.suite = uint8(_number(json, row, "suite"));
        spec.maxAttempts = uint16(_number(json, row, "max_attempts"));
        spec.enrolUntil = uint64(_number(json, row, "enrol_until"));
        spec.phaseSeconds = uint32(_number(json, row, "phase_seconds"));
        spec.patienceSeconds = uint32(_number(json, row, "patience_seconds"));
        spec.solverShares = uint32(_number(json, row, "solver_shares"));
        spec.ownerShares = uint32(_number(json, row, "owner_shares"));
        spec.bond = _number(json, row, "bond");
        spec.token = vm.parseJsonAddress(json, string.concat(row, ".token"));
        spec.commercial = _number(json, row, "commercial") == 1;
        spec.price = _number(json, row, "price");
        spec.salt = _word(json, row, "salt");
    }

    // ---------------------------------------------------------------------------------------------------- vectors/ids/

    /// @dev A run's id is the hash of its terms, from the smallest to the largest values of every field.
    function test_runId_isTheKnownAnswer() public view {
        string memory json = _read("ids/run_ids.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            vm.assertEq(harness.runOf(_spec(json, _row(i))), _word(json, _row(i), "run_id"), vm.toString(i));
        }
        vm.assertGe(i, 3, "rows");
    }

    /// @dev A purpose stands on the ledger as the hash of its code.
    function test_purpose_isTheKnownAnswer() public view {
        bytes32 purpose = _spec(_read("ids/run_ids.json"), _row(0)).purpose;
        vm.assertEq(purpose, keccak256("DUO:0000007"));
    }

    /// @dev Roster, committee, sid, set and inputs of small and large rosters.
    function test_digests_areTheKnownAnswers() public view {
        string memory json = _read("ids/digests.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            _checkDigests(json, _row(i));
        }
        vm.assertGe(i, 3, "rows");
    }

    /// @dev The first row is the one that the specification prints, so that no generator can drift away from it.
    function test_firstRow_isTheSpecifications() public view {
        string memory json = _read("ids/digests.json");
        vm.assertEq(bytes32(bytes8(_word(json, _row(0), "roster"))), bytes32(bytes8(0x844acb2543aff4ff)));
        vm.assertEq(bytes32(bytes8(_word(json, _row(0), "committee"))), bytes32(bytes8(0x3c30ff89ae618caa)));
        vm.assertEq(bytes32(bytes8(_word(json, _row(0), "set_digest"))), bytes32(bytes8(0xbcc9702a9f490b21)));
        bytes32 sid = 0x539ca31120dbec8efafcca25206f9b7754956067aff27dcb963dc13528205714;
        vm.assertEq(_word(json, _row(0), "sid"), sid);
    }

    function _checkDigests(string memory json, string memory row) private view {
        uint256[] memory ids = vm.parseJsonUintArray(json, string.concat(row, ".member_ids"));
        address[] memory keys = vm.parseJsonAddressArray(json, string.concat(row, ".node_keys"));
        bytes32[] memory points = vm.parseJsonBytes32Array(json, string.concat(row, ".points"));
        bytes32[] memory headers = vm.parseJsonBytes32Array(json, string.concat(row, ".header_digests"));
        bytes32 runId = _word(json, row, "run_id");
        vm.assertEq(_number(json, row, "chain_id"), block.chainid);
        vm.assertEq(vm.parseJsonAddress(json, string.concat(row, ".contract")), PLACE);
        vm.assertEq(Messages.rosterOf(runId, ids, keys), _word(json, row, "roster"), "roster");
        bytes32 committee =
            Messages.committeeOf(_word(json, row, "roster"), 0, uint8(_number(json, row, "layout")), points);
        vm.assertEq(committee, _word(json, row, "committee"), "committee");
        bytes32 sid = harness.sidOf(
            runId,
            uint32(_number(json, row, "round")),
            uint16(_number(json, row, "attempt")),
            _word(json, row, "state_digest"),
            committee
        );
        vm.assertEq(sid, _word(json, row, "sid"), "sid");
        vm.assertEq(Messages.setOf(ids), _word(json, row, "set_digest"), "set");
        vm.assertEq(Messages.inputsOf(sid, ids, headers), _word(json, row, "input_digest"), "inputs");
    }

    /// @dev Seeds, rosters and the cells that they make, from 3 to 48 seats.
    function test_cells_areTheKnownAnswers() public view {
        string memory json = _read("ids/cells.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            string memory row = _row(i);
            uint256[] memory ids = vm.parseJsonUintArray(json, string.concat(row, ".member_ids"));
            uint48[] memory drawn = Cells.draw(_word(json, row, "seed"), ids, _number(json, row, "cell_size"));
            uint256[] memory known = vm.parseJsonUintArray(json, string.concat(row, ".cells"));
            vm.assertEq(drawn.length, known.length, row);
            for (uint256 j; j < known.length; ++j) {
                vm.assertEq(drawn[j], known[j], row);
            }
        }
        vm.assertGe(i, 5, "rows");
    }

    // ----------------------------------------------------------------------------------------------- vectors/encoding/

    /// @dev The domain is the one that TrainingRuns itself announces, at the address of the vectors.
    function _domainOfRuns() private returns (bytes32) {
        vm.etch(PLACE, address(runs).code);
        (, string memory name, string memory version, uint256 chainId, address place,,) =
            IEIP712Domain(PLACE).eip712Domain();
        vm.assertEq(chainId, block.chainid);
        vm.assertEq(place, PLACE);
        return _domain(name, version, place);
    }

    /// @dev Every message has Python's EIP-712 digest, and Python's signature recovers to its signer.
    function test_messages_areTheKnownAnswers() public {
        string memory json = _read("encoding/messages.json");
        bytes32[7] memory hashes = _structHashes(json);
        KnownAnswersHarness free = new KnownAnswersHarness();
        bytes32 domain = _domainOfRuns();
        for (uint256 i; i < hashes.length; ++i) {
            bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain, hashes[i]));
            string memory row = _row(i);
            vm.assertEq(digest, _word(json, row, "digest"), vm.parseJsonString(json, string.concat(row, ".type")));
            bytes memory signature = vm.parseJsonBytes(json, string.concat(row, ".signature"));
            vm.assertEq(free.recover(digest, signature), vm.parseJsonAddress(json, string.concat(row, ".signer")));
        }
        vm.assertFalse(vm.keyExistsJson(json, _row(hashes.length)), "a message without its check");
    }

    function _structHashes(string memory json) private pure returns (bytes32[7] memory hashes) {
        string memory row = "$[0].message";
        uint256 id = _number(json, row, "member_id");
        hashes[0] = Messages.hashAck(
            _word(json, row, "roster"),
            uint32(_number(json, row, "epoch")),
            id,
            _word(json, row, "point"),
            _word(json, row, "pok_r"),
            _word(json, row, "pok_z")
        );
        bytes32 sid = _word(json, "$[1].message", "sid");
        hashes[1] = Messages.hashSubmit(sid, id, _word(json, "$[1].message", "header_digest"));
        row = "$[2].message";
        hashes[2] = Messages.hashCommit(
            sid, id, _word(json, row, "set_digest"), _word(json, row, "input_digest"), _word(json, row, "masks")
        );
        row = "$[3].message";
        hashes[3] = Messages.hashReveal(
            sid, id, _word(json, row, "salt"), _word(json, row, "mine"), _word(json, row, "document")
        );
        row = "$[4].message";
        hashes[4] = Messages.hashResult(sid, id, _word(json, row, "sum_digest"), _word(json, row, "state_digest"));
        for (uint256 i = 5; i < 7; ++i) {
            row = string.concat(_row(i), ".message");
            hashes[i] = Messages.hashExit(_word(json, row, "run_id"), id, uint32(_number(json, row, "last_round")));
        }
    }

    /// @dev What Python refuses as a signature recovers to nobody here.
    function test_badSignatures_recoverToNobody() public view {
        string memory json = _read("encoding/signatures_bad_bytes.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            string memory path = string.concat(_row(i), ".signature");
            bool empty = bytes(vm.parseJsonString(json, path)).length == 0; // no hexadecimal for Foundry
            bytes memory signature = empty ? bytes("") : vm.parseJsonBytes(json, path);
            address signer = harness.recover(_word(json, _row(i), "digest"), signature);
            vm.assertTrue(signer == address(0), vm.parseJsonString(json, string.concat(_row(i), ".name")));
        }
        vm.assertGe(i, 9, "rows");
    }

    // ------------------------------------------------------------------------------------------------- vectors/secagg/

    /// @dev The salted commitment that a Reveal opens is the one that Python's members make.
    function test_masks_areTheKnownAnswers() public view {
        string memory json = _read("secagg/rounds.json");
        bytes32 sid = vm.parseJsonBytes32(json, "$.sid");
        uint256[] memory ids = vm.parseJsonUintArray(json, "$.member_ids");
        for (uint256 i; i < ids.length; ++i) {
            string memory row = string.concat("$.rounds[0].claims['", vm.toString(ids[i]), "']");
            bytes32 masks = Messages.masksOf(sid, ids[i], _word(json, row, "salt"), _word(json, row, "mine"));
            vm.assertEq(masks, _word(json, row, "masks"), vm.toString(ids[i]));
        }
        vm.assertGe(ids.length, 3, "members");
    }

    /// @dev Layout, f and q of every roster that Python has a layout for.
    function test_layouts_areTheKnownAnswers() public view {
        string memory json = _read("secagg/layouts.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            string memory row = _row(i);
            uint256 members = _number(json, row, "members");
            uint8 layout = uint8(_number(json, row, "layout"));
            vm.assertEq(RunLib.layoutOf(members, layout), layout, "layout");
            uint8 faults = RunLib.faultsOf(members, layout);
            vm.assertEq(faults, _number(json, row, "faults"), "f");
            vm.assertEq(RunLib.quorumOf(members, faults), _number(json, row, "quorum"), "q");
        }
        vm.assertGe(i, 10, "rows");
    }
}
