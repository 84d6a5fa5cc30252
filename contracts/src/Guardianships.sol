// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IGuardianships} from "./interfaces/IGuardianships.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {Authority} from "./types/Authority.sol";

/// @title Guardianships
contract Guardianships is IGuardianships, Governed {
    IMembership private immutable _membership;

    uint256 private _count;
    mapping(bytes32 id => Guardianship) private _guardianships;

    constructor(IMembership membership, Authority memory authority) Governed(authority) {
        _membership = membership;
    }

    /// @inheritdoc IGuardianships
    function attest(bytes32 ward, address guardian, uint64 until, bytes32 evidence) external returns (bytes32 id) {
        uint256 attester = _membership.memberOf(_msgSender());
        if (!_membership.isActive(attester) || _membership.member(attester).kind != IMembership.Kind.Organisation) {
            revert GuardianshipsNotOrganisation(_msgSender());
        }
        if (ward == 0 || guardian == address(0) || evidence == 0) revert GuardianshipsFieldMissing();
        if (until <= block.timestamp) revert GuardianshipsNoFuture(until);
        id = keccak256(abi.encode(block.chainid, address(this), attester, _count++, ward, guardian, until, evidence));
        _guardianships[id] = Guardianship(attester, guardian, until, false, ward, evidence);
        emit GuardianAttested(id, attester, guardian, ward, until, evidence);
    }

    /// @inheritdoc IGuardianships
    function revoke(bytes32 id) external {
        Guardianship storage stored = _guardianships[id];
        if (_membership.accountOf(stored.attester) != _msgSender()) revert GuardianshipsNotAttester(id, _msgSender());
        if (stored.revoked) revert GuardianshipsAlreadyRevoked(id);
        stored.revoked = true;
        emit GuardianshipRevoked(id);
    }

    /// @inheritdoc IGuardianships
    function isLive(bytes32 id, address guardian) external view returns (bool) {
        Guardianship storage stored = _guardianships[id];
        return stored.guardian == guardian && block.timestamp < stored.until && !stored.revoked
            && _membership.isActive(stored.attester);
    }

    /// @inheritdoc IGuardianships
    function guardianship(bytes32 id) external view returns (Guardianship memory) {
        return _guardianships[id];
    }
}
