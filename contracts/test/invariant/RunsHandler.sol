// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Absence, Machine, Phase, PhaseView, RunSpec, RunState} from "../../src/types/RunTypes.sol";
import {VerdictsTest} from "../base/VerdictsTest.sol";

/// @notice Plays one run at random: honest seats, absent ones, ones that try anything, owners that revoke. It keeps its
/// own book of what was accepted and decides from that alone whether a rule broke, so that a mistake in `RunLib` cannot
/// excuse itself. Actions that are due must succeed; only `attack` may be refused.
contract RunsHandler is VerdictsTest {
    uint256 public constant BOND = 3;
    uint256 public immutable participants;
    uint256 private immutable _quorum;

    // Rules; one invariant each.
    bool public twoSets;
    bool public revealWithoutCertificate;
    bool public deadConsent;
    bool public deadInFirstSet;
    bool public waitingDropped;
    bool public honestPutOut;
    bool public wrongEdge;
    bool public lostState;
    bool public tooFewStayed;
    bool public votedTwice;
    bool public agreedWithoutQuorum;
    bool public completedEarly;
    bool public bondReturnedEarly;
    bool public bondKept;
    bool public slandered;

    // How often the walk got somewhere, so that the invariants are not vacuous.
    uint256 public certificates;
    uint256 public reveals;
    uint256 public submits;
    uint256 public repeats;
    uint256 public earlyTries;
    uint256 public drops;
    uint256 public slanders;

    struct Said {
        uint256 id;
        bytes32 sid;
        bytes32 state;
    }

    mapping(uint256 id => bool) private _revoked;
    Said[] private _all;
    mapping(bytes32 sid => uint256 seats) private _said;
    mapping(bytes32 attempt => mapping(bytes32 sid => uint256 seats)) private _votes;
    mapping(bytes32 attempt => mapping(bytes32 setDigest => uint256 seats)) private _certified;
    mapping(bytes32 attempt => uint256 seats) private _committed;
    uint256[] private _certifiedSets;
    uint256 private _exited;
    uint256 private _leftItself;
    bool private _paused;
    Machine private _last;

    constructor(uint256 n, uint256 quorum) payable {
        (participants, _quorum) = (n, quorum);
        super.setUp();
        _prepare(n);
        RunSpec memory terms = _spec(3, 48);
        (terms.rounds, terms.maxAttempts, terms.bond) = (5, 8, BOND);
        _open(terms);
        vault.deposit{value: BOND * n}(address(0), BOND * n);
        for (uint256 id = 1; id <= n; ++id) {
            vault.transfer(_account(id), 0, BOND);
        }
        for (uint256 id = 1; id <= n; ++id) {
            _enrol(id, id % 4 == 0 ? Absence.Wait : Absence.Exit);
        }
        _close();
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
        _last = _machine();
    }

    function setUp() public override {}

    // --------------------------------------------------------------------------------------------------------- actions

    /// @notice Up to all seats send what they owe.
    function due(uint256 word) external {
        uint256 messages = _between(word, 1, 2 * participants);
        for (uint256 i; i < messages; ++i) {
            _due(word >> 8, (word >> 32) + i);
        }
    }

    /// @notice A seat submits on another state.
    function odd(uint256 word) external {
        Machine memory m = _machine();
        uint256 seat = _next(m.set & ~m.arrived, word);
        if (!_going(m) || m.phase != Phase.Open || seat == NOBODY || _revoked[seat + 1]) return;
        bytes32 sid = runs.sidOf(runId, m.round, m.attempt, _state("other"));
        if (_said[sid] >> seat & 1 == 1) return;
        _submit(seat + 1, m.round, m.attempt, "other");
        _noteSubmit(Said(seat + 1, sid, _state("other")), m.round, m.attempt);
        _observe();
    }

    /// @notice Somebody sends again what stands on the ledger, as a vote of the present attempt or of the next round.
    function repeat(uint256 word) external {
        if (_all.length == 0) return;
        Machine memory m = _machine();
        (uint32 round, uint16 attempt) = m.phase == Phase.Unmasked ? (m.round + 1, 0) : (m.round, m.attempt);
        Said memory old = _all[word % _all.length];
        if (_trySaid(old, round, attempt)) votedTwice = true;
        ++repeats;
        _observe();
    }

    /// @notice Somebody sends now what a seat signed for an attempt to come.
    function voteEarly(uint256 word) external {
        Machine memory m = _machine();
        if (word % 3 != 0 || m.phase != Phase.Open || m.arrived & 1 != 0) return;
        (uint32 round, uint16 attempt) = word & 4 == 0 ? (m.round, m.attempt + 1) : (m.round + 1, 0);
        bytes32 state = _state(vm.toString(round));
        if (_trySaid(Said(1, runs.sidOf(runId, round, attempt, state), state), m.round, m.attempt)) votedTwice = true;
        ++earlyTries;
        _observe();
    }

    /// @notice Time passes and whoever wants advances the run.
    function pass(uint256 word) external {
        Machine memory m = _machine();
        if (word % 4 == 0) vm.warp(m.deadline);
        else _pass(_between(word >> 2, 1, PHASE));
        if (!_going(m) || vm.getBlockTimestamp() < m.deadline) return;
        runs.advance(runId);
        _noteExits();
        _observe();
    }

    /// @notice Anybody asks that a seat's bond goes back: it does once the run is over, to whoever paid it, and not before.
    function giveBack(uint256 word) external {
        uint256 id = _between(word, 1, participants);
        bool over = _machine().state > RunState.Paused;
        bool open = vault.lockOf(bonds.lockOf(runId, id)).state == IVault.LockState.Locked;
        try bonds.giveBack(runId, id) {
            bondReturnedEarly = bondReturnedEarly || !over;
        } catch {
            bondKept = bondKept || (over && open);
        }
    }

    /// @notice What the seats' bonds come to, locked or back with their members.
    function bondsHeld() external view returns (uint256 held) {
        held = vault.locked(address(0));
        for (uint256 id = 1; id <= participants; ++id) {
            held += vault.balanceOf(_account(id), 0);
        }
    }

    /// @notice An owner takes its consent back; rarely, or no run would get anywhere.
    function revoke(uint256 word) external {
        uint256 id = _between(word >> 8, 1, participants);
        if (word % 6 != 0 || _revoked[id]) return;
        vm.prank(_account(id));
        data.revoke(consentOf[id]);
        _revoked[id] = true;
    }

    /// @notice Anybody tries to put a seat out, whatever its consent.
    function drop(uint256 word) external {
        Machine memory m = _machine();
        uint256 id = _between(word, 1, participants);
        try runs.drop(runId, id) {
            if (!_revoked[id]) waitingDropped = true;
            if (m.setFixed && id % 4 == 0) waitingDropped = true;
            if (m.setFixed && _count(m.set) - 1 < _quorum) tooFewStayed = true;
            ++drops;
            _noteExits();
            _observe();
        } catch {}
    }

    /// @notice The first f seats say of anybody that it cheats or is silent, as often as they are heard.
    function slander(uint256 word) external {
        Machine memory m = _machine();
        uint256 liar = _between(word, 1, m.faults);
        uint256 named = _between(word >> 8, 1, participants);
        bytes32 caseDigest = word >> 16 & 1 == 0 ? CASE : bytes32(0);
        bytes memory signature = _verdictSignature(liar, _sid(), caseDigest, named);
        try verdicts.verdict(_here(liar), _sid(), caseDigest, named, signature) {
            ++slanders;
        } catch (bytes memory // most of it is refused: of oneself, twice, nobody silent
            ) {}
        m = _machine();
        if (verdicts.isConvicted(runId, named) || m.excluded | m.waived != 0) slandered = true;
        _observe();
    }

    /// @notice A seat tries to leave.
    function exit(uint256 word) external {
        Machine memory m = _machine();
        uint256 id = _between(word >> 8, 1, participants);
        bytes memory signature = _exitSignature(id, ANY_ROUND);
        if (word % 3 != 0) return;
        vm.prank(_account(id));
        try runs.exit(runId, id, ANY_ROUND, signature) {
            if (_count(m.set) - 1 < _quorum) tooFewStayed = true;
            _leftItself |= 1 << (id - 1);
            _noteExits();
            _observe();
        } catch {}
    }

    /// @notice Somebody sends any message with any key near the present one, validly signed; if it is accepted the book
    /// is kept as for an honest one.
    function attack(uint256 word) external {
        Machine memory m = _machine();
        uint256 id = _between(word, 1, participants);
        uint32 round = m.round + uint32((word >> 8) % 4);
        round = round == 0 ? 0 : round - 1;
        uint16 attempt = (word >> 16) % 3 == 0 ? uint16((word >> 24) % 8) : m.attempt;
        uint256 kind = (word >> 32) % 5;
        if (kind == 0) _trySubmit(id, round, attempt, (word >> 40) % 2 == 0 ? "other" : vm.toString(round));
        if (kind == 1) _tryCommit(id, round, attempt, (word >> 40) % 3 == 0 ? bytes32(word) : bytes32(0));
        if (kind == 2) _tryReveal(id, round, attempt);
        if (kind == 3) _tryResult(id, round, attempt);
        if (kind == 4) try runs.advance(runId) {} catch {}
        _noteExits();
        _observe();
    }

    // -------------------------------------------------------------------------------------------------------- messages

    uint256 private constant NOBODY = type(uint256).max;

    function _due(uint256 word, uint256 from) private {
        Machine memory m = _machine();
        if (!_going(m)) return;
        if (m.phase == Phase.Open) _dueSubmit(m.set & ~m.arrived, from, m.round, m.attempt);
        else if (m.phase == Phase.Submitted) _dueCommit(m, from);
        else if (m.phase == Phase.Fixed && m.committed & ~m.revealed == 0) _dueCommit(m, from);
        else if (m.phase == Phase.Fixed) _dueReveal(m, from);
        else if (m.round == 4) _tryResult(_between(from, 1, participants), m.round, m.attempt);
        else _dueSubmit(m.set, from, m.round + 1, 0);
        if (word % 16 == 0) _dueLate(m, from);
        _observe();
    }

    function _dueSubmit(uint48 open, uint256 from, uint32 round, uint16 attempt) private {
        uint256 seat = _next(open, from);
        if (seat == NOBODY || _revoked[seat + 1]) return;
        bytes32 sid = runs.sidOf(runId, round, attempt, _state(vm.toString(round)));
        if (_said[sid] >> seat & 1 == 1) return;
        _submit(seat + 1, round, attempt, vm.toString(round));
        _noteSubmit(Said(seat + 1, sid, _state(vm.toString(round))), round, attempt);
        ++submits;
    }

    function _dueCommit(Machine memory m, uint256 from) private {
        uint256 seat = _next(~m.committed, from);
        if (seat == NOBODY) return;
        uint256 early = _next(m.committed, from);
        if (m.phase == Phase.Submitted && early != NOBODY) _tryReveal(early + 1, m.round, m.attempt); // to be refused
        uint256 dead = m.setFixed ? 0 : _deadIn(m.set);
        bytes32 forged = dead == 0 && from % 4 == 0 ? keccak256("another set") : bytes32(0);
        bool isWrong = dead != 0 || forged != 0; // then it has to be refused
        if (isWrong && _tryCommit(seat + 1, m.round, m.attempt, forged)) return;
        if (dead != 0) {
            runs.drop(runId, dead);
            _noteExits();
            return;
        }
        bytes32 setDigest = runs.phaseOf(runId).setDigest;
        _commit(seat + 1, m.round, m.attempt);
        _noteCommit(seat + 1, m.round, m.attempt, setDigest, m.set);
    }

    /// @dev A seat of the set whose consent was revoked, 0 if there is none.
    function _deadIn(uint48 set) private view returns (uint256) {
        for (uint256 id = 1; id <= participants; ++id) {
            if (set >> (id - 1) & 1 == 1 && _revoked[id]) return id;
        }
        return 0;
    }

    function _dueReveal(Machine memory m, uint256 from) private {
        uint256 seat = _next(m.committed & ~m.revealed, from);
        _reveal(seat + 1, m.round, m.attempt);
        _noteReveal(seat + 1, m.round, m.attempt);
    }

    /// @dev A holder that missed the certificate catches up while the next round's Submits come in.
    function _dueLate(Machine memory m, uint256 from) private {
        uint256 seat = _next(~m.committed, from);
        if (m.phase != Phase.Open || m.agreed || m.round != m.sidRound + 1 || seat == NOBODY) return;
        if (_machine().agreed) return;
        _commit(seat + 1, m.sidRound, m.sidAttempt);
        _reveal(seat + 1, m.sidRound, m.sidAttempt);
    }

    function _trySubmit(uint256 id, uint32 round, uint16 attempt, string memory state) private {
        _trySaid(Said(id, runs.sidOf(runId, round, attempt, _state(state)), _state(state)), round, attempt);
    }

    /// @dev Sends what a seat signed, in an attempt which may be another one.
    function _trySaid(Said memory said, uint32 round, uint16 attempt) private returns (bool accepted) {
        bytes memory signature = _submitSignature(said.id, said.sid);
        bytes32 header = _header(said.id, said.sid);
        try runs.submit(_key(said.id, round, attempt), said.state, header, signature) {
            if (_revoked[said.id]) deadConsent = true;
            _noteSubmit(said, round, attempt);
            return true;
        } catch {}
    }

    /// @dev `forged` != 0: certifies another set than the ledger's.
    function _tryCommit(uint256 id, uint32 round, uint16 attempt, bytes32 forged) private returns (bool accepted) {
        PhaseView memory at = runs.phaseOf(runId);
        if (forged != 0) at.setDigest = forged;
        bytes memory signature = _commitSignature(id, at);
        bytes32 masks = _masks(id, at.sid);
        try runs.commit(_key(id, round, attempt), at.sid, at.setDigest, at.inputDigest, masks, signature) {
            _noteCommit(id, round, attempt, at.setDigest, at.machine.set);
            return true;
        } catch {}
    }

    function _tryReveal(uint256 id, uint32 round, uint16 attempt) private {
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _revealSignature(id, sid);
        try runs.reveal(_key(id, round, attempt), sid, _salt(id, sid), _mine(id, sid), "document", signature) {
            _noteReveal(id, round, attempt);
        } catch {}
    }

    function _tryResult(uint256 id, uint32 round, uint16 attempt) private {
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes32 state = _state(vm.toString(round + 1));
        bytes memory signature = _resultSignature(id, sid, state);
        try runs.result(_key(id, round, attempt), sid, "sum", state, signature) {} catch {}
    }

    // ------------------------------------------------------------------------------------------------------------ book

    /// @dev A seat says a sid once, whenever.
    function _noteSubmit(Said memory said, uint32 round, uint16 attempt) private {
        uint256 seat = 1 << (said.id - 1);
        if (_said[said.sid] & seat != 0) votedTwice = true;
        _said[said.sid] |= seat;
        _votes[keccak256(abi.encode(round, attempt))][said.sid] |= seat;
        _all.push(said);
    }

    /// @dev An agreed sid was named in its own attempt by a quorum, and by all whose vectors it will sum.
    function _checkAgreement(Machine memory m) private {
        bytes32 sid = runs.phaseOf(runId).sid;
        uint256 votes = _votes[keccak256(abi.encode(m.sidRound, m.sidAttempt))][sid];
        if (_count(votes) < _quorum || m.arrived & ~votes != 0) agreedWithoutQuorum = true;
    }

    /// @dev Who is out of the set left, had no consent any more, or did not say what was due in the attempt that was going on,
    /// unless a quorum said something else: then nobody can tell who is honest.
    function _checkExclusions(Machine memory m) private {
        bytes32 sid = runs.sidOf(runId, _last.round, _last.attempt, _state(vm.toString(_last.round)));
        bool otherwise = (_last.agreed || m.agreed) && runs.phaseOf(runId).sid != sid;
        uint256 honest = _votes[keccak256(abi.encode(_last.round, _last.attempt))][sid];
        uint256 out = _last.set & ~m.set & ~_leftItself;
        for (uint256 seat; out >> seat != 0; ++seat) {
            bool isOut = out >> seat & 1 == 1;
            if (isOut && !_revoked[seat + 1] && !otherwise && honest >> seat & 1 == 1) honestPutOut = true;
        }
    }

    /// @dev A set is certified when a quorum of distinct seats named its digest in one attempt.
    function _noteCommit(uint256 id, uint32 round, uint16 attempt, bytes32 setDigest, uint48 set) private {
        bytes32 key = keccak256(abi.encode(round, attempt));
        uint256 seats = _certified[key][setDigest] | 1 << id;
        _certified[key][setDigest] = seats;
        _committed[key] |= 1 << id;
        if (setDigest != _digestOf(set)) twoSets = true;
        if (!_last.setFixed && _deadIn(set) != 0) deadInFirstSet = true;
        if (_count(seats) != _quorum) return;
        ++certificates;
        for (uint256 i; i < _certifiedSets.length; ++i) {
            uint256 before = _certifiedSets[i];
            if (set & ~before != 0 || before & ~set & ~_exited != 0) twoSets = true;
        }
        _certifiedSets.push(set);
    }

    function _noteReveal(uint256 id, uint32 round, uint16 attempt) private {
        uint256 seats = _committed[keccak256(abi.encode(round, attempt))];
        if (_count(seats) < _quorum || seats >> id & 1 == 0) revealWithoutCertificate = true;
        ++reveals;
    }

    function _noteExits() private {
        _exited = _machine().exited;
    }

    function _digestOf(uint48 set) private pure returns (bytes32) {
        uint256[] memory ids = new uint256[](_count(set));
        uint256 filled;
        for (uint256 id = 1; id <= 48; ++id) {
            if (set >> (id - 1) & 1 == 1) ids[filled++] = id;
        }
        return keccak256(abi.encode(ids));
    }

    /// @dev Compares with the machine as it was after the previous call.
    function _observe() private {
        Machine memory m = _machine();
        if (m.agreed) _checkAgreement(m);
        _checkExclusions(m);
        if (m.phase == Phase.Unmasked && _last.phase == Phase.Fixed) _paused = false;
        if (m.state == RunState.Paused) _paused = true;
        if (m.state == RunState.Completed && _paused && m.roundsDone != m.rounds) completedEarly = true;
        if (!_stateEdge(_last.state, m.state)) wrongEdge = true;
        if (m.round != _last.round && (m.round != _last.round + 1 || _last.phase != Phase.Unmasked)) wrongEdge = true;
        bool sameAttempt = m.round == _last.round && m.attempt == _last.attempt;
        if (sameAttempt && m.phase < _last.phase) wrongEdge = true;
        if (sameAttempt && uint256(m.phase) > uint256(_last.phase) + 1) wrongEdge = true;
        if (m.roundsDone < _last.roundsDone || m.roundsDone > m.round + 1) lostState = true;
        if (m.state == RunState.Ended && m.roundsDone == 0) lostState = true;
        if (m.state == RunState.Aborted && m.roundsDone != 0) lostState = true;
        if (!_going(_last) && keccak256(abi.encode(m)) != keccak256(abi.encode(_last))) wrongEdge = true;
        if (m.setFixed && m.set & _last.exited != 0) tooFewStayed = true;
        _last = m;
    }

    function _stateEdge(RunState from, RunState to) private pure returns (bool) {
        if (from == to) return true;
        if (from == RunState.Running) return to != RunState.Enrolling && to != RunState.Acking && to != RunState.None;
        if (from == RunState.Paused) return to == RunState.Running || to > RunState.Paused;
        return false;
    }

    function _going(Machine memory m) private pure returns (bool) {
        return m.state == RunState.Running || m.state == RunState.Paused;
    }

    function _count(uint256 set) private pure returns (uint256 members) {
        for (; set != 0; set &= set - 1) {
            ++members;
        }
    }

    function _next(uint48 open, uint256 from) private view returns (uint256) {
        for (uint256 i; i < participants; ++i) {
            uint256 seat = (from % participants + i) % participants;
            if (open >> seat & 1 == 1) return seat;
        }
        return NOBODY;
    }
}
