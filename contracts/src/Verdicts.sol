// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {IVerdicts} from "./interfaces/IVerdicts.sol";
import {Messages} from "./libraries/Messages.sol";
import {RunLib} from "./libraries/RunLib.sol";
import {Authority} from "./types/Authority.sol";
import {Key, Kind, Machine, PhaseView, RunState, Seat, Signed} from "./types/RunTypes.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Verdicts
contract Verdicts is IVerdicts, Governed {
    using RunLib for Machine;

    ITrainingRuns private immutable _runs;
    IBonds private immutable _bonds;

    /// @dev Seats that named a seat as guilty; per run and seat.
    mapping(bytes32 runId => mapping(uint256 guiltyId => uint48 seats)) private _against;
    /// @dev Seats that named a seat as silent; per sid and seat.
    mapping(bytes32 sid => mapping(uint256 silentId => uint48 seats)) private _silence;
    mapping(bytes32 runId => mapping(uint256 memberId => bool)) private _convicted;
    /// @dev Accusations that were made: each has a key of its own.
    mapping(bytes32 accusation => bool) private _said;
    /// @dev Where a sid that somebody was accused or judged on has its place: run, round and attempt, hashed.
    mapping(bytes32 sid => bytes32 place) private _places;

    constructor(ITrainingRuns runs, IBonds bonds, Authority memory authority) Governed(authority) {
        (_runs, _bonds) = (runs, bonds);
    }

    /// @inheritdoc IVerdicts
    function complain(
        Key calldata key,
        bytes32 sid,
        uint256 accusedId,
        bytes32 headerDigest,
        bytes32 evidence,
        bytes calldata signature
    ) external {
        Machine memory m = _current(key, sid);
        Seat memory seat = _accuser(key, m, accusedId);
        Seat memory accused = _runs.seatOf(key.runId, accusedId);
        if (accused.headerDigest != headerDigest) revert VerdictsHeaderMismatch(accused.headerDigest, headerDigest);
        _sayOnce(keccak256(abi.encode("complain", sid, key.memberId, accusedId)), key.memberId);
        bytes32 message = Messages.hashComplain(sid, key.memberId, accusedId, headerDigest, evidence);
        _checkSignature(seat.nodeKey, key.memberId, message, signature);
        emit Complained(
            key.runId, key.memberId, key.round, key.attempt, sid, accusedId, headerDigest, evidence, signature
        );
    }

    /// @inheritdoc IVerdicts
    function dispute(
        Key calldata key,
        bytes32 sid,
        uint256 accusedId,
        uint32 cell,
        uint32 column,
        uint32 chunk,
        bytes32 evidence,
        bytes calldata signature
    ) external {
        _checkDisputable(key, sid, accusedId);
        _sayOnce(keccak256(abi.encode("dispute", sid, key.memberId, accusedId, cell, column)), key.memberId);
        bytes32 message = Messages.hashDispute(sid, key.memberId, accusedId, cell, column, chunk, evidence);
        _checkSignature(_runs.seatOf(key.runId, key.memberId).nodeKey, key.memberId, message, signature);
        emit Disputed(
            key.runId, key.memberId, key.round, key.attempt, sid, accusedId, cell, column, chunk, evidence, signature
        );
    }

    /// @inheritdoc IVerdicts
    function verdict(Key calldata key, bytes32 sid, bytes32 caseDigest, uint256 guiltyId, bytes calldata signature)
        external
    {
        Machine memory m = _placed(key, sid);
        bytes32 message = Messages.hashVerdict(sid, key.memberId, caseDigest, guiltyId);
        uint48 seat = _judge(key, m, guiltyId, message, signature);
        emit VerdictGiven(key.runId, key.memberId, key.round, key.attempt, sid, caseDigest, guiltyId, signature);
        if (caseDigest == 0) {
            _countSilence(key, sid, m, seat, guiltyId);
        } else if (_decides(_against[key.runId], key.memberId, m, seat, guiltyId)) {
            _convict(key.runId, m, guiltyId, caseDigest);
        }
    }

    /// @inheritdoc IVerdicts
    function equivocated(
        Key calldata key,
        Kind kind,
        uint32 epoch,
        bytes32 stateDigest,
        Signed calldata first,
        Signed calldata second
    ) external {
        Seat memory seat = _accusable(key.runId, key.memberId);
        bytes32 committee = _runs.committeeOf(key.runId, epoch);
        bytes32 sid = Messages.sidOf(address(_runs), key.runId, key.round, key.attempt, stateDigest, committee);
        bytes32 one = _signedBy(key, kind, sid, seat.nodeKey, first);
        bytes32 other = _signedBy(key, kind, sid, seat.nodeKey, second);
        if (one == other || committee == 0) revert VerdictsNoEquivocation(sid, key.memberId);
        emit Equivocated(key.runId, key.memberId, kind, key.round, key.attempt, sid, first, second);
        _convict(key.runId, _runs.phaseOf(key.runId).machine, key.memberId, 0);
    }

    /// @inheritdoc IVerdicts
    function verdictsOn(bytes32 runId, uint256 guiltyId) external view returns (uint48) {
        return _against[runId][guiltyId];
    }

    /// @inheritdoc IVerdicts
    function isConvicted(bytes32 runId, uint256 memberId) external view returns (bool) {
        return _convicted[runId][memberId];
    }

    // --------------------------------------------------------------------------------------------------------- private

    /// @dev The run takes its consequences while it is under way; a bond is lost also afterwards, while it is still there.
    function _convict(bytes32 runId, Machine memory m, uint256 guiltyId, bytes32 caseDigest) private {
        _convicted[runId][guiltyId] = true;
        emit Convicted(runId, guiltyId, caseDigest);
        if (m.state <= RunState.Paused) _runs.exclude(runId, guiltyId);
        _bonds.forfeit(runId, guiltyId);
    }

    /// @dev The run, if the sid is the one that it agreed on last.
    function _current(Key calldata key, bytes32 sid) private returns (Machine memory m) {
        PhaseView memory at = _runs.phaseOf(key.runId);
        m = at.machine;
        bool here = key.round == m.sidRound && key.attempt == m.sidAttempt;
        if (sid == 0 || at.sid != sid || !here) revert VerdictsWrongSid(at.sid, sid);
        _places[sid] = _place(key);
    }

    /// @dev The run, also if the sid is an older one that a case was opened on in time.
    function _placed(Key calldata key, bytes32 sid) private returns (Machine memory) {
        bytes32 place = _places[sid];
        if (place == 0) return _current(key, sid);
        if (place != _place(key)) revert VerdictsWrongSid(0, sid);
        return _runs.phaseOf(key.runId).machine;
    }

    function _place(Key calldata key) private pure returns (bytes32) {
        return keccak256(abi.encode(key.runId, key.round, key.attempt));
    }

    /// @dev The seat that speaks: it has not left, and nobody put it out.
    function _present(Key calldata key, Machine memory m) private view returns (Seat memory seat) {
        seat = _runs.seatOf(key.runId, key.memberId);
        bool there = seat.enrolled && m.present() & _bit(seat) != 0;
        if (!there) revert VerdictsNotPresent(key.runId, key.memberId);
    }

    /// @dev A seat of the run that is not convicted yet.
    function _accusable(bytes32 runId, uint256 memberId) private view returns (Seat memory seat) {
        seat = _runs.seatOf(runId, memberId);
        if (!seat.enrolled) revert VerdictsNotAccusable(memberId);
        if (_convicted[runId][memberId]) revert VerdictsConvicted(runId, memberId);
    }

    function _accuser(Key calldata key, Machine memory m, uint256 accusedId) private view returns (Seat memory seat) {
        seat = _present(key, m);
        Seat memory accused = _accusable(key.runId, accusedId);
        if (accusedId == key.memberId || m.set & _bit(accused) == 0) revert VerdictsNotAccusable(accusedId);
    }

    function _checkDisputable(Key calldata key, bytes32 sid, uint256 accusedId) private {
        Machine memory m = _current(key, sid);
        Seat memory seat = _present(key, m);
        Seat memory accused = _accusable(key.runId, accusedId);
        if (accusedId == key.memberId) revert VerdictsNotAccusable(accusedId);
        uint48 both = _bit(seat) | _bit(accused);
        if (m.revealed & both != both) revert VerdictsNotRevealed(key.memberId, accusedId);
    }

    /// @dev Checks who judges whom; nobody judges itself, and nobody who is convicted is judged again.
    function _judge(Key calldata key, Machine memory m, uint256 guiltyId, bytes32 message, bytes calldata signature)
        private
        view
        returns (uint48)
    {
        Seat memory seat = _present(key, m);
        if (guiltyId == key.memberId) revert VerdictsOwnCase(guiltyId);
        _accusable(key.runId, guiltyId);
        _checkSignature(seat.nodeKey, key.memberId, message, signature);
        return _bit(seat);
    }

    /// @dev Silence is counted for one round, and only while it keeps the round waiting.
    function _countSilence(Key calldata key, bytes32 sid, Machine memory m, uint48 seat, uint256 silentId) private {
        bool current = _runs.phaseOf(key.runId).sid == sid;
        bool waits = m.isWaivable(_bit(_runs.seatOf(key.runId, silentId)));
        if (!current || !waits) revert VerdictsNotSilent(silentId);
        if (_decides(_silence[sid], key.memberId, m, seat, silentId)) _runs.waive(key.runId, silentId);
    }

    function _sayOnce(bytes32 accusation, uint256 memberId) private {
        if (_said[accusation]) revert VerdictsAlreadySaid(memberId);
        _said[accusation] = true;
    }

    /// @dev Counts a seat against another, once; true for the (f + 1)th.
    function _decides(
        mapping(uint256 => uint48) storage tallies,
        uint256 memberId,
        Machine memory m,
        uint48 seat,
        uint256 namedId
    ) private returns (bool) {
        uint48 votes = tallies[namedId];
        if (votes & seat != 0) revert VerdictsAlreadySaid(memberId);
        tallies[namedId] = votes | seat;
        return RunLib.size(votes | seat) == uint256(m.faults) + 1;
    }

    /// @dev The struct hash of a message of this kind that the seat signed on this sid.
    function _signedBy(Key calldata key, Kind kind, bytes32 sid, address nodeKey, Signed calldata message)
        private
        view
        returns (bytes32 structHash)
    {
        bytes32[] calldata fields = message.fields;
        bool fits = fields.length == Messages.fieldsOf(kind) && fields[0] == sid && fields[1] == bytes32(key.memberId);
        if (!fits) revert VerdictsNoEquivocation(sid, key.memberId);
        structHash = Messages.hashFields(kind, fields);
        _checkSignature(nodeKey, key.memberId, structHash, message.signature);
    }

    function _checkSignature(address nodeKey, uint256 memberId, bytes32 message, bytes calldata signature)
        private
        view
    {
        bytes32 digest = MessageHashUtils.toTypedDataHash(Messages.domainOf(address(_runs)), message);
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer != nodeKey || signer == address(0)) revert VerdictsSignatureInvalid(memberId);
    }

    function _bit(Seat memory seat) private pure returns (uint48) {
        return uint48(1) << seat.index;
    }
}
