// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../interfaces/ITrainingRuns.sol";
import {Key, Machine, Phase, Reason, RunState} from "../types/RunTypes.sol";
import {Cells} from "./Cells.sol";

/// @title When a run may move on
/// @notice Every edge of a run as a pure function over `Machine`: what came in, by which seat (a bit), at what time.
/// `TrainingRuns` calls it between checking messages and storing them; `protocol/transitions.py` is its twin and both
/// are held to `vectors/transitions/`. It knows no digests, keys or members. What a divided run does depends on its `cells`,
/// which are given where they matter; of any other run they are empty.
library RunLib {
    /// @dev A roster's bitmaps are 48 bits wide.
    uint256 internal constant MAX_SEATS = 48;
    /// @dev How long the keys of one epoch serve: what a key that is stolen later opens.
    uint64 internal constant EPOCH_SECONDS = 30 days;

    // ---------------------------------------------------------------------------------------------- the roster's table

    /// @notice The layout in force for `n` seats when the RunSpec prefers `preferred`.
    function layoutOf(uint256 n, uint8 preferred) internal pure returns (uint8) {
        if (n < 6) return 1;
        if (n > 7) return 2;
        return preferred;
    }

    /// @notice f: how many seats may be malicious or absent for good.
    function faultsOf(uint256 n, uint8 layout) internal pure returns (uint8) {
        if (n < 5) return 1;
        if (n < 7) return 2;
        if (n == 7) return layout == 1 ? 3 : 2;
        return uint8(n / 2 - 1);
    }

    /// @notice q: two sets of q seats overlap in more than f.
    function quorumOf(uint256 n, uint8 faults) internal pure returns (uint8) {
        return uint8((n + faults) / 2 + 1);
    }

    // ------------------------------------------------------------------------------------------------ sets and missing

    /// @notice Number of seats in a set.
    function size(uint48 set) internal pure returns (uint256 members) {
        for (uint256 rest = set; rest != 0; rest &= rest - 1) {
            ++members;
        }
    }

    /// @notice All seats that have not exited.
    function present(Machine memory m) internal pure returns (uint48) {
        return uint48((uint256(1) << m.seats) - 1) & ~m.exited;
    }

    /// @notice The seats that may be in a set to come. In a divided run the set of a round says nothing about the next one's.
    function eligible(Machine memory m) internal pure returns (uint48) {
        return m.divided ? present(m) : m.set;
    }

    /// @notice The seats that the run waits for now.
    function missing(Machine memory m) internal pure returns (uint48) {
        if (m.state == RunState.Acking) return present(m) & ~m.arrived;
        if (m.phase == Phase.Open) return m.set & ~m.arrived;
        if (m.phase == Phase.Submitted) return present(m) & ~m.committed;
        if (m.phase == Phase.Fixed) return m.committed & ~m.revealed & ~m.waived;
        return eligible(m) & present(m);
    }

    /// @notice How many agreeing Submits close the Open phase, and how many have to stay when others exit: a quorum,
    /// which is never below f + 2 >= 3 (privacy), and before the set is fixed also the RunSpec's minimum. In a divided run
    /// these are the seats that vote, in whatever cell.
    function needed(Machine memory m) internal pure returns (uint256) {
        return m.setFixed || m.quorum > m.minParticipants ? m.quorum : m.minParticipants;
    }

    // -------------------------------------------------------------------------------------------------------- starting

    /// @notice Enrolling → Acking with `n` seats.
    function fixRoster(Machine memory m, uint256 n, uint8 layout, bool divided, uint64 time) internal pure {
        m.state = RunState.Acking;
        m.divided = divided;
        m.seats = uint8(n);
        m.faults = faultsOf(n, layout);
        m.quorum = quorumOf(n, m.faults);
        m.deadline = time + m.phaseSeconds;
    }

    /// @notice An Ack; the last one that is due begins the epoch.
    function ack(Machine memory m, uint48 seat, uint64 time) internal pure {
        if (m.state != RunState.Acking) revert ITrainingRuns.TrainingRunsWrongState(m.state);
        m.arrived |= seat;
        m.silent &= ~seat;
        _tryStart(m, time);
    }

    /// @notice New keys for all, between two rounds or before anything is agreed: when the epoch is over anybody may ask for
    /// them. In a pause also a seat that lost its own may, up to the certificate: without a key it never commits.
    function rotate(Machine memory m, bool bySeat, uint64 time) internal pure {
        _checkGoing(m);
        bool lost = bySeat && m.state == RunState.Paused;
        bool between = m.phase == Phase.Open ? !m.agreed : m.phase == Phase.Unmasked && m.round + 1 < m.rounds;
        bool uncertified = lost && (m.phase == Phase.Open || m.phase == Phase.Submitted);
        if (!between && !uncertified) revert ITrainingRuns.TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        if (time < m.epochEnds && !lost) revert ITrainingRuns.TrainingRunsTooEarly(m.epochEnds);
        if (!lost && m.phase == Phase.Open) m.maxAttempts += 1; // nobody's fault
        m.state = RunState.Acking;
        m.epoch += 1;
        m.arrived = 0;
        m.deadline = time + m.phaseSeconds;
    }

    // --------------------------------------------------------------------------------------------- messages of a round

    /// @notice Checks that a Submit fits and opens the next round if it is the first one of it.
    function enterSubmit(Machine memory m, Key memory key, uint48 seat, uint64 time) internal pure {
        _checkGoing(m);
        if (eligible(m) & seat == 0) revert ITrainingRuns.TrainingRunsNotInSet(key.memberId);
        bool next = m.phase == Phase.Unmasked && key.round == m.round + 1 && key.round < m.rounds && key.attempt == 0;
        if (next) {
            m.round = key.round;
            m.attempt = 0;
            _open(m, time);
        } else if (m.phase != Phase.Open || key.round != m.round || key.attempt != m.attempt) {
            revert ITrainingRuns.TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        }
        if (m.arrived & seat != 0) revert ITrainingRuns.TrainingRunsAlreadySent(key.memberId);
        m.silent &= ~seat;
    }

    /// @notice Counts a Submit whose sid has these `votes`, its own included; a quorum makes the sid agreed and voids
    /// the others. After agreement it is called for agreeing Submits only.
    /// @return voided Seats that lost their vote now
    function submit(Machine memory m, uint48 seat, uint48 votes) internal pure returns (uint48 voided) {
        m.arrived |= seat;
        if (m.agreed || size(votes & m.set) < m.quorum) return 0;
        voided = m.arrived & ~votes;
        m.arrived = votes;
        m.agreed = true;
        m.sidRound = m.round;
        m.sidAttempt = m.attempt;
        m.roundsDone = m.round;
        m.sidEpoch = m.epoch;
        (m.committed, m.revealed, m.waived) = (0, 0, 0);
    }

    /// @notice Open → Submitted (and Paused → Running) once every due seat agrees. Before the set is fixed silent seats
    /// are not due, and in a divided run never: a cell with a missing seat sits the round out.
    function tryClose(Machine memory m, uint48[] memory cells, uint64 time) internal pure {
        if (m.phase != Phase.Open || !m.agreed) return;
        uint48 due = m.setFixed && !m.divided ? m.set : m.set & ~m.silent;
        uint48 there = m.set & m.arrived;
        if (due & ~there != 0 || !_isEnough(m, cells, there)) return;
        m.set = m.divided ? Cells.whole(cells, there, m.excluded) : there;
        _enter(m, Phase.Submitted, time);
    }

    /// @notice A Commit: the run's first one fixes the set, a quorum certifies the round.
    function commit(Machine memory m, Key memory key, uint48 seat, uint64 time) internal pure {
        _checkUnmasking(m, key);
        if (m.excluded & seat != 0) revert ITrainingRuns.TrainingRunsNotInSet(key.memberId);
        if (m.committed & seat != 0) revert ITrainingRuns.TrainingRunsAlreadySent(key.memberId);
        m.committed |= seat;
        m.silent &= ~seat;
        m.setFixed = true;
        if (m.phase == Phase.Submitted && size(m.committed) >= m.quorum) _enter(m, Phase.Fixed, time);
    }

    /// @notice A Reveal, only with the certificate complete; the last due one unmasks the round.
    function reveal(Machine memory m, Key memory key, uint48 seat, uint64 time) internal pure {
        _checkUnmasking(m, key);
        if (m.phase == Phase.Submitted) revert ITrainingRuns.TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        if (m.committed & seat == 0) revert ITrainingRuns.TrainingRunsCommitmentMismatch(key.memberId);
        if (m.revealed & seat != 0) revert ITrainingRuns.TrainingRunsAlreadySent(key.memberId);
        m.revealed |= seat;
        m.silent &= ~seat;
        tryUnmask(m, time);
    }

    /// @notice Fixed → Unmasked once all Commits are opened or waived, and no seat that is not silent still owes one.
    function tryUnmask(Machine memory m, uint64 time) internal pure {
        if (m.phase != Phase.Fixed || m.committed & ~(m.revealed | m.waived) != 0) return;
        if (present(m) & ~m.silent & ~m.committed != 0) return;
        _enter(m, Phase.Unmasked, time);
        m.summed |= m.set;
        m.interrupted = false;
    }

    /// @notice Checks that a Result fits: only for the round that was unmasked last, until the next one is agreed. A seat
    /// that opens a next round although the learner is finished keeps nobody from saying so.
    function checkResult(Machine memory m, Key memory key) internal pure {
        _checkGoing(m);
        _checkLast(m, key, m.phase == Phase.Unmasked || _isNextOpen(m));
    }

    /// @notice Counts the Results that are equal to the one that came. Their quorum keeps the state; it also completes the
    /// run if no round can follow, or if the run did not pause since: seats that see a pause vouch for the state without
    /// meaning that the learner is finished, and when their Results come the run may have gone on.
    /// @return agreed Whether a quorum is equal
    function result(Machine memory m, uint48 votes, uint64 time) internal pure returns (bool agreed) {
        agreed = size(votes & ~m.excluded) >= m.quorum;
        if (!agreed) return false;
        m.roundsDone = m.sidRound + 1;
        if (!m.interrupted || m.roundsDone == m.rounds) {
            m.state = RunState.Completed;
            m.reason = Reason.Finished;
        } else if (m.phase == Phase.Unmasked && time >= m.deadline) {
            finish(m, Reason.PatienceOver); // with a next round open `advance` decides: it may let seats leave instead
        }
    }

    // ------------------------------------------------------------------------------------------------ leaving and time

    /// @notice The last round that a seat took part in if it leaves now; type(uint32).max before round 0 is over.
    function lastRound(Machine memory m) internal pure returns (uint32) {
        if (m.phase == Phase.Unmasked) return m.round;
        return m.round == 0 ? type(uint32).max : m.round - 1;
    }

    /// @notice Seats leave before the Submits close; enough have to stay for the others' privacy and for a quorum. In a
    /// divided run their cells are in no set any more, and the others of these cells go on voting and unmasking.
    function exit(Machine memory m, uint48[] memory cells, uint48 leaving, uint256 memberId) internal pure {
        _checkGoing(m);
        if (m.phase != Phase.Open && m.phase != Phase.Unmasked) {
            revert ITrainingRuns.TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        }
        uint48 stay = eligible(m) & ~leaving;
        if (eligible(m) & leaving != leaving) revert ITrainingRuns.TrainingRunsNotInSet(memberId);
        if (!_isEnough(m, cells, stay)) revert ITrainingRuns.TrainingRunsTooFewStay(size(stay), needed(m));
        m.exited |= leaving;
        m.set &= ~leaving;
    }

    /// @notice A seat whose consent is dead is out. Before the set is fixed whatever it sent is left out too: inputs that
    /// were about to be certified with it start again, and that attempt is not counted against the round. Once the set is
    /// fixed it is an Exit.
    function drop(Machine memory m, uint48[] memory cells, uint48 leaving, uint256 memberId, uint64 time)
        internal
        pure
    {
        if (m.setFixed) return exit(m, cells, leaving, memberId);
        _checkGoing(m);
        if (eligible(m) & leaving == 0) revert ITrainingRuns.TrainingRunsNotInSet(memberId);
        bool inSet = m.set & leaving != 0;
        m.exited |= leaving;
        m.set &= ~leaving;
        m.arrived &= ~leaving;
        if (!_isEnough(m, cells, eligible(m))) return finish(m, Reason.TooFewParticipants);
        if (m.phase == Phase.Submitted && inSet) _again(m, time);
    }

    /// @notice A seat goes on with fewer datasets, before the set is fixed. What it sent or built in this attempt is void: one
    /// sid has one header of a seat, so the attempt starts again for all, and is not counted.
    function leaveOut(Machine memory m, uint48 seat, uint256 memberId, uint64 time) internal pure {
        _checkGoing(m);
        if (m.set & seat == 0) revert ITrainingRuns.TrainingRunsNotInSet(memberId);
        _again(m, time);
    }

    /// @notice A seat that cheated is out for good. A certified round goes on with its set, where the seat's Commit is not
    /// waited for; inputs that were about to be certified start again without it, and that attempt is not counted.
    /// @dev Before the keys are there no cells are drawn, and none are given.
    function exclude(Machine memory m, uint48[] memory cells, uint48 cheat, uint64 time) internal pure {
        if (m.state < RunState.Acking || m.state > RunState.Paused) {
            revert ITrainingRuns.TrainingRunsWrongState(m.state);
        }
        bool inSet = m.set & cheat != 0;
        m.exited |= cheat;
        m.excluded |= cheat;
        uint48 left = present(m) & (m.setFixed ? eligible(m) : type(uint48).max);
        if (!_isEnough(m, cells, left)) return finish(m, Reason.Cheating);
        if (m.state == RunState.Acking) return _tryStart(m, time);
        if (m.phase == Phase.Open) _excludeOpen(m, cheat, time);
        else if (m.phase == Phase.Submitted) _excludeSubmitted(m, cheat, inSet, time);
        else if (m.phase == Phase.Fixed) _waive(m, m.committed & ~m.revealed & cheat, time);
    }

    /// @notice Whether a seat keeps a certified round waiting for a Reveal past the deadline.
    function isWaivable(Machine memory m, uint48 seat) internal pure returns (bool) {
        if (m.state != RunState.Running && m.state != RunState.Paused) return false;
        return m.phase == Phase.Fixed && m.committed & m.silent & ~m.revealed & ~m.waived & seat != 0;
    }

    /// @notice The round is unmasked without this seat's Reveal, which may still come until then.
    function waive(Machine memory m, uint48 seat, uint64 time) internal pure {
        if (!isWaivable(m, seat)) revert ITrainingRuns.TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        _waive(m, seat, time);
    }

    /// @notice Moves a run on whose deadline has come.
    /// @return leaving Seats whose Exits, signed in advance, take effect now
    function advance(Machine memory m, uint48[] memory cells, uint64 time) internal pure returns (uint48 leaving) {
        uint64 deadline = m.state == RunState.Acking ? m.deadline + m.patienceSeconds : m.deadline;
        if (time < deadline) revert ITrainingRuns.TrainingRunsTooEarly(deadline);
        if (m.state == RunState.Acking) {
            finish(m, Reason.AckMissing);
        } else if (m.state == RunState.Running) {
            _advanceRunning(m, cells, time);
        } else if (m.state == RunState.Paused) {
            return _advancePaused(m, cells, time);
        } else {
            revert ITrainingRuns.TrainingRunsWrongState(m.state);
        }
    }

    /// @notice Over: Ended at the last agreed state, Aborted if no round's state was ever agreed.
    function finish(Machine memory m, Reason reason) internal pure {
        m.state = m.roundsDone != 0 ? RunState.Ended : RunState.Aborted;
        m.reason = reason;
    }

    // --------------------------------------------------------------------------------------------------------- private

    function _advanceRunning(Machine memory m, uint48[] memory cells, uint64 time) private pure {
        uint48 absent = missing(m);
        if (m.phase == Phase.Open) {
            if (absent == 0) return _retry(m, time);
            m.silent |= absent;
            tryClose(m, cells, time);
            if (m.phase == Phase.Open) _pause(m, time);
        } else if (m.phase == Phase.Submitted) {
            if (m.committed == 0) return _retry(m, time);
            m.silent |= absent;
            _pause(m, time);
        } else if (m.phase == Phase.Fixed) {
            m.silent |= absent | (present(m) & ~m.committed);
            tryUnmask(m, time);
            if (m.phase == Phase.Fixed) _pause(m, time);
        } else {
            _pause(m, time);
        }
    }

    function _advancePaused(Machine memory m, uint48[] memory cells, uint64 time) private pure returns (uint48) {
        uint48 absent = missing(m);
        bool mayExit = m.phase == Phase.Open && m.setFixed && absent != 0 && absent & ~m.willExit == 0
            && _isEnough(m, cells, m.set & ~absent);
        if (!mayExit) {
            finish(m, Reason.PatienceOver);
            return 0;
        }
        exit(m, cells, absent, 0);
        _retry(m, time);
        return absent;
    }

    /// @dev Whether a round can be made of these seats.
    function _isEnough(Machine memory m, uint48[] memory cells, uint48 seats) private pure returns (bool) {
        return size(seats) >= needed(m) && (cells.length == 0 || Cells.whole(cells, seats, m.excluded) != 0);
    }

    /// @dev All Acks that are due have come: the run goes on where it stood, with the new keys.
    function _tryStart(Machine memory m, uint64 time) private pure {
        if (missing(m) != 0) return;
        m.epochEnds = uint40(time + EPOCH_SECONDS);
        if (m.phase == Phase.Open || m.phase == Phase.Submitted) return _retry(m, time);
        if (m.phase == Phase.Unmasked) (m.round, m.attempt) = (m.round + 1, 0);
        else m.set = present(m);
        _open(m, time);
    }

    /// @dev What agreed with the cheat's vote has to agree without it.
    function _excludeOpen(Machine memory m, uint48 cheat, uint64 time) private pure {
        m.set &= ~cheat;
        m.arrived &= ~cheat;
        if (m.agreed) _again(m, time);
    }

    function _excludeSubmitted(Machine memory m, uint48 cheat, bool inSet, uint64 time) private pure {
        m.committed &= ~cheat;
        if (inSet) _again(m, time);
    }

    function _waive(Machine memory m, uint48 seats, uint64 time) private pure {
        m.waived |= seats;
        tryUnmask(m, time);
    }

    /// @dev A new attempt that is nobody's fault but that of a seat which is out now.
    function _again(Machine memory m, uint64 time) private pure {
        m.maxAttempts += 1;
        _retry(m, time);
    }

    function _retry(Machine memory m, uint64 time) private pure {
        if (m.attempt + 1 >= m.maxAttempts) return finish(m, Reason.TooManyAttempts);
        if (m.agreed) (m.committed, m.revealed, m.waived) = (0, 0, 0);
        if (!m.setFixed) m.set = present(m);
        m.attempt += 1;
        _open(m, time);
    }

    function _open(Machine memory m, uint64 time) private pure {
        m.arrived = 0;
        m.agreed = false;
        m.set = eligible(m) & present(m); // who was excluded stayed in the set of its certified round
        _enter(m, Phase.Open, time);
    }

    function _enter(Machine memory m, Phase phase, uint64 time) private pure {
        m.state = RunState.Running;
        m.phase = phase;
        m.deadline = time + m.phaseSeconds;
    }

    function _pause(Machine memory m, uint64 time) private pure {
        m.state = RunState.Paused;
        m.interrupted = true;
        m.deadline = time + m.patienceSeconds;
    }

    function _checkGoing(Machine memory m) private pure {
        if (m.state != RunState.Running && m.state != RunState.Paused) {
            revert ITrainingRuns.TrainingRunsWrongState(m.state);
        }
    }

    /// @dev The last agreed attempt takes Commits and Reveals until it is stopped or the next round is agreed.
    function _checkUnmasking(Machine memory m, Key memory key) private pure {
        _checkGoing(m);
        _checkLast(m, key, m.phase != Phase.Open || _isNextOpen(m));
    }

    /// @dev Whether the next round takes Submits that do not agree yet: once they do, the last agreed round is that one.
    function _isNextOpen(Machine memory m) private pure returns (bool) {
        return m.phase == Phase.Open && m.round == m.sidRound + 1;
    }

    function _checkLast(Machine memory m, Key memory key, bool timely) private pure {
        if (!timely || key.round != m.sidRound || key.attempt != m.sidAttempt) {
            revert ITrainingRuns.TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        }
    }
}
