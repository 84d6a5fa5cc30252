// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Cells: fixed groups of seats that are summed apart
/// @notice Who is in which cell, and which cells a round has whole. `protocol/cells.py` is its twin. A cell is a bitmap over
/// the roster; a run that is not divided has none.
library Cells {
    /// @dev Of a sum of two each would know the other's vector.
    uint256 internal constant FEWEST_SEATS = 3;

    /// @notice Deals the seats into floor(n / cellSize) cells of nearly equal size, the larger ones first. Their order is that
    /// of keccak256(abi.encode(seed, memberId)).
    /// @param ids Member ids, by seat
    function draw(bytes32 seed, uint256[] memory ids, uint256 cellSize) internal pure returns (uint48[] memory cells) {
        uint256[] memory order = _ordered(seed, ids);
        cells = new uint48[](ids.length / cellSize);
        uint256 dealt;
        for (uint256 i; i < cells.length; ++i) {
            uint256 size = (ids.length - dealt) / (cells.length - i);
            if ((ids.length - dealt) % (cells.length - i) != 0) ++size;
            for (; size > 0; --size) {
                cells[i] |= uint48(1) << uint8(order[dealt++]);
            }
        }
    }

    /// @notice The seats of all cells that are whole, the empty set unless these are more than half of all cells: no minority
    /// of cells makes a model. A cheat is not missed where enough of its cell are left.
    /// @param there Seats that are there
    /// @param excluded Seats that cheated
    function whole(uint48[] memory cells, uint48 there, uint48 excluded) internal pure returns (uint48 set) {
        uint256 count;
        for (uint256 i; i < cells.length; ++i) {
            uint48 cell = cells[i] & ~excluded;
            if (cell & ~there != 0 || _isTooSmall(cell)) continue;
            set |= cell;
            ++count;
        }
        if (2 * count <= cells.length) return 0;
    }

    function _isTooSmall(uint48 cell) private pure returns (bool) {
        uint256 members;
        for (uint256 rest = cell; rest != 0; rest &= rest - 1) {
            ++members;
        }
        return members < FEWEST_SEATS;
    }

    /// @dev Seats in the order of their hashes: a hash with its lowest byte replaced by the seat sorts as one word.
    function _ordered(bytes32 seed, uint256[] memory ids) private pure returns (uint256[] memory order) {
        order = new uint256[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, ids[i]))) >> 8 << 8 | i;
            uint256 j = i;
            for (; j > 0 && order[j - 1] > word; --j) {
                order[j] = order[j - 1];
            }
            order[j] = word;
        }
    }
}
