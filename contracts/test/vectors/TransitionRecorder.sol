// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnrolment} from "../../src/interfaces/IEnrolment.sol";
import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {Absence, Extra, Machine, PhaseView, RunSpec} from "../../src/types/RunTypes.sol";
import {RunTest} from "../base/RunTest.sol";

/// @notice Writes down, call by call, what a run answers. One file holds one scenario: a JSON object whose header names
/// the roster and its terms and whose steps carry the call, its time, its error's name (or null) and the machine after
/// it. With AICOMMONS_WRITE_VECTORS=true the files are written, otherwise compared; `protocol/transitions.py` has to
/// answer the same. Seats are roster indexes (member id minus 1), sets are bitmaps over them, a sid is "s" and the place at
/// which it was first named (null: none): no address and no key is in a file.
abstract contract TransitionRecorder is RunTest {
    string private constant FOLDER = "../vectors/transitions/";
    string[8] private stateNames =
        ["None", "Enrolling", "Acking", "Running", "Paused", "Completed", "Ended", "Aborted"];
    string[5] private phaseNames = ["None", "Open", "Submitted", "Fixed", "Unmasked"];
    string[8] private reasonNames = [
        "None",
        "Finished",
        "TooFewParticipants",
        "PatienceOver",
        "TooManyAttempts",
        "Cancelled",
        "AckMissing",
        "Cheating"
    ];

    /// @dev Member that brings a second dataset; 0 = nobody.
    uint256 internal coop;

    string private path;
    bool private writing;
    bool private first;
    bool private divided;
    bytes32[] private sids;

    // ------------------------------------------------------------------------------------------------------ a scenario

    /// @dev Opens the file, enrols `n` seats (bit i of `exits`: seat i chose Exit), closes enrolment.
    function _begin(string memory name, uint256 n, uint48 exits, RunSpec memory terms) internal {
        writing = vm.envOr("AICOMMONS_WRITE_VECTORS", false);
        path = string.concat(FOLDER, name, ".json");
        if (writing) vm.writeFile(path, "");
        first = true;
        (divided, sids) = (false, new bytes32[](0));
        _open(terms);
        for (uint256 id = 1; id <= n; ++id) {
            _enrol(id, exits >> (id - 1) & 1 == 1 ? Absence.Exit : Absence.Wait);
            if (id == coop) _bringAnother(id);
        }
        _close();
        _line(_header(name, terms));
        _line(string.concat('"start":', _after(), ","));
        _line('"steps":[');
    }

    function _bringAnother(uint256 id) private {
        uint256 datasetId = _list(id);
        bytes32 consentId = _give(id, datasetId);
        vm.prank(_account(id));
        runs.bring(runId, datasetId, consentId);
    }

    function _end() internal {
        _line("]}");
        vm.closeFile(path);
    }

    function _header(string memory name, RunSpec memory terms) private view returns (string memory) {
        string memory limits = string.concat(
            _number("rounds", terms.rounds),
            _number("minParticipants", terms.minParticipants),
            _number("maxAttempts", terms.maxAttempts),
            _number("phaseSeconds", terms.phaseSeconds),
            _number("patienceSeconds", terms.patienceSeconds)
        );
        string memory about = _name("about", "one run of TrainingRuns, call by call; written by contracts/test/vectors");
        string memory start =
            string.concat(_number("layout", runs.run(runId).layout), _number("time", vm.getBlockTimestamp()));
        start = string.concat(_number("cellSize", terms.cellSize), start);
        return string.concat("{", about, _name("name", name), limits, start);
    }

    // ----------------------------------------------------------------------------------------------------------- calls

    function _doAck(uint256 seat) internal {
        uint256 id = seat + 1;
        bytes memory signature = _ackSignature(id);
        bytes memory call =
            abi.encodeCall(ITrainingRuns.ack, (runId, _machine().epoch, id, _point(id), "R", "z", signature));
        _step("ack", address(this), call, _number("seat", seat));
    }

    function _doSubmit(uint256 seat, uint32 round, uint16 attempt, string memory state) internal {
        bytes32 sid = runs.sidOf(runId, round, attempt, _state(state));
        uint256 id = seat + 1;
        bytes memory call = abi.encodeCall(
            ITrainingRuns.submit, (_key(id, round, attempt), _state(state), _header(id, sid), _submitSignature(id, sid))
        );
        (bool all,) = _livesOf(id);
        string memory fields = string.concat(_message(seat, round, attempt), _sid(sid), _flag("live", all));
        _step("submit", address(this), call, fields);
    }

    function _doCommit(uint256 seat, uint32 round, uint16 attempt) internal {
        uint256 id = seat + 1;
        PhaseView memory at = runs.phaseOf(runId);
        bytes memory call = abi.encodeCall(
            ITrainingRuns.commit,
            (
                _key(id, round, attempt),
                at.sid,
                at.setDigest,
                at.inputDigest,
                _masks(id, at.sid),
                _commitSignature(id, at)
            )
        );
        _step("commit", address(this), call, _message(seat, round, attempt));
    }

    function _doReveal(uint256 seat, uint32 round, uint16 attempt) internal {
        uint256 id = seat + 1;
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory call = abi.encodeCall(
            ITrainingRuns.reveal,
            (_key(id, round, attempt), sid, _salt(id, sid), _mine(id, sid), "document", _revealSignature(id, sid))
        );
        _step("reveal", address(this), call, _message(seat, round, attempt));
    }

    function _doResult(uint256 seat, uint32 round, uint16 attempt, string memory state) internal {
        uint256 id = seat + 1;
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _resultSignature(id, sid, _state(state));
        bytes memory call =
            abi.encodeCall(ITrainingRuns.result, (_key(id, round, attempt), sid, "sum", _state(state), signature));
        string memory fields = string.concat(_message(seat, round, attempt), _word("stateDigest", _state(state)));
        _step("result", address(this), call, fields);
    }

    /// @dev `itself`: sent by the member's own account, which may also use the Exit that it signed in advance.
    function _doExit(uint256 seat, uint32 lastRound, bool itself) internal {
        uint256 id = seat + 1;
        bytes memory call = abi.encodeCall(ITrainingRuns.exit, (runId, id, lastRound, _exitSignature(id, lastRound)));
        string memory fields =
            string.concat(_number("seat", seat), _number("lastRound", lastRound), _flag("itself", itself));
        _step("exit", itself ? _account(id) : address(this), call, fields);
    }

    function _doAdvance() internal {
        _step("advance", address(this), abi.encodeCall(ITrainingRuns.advance, (runId)), "");
    }

    function _doCancel() internal {
        _step("cancel", _account(solver), abi.encodeCall(ITrainingRuns.cancel, (runId)), "");
    }

    /// @dev Whether all, or some, of the one or two datasets that a seat brings are live.
    function _livesOf(uint256 id) private view returns (bool all, bool some) {
        bool first = data.isLive(runs.seatOf(runId, id).consentId);
        Extra[] memory extras = runs.extrasOf(runId, id);
        if (extras.length == 0) return (first, first);
        bool second = data.isLive(extras[0].consentId);
        return (first && second, first || second);
    }

    /// @dev `live`: all that the seat brings is; `some`: not all of it is dead.
    function _doDrop(uint256 seat) internal {
        bytes memory call = abi.encodeCall(ITrainingRuns.drop, (runId, seat + 1));
        (bool all, bool some) = _livesOf(seat + 1);
        string memory fields = string.concat(_number("seat", seat), _flag("live", all), _flag("some", some));
        _step("drop", address(this), call, fields);
    }

    function _doExclude(uint256 seat) internal {
        bytes memory call = abi.encodeCall(ITrainingRuns.exclude, (runId, seat + 1));
        _step("exclude", address(verdicts), call, _number("seat", seat));
    }

    function _doWaive(uint256 seat) internal {
        bytes memory call = abi.encodeCall(ITrainingRuns.waive, (runId, seat + 1));
        _step("waive", address(verdicts), call, _number("seat", seat));
    }

    /// @dev `itself`: a seat asks, by its member; else anybody.
    function _doRotate(uint256 seat, bool itself) internal {
        bytes memory call = abi.encodeCall(IEnrolment.rotate, (runId, itself ? seat + 1 : 0));
        string memory fields = string.concat(_number("seat", seat), _flag("itself", itself));
        _step("rotate", itself ? _account(seat + 1) : address(this), call, fields);
    }

    function _doRevoke(uint256 seat) internal {
        vm.prank(_account(seat + 1));
        data.revoke(consentOf[seat + 1]);
    }

    // ------------------------------------------------------------------------------------------------- whole stretches

    /// @dev Terms as usual, and nobody has sent an Ack.
    function _beginWith(string memory name, uint256 n, uint48 exits) internal {
        _prepare(n);
        _begin(name, n, exits, _spec(3, 48));
    }

    /// @dev All Acks have arrived.
    function _beginOpen(string memory name, uint256 n, uint48 exits) internal {
        _beginWith(name, n, exits);
        for (uint256 seat; seat < n; ++seat) {
            _doAck(seat);
        }
    }

    function _submits(uint256 n, uint32 round, uint16 attempt, uint48 absent) internal {
        for (uint256 seat; seat < n; ++seat) {
            if (absent >> seat & 1 == 0) _doSubmit(seat, round, attempt, vm.toString(round));
        }
    }

    function _commits(uint256 n, uint32 round, uint16 attempt, uint48 absent) internal {
        for (uint256 seat; seat < n; ++seat) {
            if (absent >> seat & 1 == 0) _doCommit(seat, round, attempt);
        }
    }

    function _reveals(uint256 n, uint32 round, uint16 attempt, uint48 absent) internal {
        for (uint256 seat; seat < n; ++seat) {
            if (absent >> seat & 1 == 0) _doReveal(seat, round, attempt);
        }
    }

    function _wholeRound(uint256 n, uint32 round) internal {
        _submits(n, round, 0, 0);
        _commits(n, round, 0, 0);
        _reveals(n, round, 0, 0);
    }

    function _later(uint256 duration) internal {
        _pass(duration);
        _doAdvance();
    }

    // --------------------------------------------------------------------------------------------------------- writing

    function _step(string memory name, address sender, bytes memory call, string memory fields) private {
        string memory head = string.concat(_name("call", name), _number("time", vm.getBlockTimestamp()), fields);
        vm.prank(sender);
        (bool ok, bytes memory answer) = address(runs).call(call);
        string memory error = ok ? "null" : string.concat('"', _errorName(bytes4(answer)), '"');
        string memory outcome = string.concat(_drawn(), '"error":', error, ',"after":', _after(), "}");
        _line(string.concat(first ? "{" : ",{", head, outcome));
        first = false;
    }

    /// @dev The cells, in the step that draws them: they follow from digests that are in no file.
    function _drawn() private returns (string memory list) {
        uint48[] memory cells = divided ? new uint48[](0) : runs.cells(runId);
        if (cells.length == 0) return "";
        divided = true;
        for (uint256 i; i < cells.length; ++i) {
            list = string.concat(list, i == 0 ? "" : ",", vm.toString(cells[i]));
        }
        return string.concat('"cells":[', list, "],");
    }

    function _line(string memory line) private {
        if (writing) vm.writeLine(path, line);
        else vm.assertEq(vm.readLine(path), line, path);
    }

    function _after() private returns (string memory) {
        PhaseView memory at = runs.phaseOf(runId);
        Machine memory m = at.machine;
        string memory names = string.concat(
            _name("state", stateNames[uint256(m.state)]),
            _name("phase", phaseNames[uint256(m.phase)]),
            _name("reason", reasonNames[uint256(m.reason)])
        );
        string memory digests = string.concat(_sid(at.sid), _word("finalState", runs.finalState(runId)));
        string memory head = string.concat("{", names, _numbers(m), _sets(m), digests);
        return string.concat(head, '"deadline":', vm.toString(m.deadline), "}");
    }

    function _numbers(Machine memory m) private pure returns (string memory) {
        string memory table =
            string.concat(_number("seats", m.seats), _number("faults", m.faults), _number("quorum", m.quorum));
        string memory position = string.concat(
            _number("round", m.round),
            _number("attempt", m.attempt),
            _number("sidRound", m.sidRound),
            _number("sidAttempt", m.sidAttempt),
            _number("roundsDone", m.roundsDone)
        );
        position = string.concat(
            position, _number("epoch", m.epoch), _number("sidEpoch", m.sidEpoch), _number("epochEnds", m.epochEnds)
        );
        string memory flags = string.concat(
            _flag("setFixed", m.setFixed), _flag("agreed", m.agreed), _flag("interrupted", m.interrupted)
        );
        return string.concat(table, position, flags);
    }

    function _sets(Machine memory m) private pure returns (string memory) {
        string memory members =
            string.concat(_number("set", m.set), _number("exited", m.exited), _number("willExit", m.willExit));
        string memory sent = string.concat(
            _number("arrived", m.arrived),
            _number("committed", m.committed),
            _number("revealed", m.revealed),
            _number("silent", m.silent)
        );
        string memory cheated =
            string.concat(_number("waived", m.waived), _number("excluded", m.excluded), _number("summed", m.summed));
        return string.concat(members, sent, cheated);
    }

    function _message(uint256 seat, uint32 round, uint16 attempt) private pure returns (string memory) {
        return string.concat(_number("seat", seat), _number("round", round), _number("attempt", attempt));
    }

    function _number(string memory name, uint256 value) private pure returns (string memory) {
        return string.concat('"', name, '":', vm.toString(value), ",");
    }

    function _name(string memory name, string memory value) private pure returns (string memory) {
        return string.concat('"', name, '":"', value, '",');
    }

    function _word(string memory name, bytes32 value) private pure returns (string memory) {
        return _name(name, vm.toString(value));
    }

    /// @dev A sid names chain and contract, so it is written as a label.
    function _sid(bytes32 sid) private returns (string memory) {
        if (sid == 0) return '"sid":null,';
        uint256 place;
        while (place < sids.length && sids[place] != sid) ++place;
        if (place == sids.length) sids.push(sid);
        return _name("sid", string.concat("s", vm.toString(place)));
    }

    function _flag(string memory name, bool value) private pure returns (string memory) {
        return string.concat('"', name, '":', value ? "true" : "false", ",");
    }

    function _errorName(bytes4 selector) private pure returns (string memory) {
        if (selector == ITrainingRuns.TrainingRunsWrongState.selector) return "TrainingRunsWrongState";
        if (selector == ITrainingRuns.TrainingRunsWrongPhase.selector) return "TrainingRunsWrongPhase";
        if (selector == ITrainingRuns.TrainingRunsAlreadySent.selector) return "TrainingRunsAlreadySent";
        if (selector == ITrainingRuns.TrainingRunsNotInSet.selector) return "TrainingRunsNotInSet";
        if (selector == ITrainingRuns.TrainingRunsConsentNotLive.selector) return "TrainingRunsConsentNotLive";
        if (selector == ITrainingRuns.TrainingRunsMayNotDrop.selector) return "TrainingRunsMayNotDrop";
        if (selector == ITrainingRuns.TrainingRunsCommitmentMismatch.selector) return "TrainingRunsCommitmentMismatch";
        if (selector == ITrainingRuns.TrainingRunsTooFewStay.selector) return "TrainingRunsTooFewStay";
        if (selector == ITrainingRuns.TrainingRunsExitRound.selector) return "TrainingRunsExitRound";
        if (selector == ITrainingRuns.TrainingRunsTooEarly.selector) return "TrainingRunsTooEarly";
        revert("an error that no transition names");
    }
}
