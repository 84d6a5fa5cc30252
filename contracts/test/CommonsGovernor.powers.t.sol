// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentRegister} from "../src/ConsentRegister.sol";
import {Guardianships} from "../src/Guardianships.sol";
import {Requests} from "../src/Requests.sol";
import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IProblems} from "../src/interfaces/IProblems.sol";
import {GovernanceTest} from "./base/GovernanceTest.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";

/// @notice Whatever the members' vote alone may do is refused to everybody else, whoever deployed included.
contract CommonsGovernorPowersTest is GovernanceTest {
    /// @dev One privileged call. `error` is what every other caller gets.
    struct Power {
        address target;
        bytes data;
        bytes4 error;
    }

    Power[] private _powers;
    address[] private _governed;

    function setUp() public override {
        super.setUp();
        Guardianships guardianships = new Guardianships(membership, _authority());
        _governed = [
            address(membership),
            address(commonsGovernor),
            address(attestations),
            address(vault),
            address(bonds),
            address(data),
            address(problems),
            address(runs),
            address(models),
            address(guardianships),
            address(new ConsentRegister(membership, data, guardianships, _authority())),
            address(new Requests(membership, data, _authority()))
        ];
        for (uint256 i; i < _governed.length; ++i) {
            _add(_governed[i], abi.encodeCall(IGoverned.setSuccessor, (address(this))));
        }
        _addMembership();
        _addOthers();
        _addGovernor();
        _addTimelock();
    }

    /// @dev What a contract of ours refuses. Every function that only the timelock may call has its row here; a Python
    /// test (tests/contracts/test_powers.py) reads the sources and holds the rows to it.
    function _add(address target, bytes memory call) private {
        _powers.push(Power(target, call, IGoverned.GovernedNotTimelock.selector));
    }

    function _addMembership() private {
        _add(address(membership), _grantAuditor(2));
        _add(address(membership), abi.encodeCall(IMembership.revokeRole, (2, IMembership.Role.Auditor)));
        _add(address(membership), abi.encodeCall(IMembership.expel, (2)));
        _add(address(membership), abi.encodeCall(IMembership.setRegistrars, (_registrars(), 1)));
    }

    function _addOthers() private {
        _add(address(data), abi.encodeCall(IDataRegistry.changeBanned, (0, 0)));
        _add(address(problems), abi.encodeCall(IProblems.setRules, (IProblems.ProblemRules(1, 1))));
        _add(address(problems), abi.encodeCall(IProblems.resolve, (bytes32("problem"), 0, true)));
        _add(address(models), abi.encodeCall(IModelRegistry.suspend, (bytes32("model"), "why")));
        _add(address(models), abi.encodeCall(IModelRegistry.resume, (bytes32("model"))));
        _add(address(models), abi.encodeCall(IModelRegistry.setAuditRules, (IModelRegistry.AuditRules(1, 1))));
    }

    function _addGovernor() private {
        address governor = address(commonsGovernor);
        bytes4 refused = IGovernor.GovernorOnlyExecutor.selector;
        _powers.push(Power(governor, abi.encodeCall(GovernorSettings.setVotingDelay, (0)), refused));
        _powers.push(Power(governor, abi.encodeCall(GovernorSettings.setVotingPeriod, (1)), refused));
        _powers.push(Power(governor, abi.encodeCall(GovernorSettings.setProposalThreshold, (0)), refused));
        _powers.push(Power(governor, abi.encodeCall(GovernorVotesQuorumFraction.updateQuorumNumerator, (0)), refused));
        _powers.push(Power(governor, abi.encodeCall(GovernorTimelockControl.updateTimelock, (timelock)), refused));
        _powers.push(
            Power(governor, abi.encodeCall(Governor.relay, (address(membership), 0, _grantAuditor(2))), refused)
        );
    }

    function _addTimelock() private {
        address lock = address(timelock);
        bytes4 refused = IAccessControl.AccessControlUnauthorizedAccount.selector;
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes memory grant = _grantAuditor(2);
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(address(membership), grant);
        _powers.push(
            Power(lock, abi.encodeCall(timelock.schedule, (address(membership), 0, grant, 0, 0, 2 days)), refused)
        );
        _powers.push(
            Power(lock, abi.encodeCall(timelock.scheduleBatch, (targets, values, datas, 0, 0, 2 days)), refused)
        );
        _powers.push(Power(lock, abi.encodeCall(timelock.cancel, (0)), refused));
        _powers.push(Power(lock, abi.encodeCall(timelock.grantRole, (proposer, address(this))), refused));
        _powers.push(Power(lock, abi.encodeCall(timelock.revokeRole, (proposer, address(commonsGovernor))), refused));
        _powers.push(
            Power(
                lock, abi.encodeCall(timelock.updateDelay, (0)), TimelockController.TimelockUnauthorizedCaller.selector
            )
        );
        _powers.push(
            Power(
                lock,
                abi.encodeCall(timelock.execute, (address(membership), 0, grant, 0, 0)),
                TimelockController.TimelockUnexpectedOperationState.selector
            )
        );
    }

    function _expectRefused(Power storage power, address caller) private {
        vm.prank(caller);
        (bool done, bytes memory answer) = power.target.call(power.data);
        vm.assertFalse(done, "a power without a vote");
        vm.assertEq(bytes32(bytes4(answer)), bytes32(power.error));
    }

    /// @dev Rows of callers: who deployed, a registrar, a member, the governor, a contract of the commons, nobody.
    function test_powers_areTheTimelocksAlone() public {
        address[6] memory callers =
            [address(this), _registrar(0), _account(1), address(models), address(vault), address(0xBAD)];
        for (uint256 i; i < _powers.length; ++i) {
            for (uint256 j; j < callers.length; ++j) {
                _expectRefused(_powers[i], callers[j]);
            }
        }
    }

    function test_powers_areTheTimelocksAlone_whoeverCalls(address caller, uint256 row) public {
        vm.assume(caller != address(timelock) && caller != address(commonsGovernor) && caller != address(forwarder));
        _expectRefused(_powers[row % _powers.length], caller);
    }

    /// @dev Nor does the governor itself have any of our contracts' powers: what it decides goes through the timelock.
    function test_governor_hasNoPowerOfItsOwn() public {
        for (uint256 i; i < _powers.length; ++i) {
            if (_powers[i].target == address(timelock)) continue; // it schedules there: that is its one job
            _expectRefused(_powers[i], address(commonsGovernor));
        }
    }

    /// @dev What a member signs for the forwarder is done in the member's name, so it is refused as well.
    function test_forwarder_bringsNoPower(uint256 row) public {
        Power storage power = _powers[row % _governed.length];
        ERC2771Forwarder.ForwardRequestData memory request = _request(1, power.target, power.data);
        vm.expectRevert(abi.encodeWithSelector(Errors.FailedCall.selector));
        forwarder.execute(request);
        vm.assertEq(IGoverned(power.target).successor(), address(0));
    }

    /// @dev The governor is the timelock's only proposer and canceller, everybody may execute, nobody is its admin.
    function test_timelock_listensToTheGovernorAlone(address account) public view {
        vm.assume(account != address(commonsGovernor) && account != address(timelock));
        vm.assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), account));
        vm.assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), account));
        vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), account));
        vm.assertTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), address(commonsGovernor)));
        vm.assertTrue(timelock.hasRole(timelock.CANCELLER_ROLE(), address(commonsGovernor)));
        vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(commonsGovernor)));
        vm.assertTrue(timelock.hasRole(timelock.EXECUTOR_ROLE(), address(0)));
    }

    /// @dev Whoever deployed is neither registrar nor member, has no vote, and every contract's admin is the timelock.
    function test_deployer_holdsNothing() public view {
        vm.assertFalse(membership.isRegistrar(address(this)));
        vm.assertEq(membership.memberOf(address(this)), 0);
        vm.assertEq(membership.getVotes(address(this)), 0);
        for (uint256 i; i < _governed.length; ++i) {
            vm.assertEq(IGoverned(_governed[i]).admin(), address(timelock));
            vm.assertEq(IGoverned(_governed[i]).successor(), address(0));
        }
        vm.assertEq(commonsGovernor.timelock(), address(timelock));
    }

    /// @dev A successor is named by a vote, for any of the contracts.
    function test_successor_isNamedByAVote(uint256 row) public {
        address target = _governed[row % _governed.length];
        _decide(target, abi.encodeCall(IGoverned.setSuccessor, (address(this))));
        vm.assertEq(IGoverned(target).successor(), address(this));
    }

    /// @dev Rows of successors that are none: nobody, an account, the contract itself.
    function test_successor_failsIfItIsNoOtherContract() public {
        for (uint256 i; i < _governed.length; ++i) {
            address[3] memory bad = [address(0), _account(1), _governed[i]];
            for (uint256 j; j < bad.length; ++j) {
                vm.expectRevert(abi.encodeWithSelector(IGoverned.GovernedSuccessorInvalid.selector, bad[j]));
                vm.prank(address(timelock));
                IGoverned(_governed[i]).setSuccessor(bad[j]);
            }
        }
    }
}
