// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The bond of a seat in a run
/// @notice Enrolling in a run that asks for a bond locks it in the vault; when the seat owes nothing any more, anybody may
/// give it back. Who is convicted of cheating loses it to the commons.
interface IBonds {
    /// @notice A seat's bond was locked.
    event BondTaken(
        bytes32 indexed runId,
        uint256 indexed memberId,
        address indexed payer,
        address token,
        uint256 amount,
        uint64 expiry
    );
    /// @notice A seat's bond went back to whoever paid it.
    event BondGivenBack(
        bytes32 indexed runId, uint256 indexed memberId, address indexed payer, address token, uint256 amount
    );

    /// @notice A seat was convicted of cheating: its bond is the commons' now, a credit of the timelock in the vault.
    event BondForfeited(
        bytes32 indexed runId, uint256 indexed memberId, address indexed payer, address token, uint256 amount
    );

    /// @notice Only Verdicts lets a seat lose its bond.
    error BondsNotVerdicts(address caller);
    /// @notice Only TrainingRuns takes bonds, when somebody enrols.
    error BondsNotRuns(address caller);
    /// @notice The run is not over for this seat.
    error BondsStillOwed(bytes32 runId, uint256 memberId);
    /// @notice No bond of this seat is locked: there was none, or it went back.
    error BondsNone(bytes32 runId, uint256 memberId);

    /// @notice Locks a seat's bond, as TrainingRuns; once per seat.
    /// @param runId The run
    /// @param memberId The seat
    /// @param payer Whose credit in the vault it is: whoever enrolled
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount More than zero; at most the payer's credit
    /// @param expiry First unix second at which the vault gives it back to anybody who asks
    function take(bytes32 runId, uint256 memberId, address payer, address token, uint256 amount, uint64 expiry) external;

    /// @notice Gives a bond back to whoever paid it, once the seat owes nothing any more; anybody may.
    /// @param runId The run
    /// @param memberId The seat
    function giveBack(bytes32 runId, uint256 memberId) external;

    /// @notice Gives the bond of a convicted seat to the commons, as Verdicts; nothing happens where none is locked any more.
    /// @param runId The run
    /// @param memberId The seat
    function forfeit(bytes32 runId, uint256 memberId) external;

    /// @notice The vault's lock of a seat's bond: keccak256(abi.encode("bond", runId, memberId)).
    /// @param runId The run
    /// @param memberId The seat
    function lockOf(bytes32 runId, uint256 memberId) external pure returns (bytes32 lockId);

    /// @notice TrainingRuns: the only contract that takes bonds.
    function runsContract() external view returns (address runs);
}

/// @title What Bonds asks of TrainingRuns
interface IBondDebts {
    /// @notice Whether the seat's bond has to stay: its run is not over for it.
    /// @param runId Any id
    /// @param memberId Any id
    function owesBond(bytes32 runId, uint256 memberId) external view returns (bool owes);
}
