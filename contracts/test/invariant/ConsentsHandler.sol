// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../../src/interfaces/IDataRegistry.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

/// @notice Plays owners, bodies, registrars and a runs contract over a few datasets. It keeps its own book of who revoked
/// what and when a consent ends, and decides from that alone whether a rule broke.
contract ConsentsHandler is CommonsTest {
    uint256 private constant OWNERS = 3;
    uint256 private constant BODIES = 2;

    // Rules.
    bool public deadUsed;
    bool public givenByOthers;
    bool public revokeRefused;
    bool public bannedUsed;
    bool public bannedByOthers;
    bool public pastForgotten;

    // How often the walk got somewhere.
    uint256 public uses;
    uint256 public revocations;
    uint256 public givenByBodies;
    uint256 public bans;
    uint256 public livedBefore;

    /// @dev `over` is the first second after which the consent no longer stands, 0 = it stands.
    struct Book {
        IDataRegistry.ConsentTerms terms;
        bool revoked;
        uint32 uses;
        uint256 given;
        uint256 over;
    }

    uint256 private _banned = BANNED_BIT;

    bytes32[] private _given;
    mapping(bytes32 consentId => Book) private _books;
    mapping(uint256 datasetId => address) private _bodies;

    constructor() {
        super.setUp();
        _admit(1, OWNERS);
        for (uint256 id = 1; id <= OWNERS; ++id) {
            _list(id);
        }
    }

    function setUp() public override {}

    /// @notice Anybody gives anything; what is accepted is written down.
    function give(uint256 word) external {
        IDataRegistry.ConsentTerms memory terms = _terms(_between(word, 1, OWNERS));
        (terms.purposes, terms.maxUses) = ((word >> 8) % 8, uint32((word >> 16) % 4));
        terms.expiry = uint64(vm.getBlockTimestamp() + (word >> 24) % 20 days);
        address caller = _anybody(word >> 64);
        address body = _bodies[terms.datasetId];
        vm.prank(caller);
        try data.give(terms) returns (bytes32 consentId) {
            if (caller != (body == address(0) ? _account(terms.datasetId) : body)) givenByOthers = true;
            if (body != address(0)) ++givenByBodies;
            _given.push(consentId);
            _books[consentId].terms = terms;
            _books[consentId].given = vm.getBlockTimestamp();
        } catch {}
    }

    /// @notice Its owner or its body revokes; has to work whatever else is suspended.
    function revoke(uint256 word) external {
        if (_given.length == 0 || word % 4 == 0) return;
        bytes32 consentId = _given[(word >> 8) % _given.length];
        Book storage book = _books[consentId];
        address body = _bodies[book.terms.datasetId];
        if (book.revoked) return;
        vm.prank(body != address(0) && (word >> 40) % 2 == 0 ? body : _account(book.terms.datasetId));
        try data.revoke(consentId) {
            book.revoked = true;
            if (book.over == 0) book.over = vm.getBlockTimestamp();
            ++revocations;
        } catch {
            revokeRefused = true;
        }
    }

    /// @notice A run asks for any consent, for every purpose.
    function use(uint256 word) external {
        if (_given.length == 0) return;
        bytes32 consentId = _given[word % _given.length];
        for (uint256 i; i < 3; ++i) {
            _use(word, consentId, ((word >> 32) % 3 + i) % 3);
        }
    }

    function _use(uint256 word, bytes32 consentId, uint256 bit) private {
        Book storage book = _books[consentId];
        IDataRegistry.Use memory wanted = IDataRegistry.Use(book.terms.datasetId, _purposes()[bit], 0, 1, false, 0);
        vm.prank(address(runs));
        try data.use(consentId, bytes32(word), wanted) {
            ++uses;
            bool isOver = vm.getBlockTimestamp() >= book.terms.expiry || ++book.uses > book.terms.maxUses;
            if (book.revoked || isOver || !membership.isActive(book.terms.datasetId)) deadUsed = true;
            if (data.dataset(book.terms.datasetId).state != IDataRegistry.DatasetState.Listed) deadUsed = true;
            if (_banned >> bit & 1 == 1) bannedUsed = true;
        } catch {}
    }

    /// @notice An owner puts its dataset into a body's hands, or a body gives one back.
    function entrust(uint256 word) external {
        uint256 datasetId = _between(word, 1, OWNERS);
        address body = _body(word >> 16);
        if ((word >> 8) % 2 == 0) {
            vm.prank(_account(datasetId));
            try data.entrust(datasetId, body) {
                _bodies[datasetId] = body;
                _end(datasetId);
            } catch {}
        } else {
            vm.prank(_anybody(word >> 24));
            try data.discharge(datasetId) {
                delete _bodies[datasetId];
            } catch {}
        }
    }

    /// @notice Anybody moves a dataset, registrars move its owner; time passes.
    function move(uint256 word) external {
        uint256 datasetId = _between(word, 1, OWNERS);
        vm.warp(vm.getBlockTimestamp() + (word >> 8) % 2 days);
        uint256 kind = (word >> 40) % 4;
        vm.prank(kind < 2 ? _anybody(word >> 48) : _registrar((word >> 48) % 3));
        if (kind == 0) try data.suspend(datasetId) {} catch {}
        if (kind == 1) try data.resume(datasetId) {} catch {}
        if (kind == 2) try membership.suspend(datasetId) {} catch {}
        if (kind == 3) try membership.reinstate(datasetId) {} catch {}
    }

    /// @notice The members' vote, or anybody, bans other purposes.
    function ban(uint256 word) external {
        address caller = word % 4 == 0 ? _anybody(word >> 8) : address(timelock);
        vm.prank(caller);
        uint256 banned = (word >> 16) % 8 & (word >> 24) % 8 & (word >> 32) % 8; // mostly few
        try data.changeBanned(banned, ~banned) {
            if (caller != address(timelock)) bannedByOthers = true;
            _banned = banned;
            ++bans;
        } catch {}
    }

    /// @notice Somebody asks whether a consent stood at a time, past or to come.
    function remember(uint256 word) external {
        if (_given.length == 0) return;
        bytes32 consentId = _given[word % _given.length];
        Book storage book = _books[consentId];
        uint256 time = (word >> 32) % 3 == 0 ? book.over : START + (word >> 40) % (vm.getBlockTimestamp() + 1 - START);
        bool lived = time >= book.given && time < book.terms.expiry && (book.over == 0 || time <= book.over);
        if (lived && book.over != 0) ++livedBefore;
        if (data.livedAt(consentId, uint64(time)) != lived) pastForgotten = true;
    }

    /// @dev Entrusting ends what was given before, once.
    function _end(uint256 datasetId) private {
        for (uint256 i; i < _given.length; ++i) {
            Book storage book = _books[_given[i]];
            if (book.terms.datasetId == datasetId && book.over == 0) book.over = vm.getBlockTimestamp();
        }
    }

    function _anybody(uint256 word) private pure returns (address) {
        return word % 3 == 0 ? _body(word >> 8) : _account(_between(word >> 8, 1, OWNERS));
    }

    function _body(uint256 word) private pure returns (address) {
        return address(uint160(0xB0D70 + word % BODIES));
    }
}
