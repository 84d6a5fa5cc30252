// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {IAttestations} from "../../src/interfaces/IAttestations.sol";
import {IDataRegistry} from "../../src/interfaces/IDataRegistry.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IProblems} from "../../src/interfaces/IProblems.sol";
import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Authority} from "../../src/types/Authority.sol";
import {RunState, RunView, SeatView} from "../../src/types/RunTypes.sol";
import {Vm} from "./Vm.sol";

/// @notice A finished run, its members and its problem as `ModelRegistry` asks for them: member 1 is the solver, member 2 owns
/// the problem, and the participants count from 3.
contract FinishedRun {
    uint32 private immutable _solverShares;
    uint32 private immutable _ownerShares;
    uint256 private immutable _members;

    constructor(uint32 solverShares, uint32 ownerShares, uint256 members) {
        (_solverShares, _ownerShares, _members) = (solverShares, ownerShares, members);
    }

    function run(bytes32) external view returns (RunView memory made) {
        (made.spec.solver, made.spec.solverShares, made.spec.ownerShares) = (1, _solverShares, _ownerShares);
        made.position.machine.state = RunState.Completed;
        made.position.machine.roundsDone = 1;
        made.position.machine.summed = uint48((1 << _members) - 1);
    }

    function seats(bytes32) external view returns (SeatView[] memory records) {
        records = new SeatView[](_members);
        for (uint256 i; i < _members; ++i) {
            records[i].memberId = i + 3;
        }
    }

    function isAgreedState(bytes32, bytes32) external pure returns (bool) {
        return true;
    }

    function ownerOf(bytes32) external pure returns (uint256) {
        return 2;
    }

    function problem(bytes32) external pure returns (IProblems.Problem memory stated) {
        stated.owner = 2;
    }

    function memberOf(address) external pure returns (uint256) {
        return 1;
    }

    function isActive(uint256) external pure returns (bool) {
        return true;
    }

    function purposeBit(bytes32) external pure returns (bool, uint8) {
        return (true, 0);
    }
}

/// @notice Registers the model of a finished run and adds its shares up.
abstract contract SharesTest {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant ALL_SHARES = 1_000_000;

    function _assertSum(uint32 solverShares, uint32 ownerShares, uint256 members) internal {
        vm.assume(solverShares <= ALL_SHARES && ownerShares <= ALL_SHARES - solverShares);
        address run = address(new FinishedRun(solverShares, ownerShares, members));
        ModelRegistry models = new ModelRegistry(
            IMembership(run),
            IProblems(run),
            IDataRegistry(run),
            ITrainingRuns(run),
            IAttestations(address(0xA7)),
            IVault(address(0xA8)),
            IModelRegistry.AuditRules(1, 0),
            Authority(address(0x71), address(0xF0))
        );
        models.register("run", "card", "state", "licence");
        uint256 sum;
        for (uint256 id = 1; id < members + 3; ++id) {
            uint256 shares = models.sharesOf("run", id);
            unchecked {
                sum += shares; // a few parts of a million each
            }
        }
        assert(sum == ALL_SHARES);
    }
}
