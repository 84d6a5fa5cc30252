// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentRegister} from "../src/ConsentRegister.sol";
import {IConsentRegister} from "../src/interfaces/IConsentRegister.sol";
import {ConsentTree} from "../src/libraries/ConsentTree.sol";
import {ConsentTest} from "./base/ConsentTest.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A wallet that is a contract: it signs with the key of its owner (ERC-1271).
contract ContractWallet {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(hash, signature) == _owner ? this.isValidSignature.selector : bytes4(0);
    }
}

contract ConsentRegisterTest is ConsentTest {
    // --------------------------------------------------------------------------------------------------------- opening

    function test_open_startsEmpty() public {
        uint256 datasetId = _list(2);
        vm.prank(_account(2));
        vm.expectEmit(address(register));
        emit IConsentRegister.RegisterOpened(datasetId, 2);
        register.open(datasetId);
        IConsentRegister.Register memory opened = register.register(datasetId);
        vm.assertEq(opened.owner, 2);
        vm.assertEq(opened.leaves, 0);
        vm.assertEq(opened.posts, 0);
        vm.assertEq(opened.root, keccak256("AI Commons empty register"));
        vm.assertEq(opened.status, opened.root);
    }

    /// @dev Once, by the owner of a dataset that exists.
    function test_open_failsForOthersAndTwice(uint256 datasetId) public {
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterAlreadyOpen.selector, 1));
        register.open(1);
        _expectNotOwner(1, _account(2));
        register.open(1);
        datasetId = _between(datasetId, 2, type(uint256).max - 1);
        _expectNotOwner(datasetId, _account(1));
        register.open(datasetId);
    }

    function _expectNotOwner(uint256 datasetId, address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterNotOwner.selector, datasetId, caller));
    }

    // --------------------------------------------------------------------------------------------------------- posting

    function test_post_isTheStateFromNowOn(bytes32 root, uint64 leaves, bytes32 status, uint64 more) public {
        vm.assume(root != 0 && status != 0);
        leaves = uint64(_between(leaves, 0, type(uint64).max - 1));
        for (uint256 i; i < 2; ++i) {
            vm.prank(_account(1));
            vm.expectEmit(address(register));
            emit IConsentRegister.Posted(1, root, leaves, status);
            register.post(1, root, leaves, status);
            IConsentRegister.Register memory posted = register.register(1);
            vm.assertEq(posted.root, root);
            vm.assertEq(posted.leaves, leaves);
            vm.assertEq(posted.status, status);
            vm.assertEq(posted.posts, i + 1);
            vm.assertEq(posted.owner, 1);
            (root, status) = (keccak256(abi.encode(root)), keccak256(abi.encode(status)));
            leaves = uint64(_between(more, leaves, type(uint64).max - 1));
        }
    }

    function test_post_failsIfLeavesFall(uint64 before, uint64 leaves) public {
        before = uint64(_between(before, 1, type(uint64).max - 1));
        leaves = uint64(_between(leaves, 0, before - 1));
        vm.startPrank(_account(1));
        register.post(1, "root", before, "status");
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterLeavesFell.selector, before, leaves));
        register.post(1, "root", leaves, "status");
        vm.stopPrank();
    }

    function test_post_failsOnBadInput(address stranger) public {
        vm.assume(stranger != _account(1));
        _assumePowerless(stranger);
        _expectNotOwner(1, stranger);
        register.post(1, "root", 1, "status");
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterUnknown.selector, 2));
        register.post(2, "root", 1, "status");
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterRootMissing.selector));
        register.post(1, 0, 1, "status");
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterRootMissing.selector));
        register.post(1, "root", 1, 0);
        vm.stopPrank();
    }

    /// @dev What people took back must come through, whatever is held against the steward.
    function test_post_worksForASuspendedOwner() public {
        _suspendMember(1);
        _post(_hashes(3), 1);
        vm.assertEq(register.register(1).leaves, 3);
    }

    // ----------------------------------------------------------------------------------------------------- withdrawing

    function test_withdraw_isForEver(uint256 count, uint64 index) public {
        count = _between(count, 1, 40);
        index = uint64(_between(index, 0, count - 1));
        bytes32[] memory hashes = _hashes(count);
        _post(hashes, 0);
        IConsentRegister.Leaf memory leaf = _leaf(index);
        vm.assertTrue(_isLive(leaf, hashes, 0));
        bytes32[] memory proof = _proof(hashes, index);
        vm.prank(vm.addr(HOLDER));
        vm.expectEmit(address(register));
        emit IConsentRegister.Withdrawn(1, index, hashes[index], vm.addr(HOLDER));
        register.withdraw(leaf, proof);
        vm.assertTrue(register.isWithdrawn(hashes[index]));
        vm.assertFalse(_isLive(leaf, hashes, 0));
        _replay(leaf, count + 1);
    }

    /// @dev A steward that posts the withdrawn consent again does not make it live, and it cannot be withdrawn twice.
    function _replay(IConsentRegister.Leaf memory leaf, uint256 count) private {
        bytes32[] memory hashes = _hashes(count);
        _post(hashes, 0);
        vm.assertFalse(_isLive(leaf, hashes, 0), "live again");
        bytes32[] memory proof = _proof(hashes, leaf.index);
        vm.prank(leaf.holder);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegister.ConsentRegisterAlreadyWithdrawn.selector, hashes[leaf.index])
        );
        register.withdraw(leaf, proof);
    }

    /// @dev Nobody but the holder, and nobody at all for a consent without a key.
    function test_withdraw_failsForOthers(address stranger) public {
        vm.assume(stranger != vm.addr(HOLDER));
        _assumePowerless(stranger);
        bytes32[] memory hashes = _hashes(2);
        IConsentRegister.Leaf memory keyless = _leaf(1);
        keyless.holder = address(0);
        hashes[1] = register.leafHash(keyless);
        _post(hashes, 0);
        _expectNotHolder(_leaf(0), hashes, stranger);
        _expectNotHolder(keyless, hashes, address(0));
        _expectNotHolder(keyless, hashes, _account(1));
    }

    function _expectNotHolder(IConsentRegister.Leaf memory leaf, bytes32[] memory hashes, address by) private {
        bytes32[] memory proof = _proof(hashes, leaf.index);
        bytes32 hash = register.leafHash(leaf);
        vm.prank(by);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterNotHolder.selector, hash, by));
        register.withdraw(leaf, proof);
    }

    /// @dev Rows: a field changed, a proof cut or grown, another's proof, another dataset's register, none at all.
    function test_withdraw_failsIfNotIncluded(bytes32 noise) public {
        bytes32[] memory hashes = _hashes(5);
        _post(hashes, 0);
        uint256 other = _list(2);
        vm.prank(_account(2));
        register.open(other);
        IConsentRegister.Leaf memory leaf = _leaf(2);
        bytes32[] memory proof = _proof(hashes, 2);
        leaf.commitment = noise;
        _expectNotIncluded(leaf, proof);
        leaf = _leaf(2);
        leaf.expiry += 1;
        _expectNotIncluded(leaf, proof);
        _expectNotIncluded(_leaf(2), _proof(hashes, 3));
        _expectNotIncluded(_leaf(2), new bytes32[](0));
        bytes32[] memory longer = new bytes32[](proof.length + 1);
        longer[0] = noise;
        _expectNotIncluded(_leaf(2), longer);
        leaf = _leaf(2);
        leaf.datasetId = other;
        _expectNotIncluded(leaf, proof);
        leaf.datasetId = 99;
        _expectNotIncluded(leaf, proof);
    }

    function _expectNotIncluded(IConsentRegister.Leaf memory leaf, bytes32[] memory proof) private {
        bytes32 hash = register.leafHash(leaf);
        vm.prank(vm.addr(HOLDER));
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegister.ConsentRegisterNotIncluded.selector, leaf.datasetId, hash)
        );
        register.withdraw(leaf, proof);
    }

    /// @dev A steward that posts while a person withdraws does not get in its way: a proof outlives seven postings.
    function test_withdraw_takesAProofOfTheLastEightRoots(uint256 postings) public {
        postings = _between(postings, 0, 12);
        bytes32[] memory hashes = _hashes(3);
        _post(hashes, 0);
        for (uint256 i; i < postings; ++i) {
            vm.prank(_account(1));
            register.post(1, keccak256(abi.encode(i)), 3, "status");
        }
        if (postings >= 8) return _expectNotIncluded(_leaf(1), _proof(hashes, 1));
        bytes32[] memory proof = _proof(hashes, 1);
        vm.prank(vm.addr(HOLDER));
        register.withdraw(_leaf(1), proof);
        vm.assertTrue(register.isWithdrawn(hashes[1]));
    }

    /// @dev Nothing in the commons that is suspended, retired or left keeps a person from withdrawing.
    function test_withdraw_cannotBePaused() public {
        bytes32[] memory hashes = _hashes(3);
        _post(hashes, 0);
        vm.prank(_account(1));
        data.retire(1);
        _suspendMember(1);
        bytes32[] memory proof = _proof(hashes, 1);
        vm.prank(vm.addr(HOLDER));
        register.withdraw(_leaf(1), proof);
        vm.assertTrue(register.isWithdrawn(hashes[1]));
    }

    // ------------------------------------------------------------------------------------------------------- guardians

    function _childsLeaf(bytes32 guardianship, uint64 majority)
        private
        pure
        returns (IConsentRegister.Leaf memory leaf)
    {
        leaf = _leaf(0);
        leaf.holder = address(0);
        (leaf.guardian, leaf.guardianship, leaf.majority) = (vm.addr(GUARDIAN), guardianship, majority);
    }

    function _attest(uint64 until) private returns (bytes32 id) {
        vm.prank(_account(2));
        return guardianships.attest("ward", vm.addr(GUARDIAN), until, "evidence");
    }

    function _postOne(IConsentRegister.Leaf memory leaf) private returns (bytes32[] memory hashes) {
        hashes = new bytes32[](1);
        hashes[0] = register.leafHash(leaf);
        _post(hashes, 0);
    }

    /// @dev The guardian takes it back until majority; then it is the person's, and the consent is dead anyway.
    function test_withdraw_byTheGuardianEndsAtMajority(uint64 majority, uint64 now_) public {
        majority = uint64(_between(majority, START + 1, START + 1000));
        now_ = uint64(_between(now_, START, START + 2000));
        IConsentRegister.Leaf memory leaf = _childsLeaf(_attest(majority), majority);
        bytes32[] memory hashes = _postOne(leaf);
        vm.warp(now_);
        vm.assertTrue(_isLive(leaf, hashes, 0) == (now_ < majority));
        if (now_ >= majority) return _expectNotHolder(leaf, hashes, vm.addr(GUARDIAN));
        vm.prank(vm.addr(GUARDIAN));
        register.withdraw(leaf, new bytes32[](0));
        vm.assertFalse(_isLive(leaf, hashes, 0));
    }

    /// @dev Rows: revoked, over, its attester suspended, another's, none, and what gives it back.
    function test_isLive_followsTheGuardianship(uint256 row) public {
        row = _between(row, 0, 4);
        uint64 until = uint64(START + 100);
        bytes32 id = row == 4 ? bytes32("none") : _attest(until);
        IConsentRegister.Leaf memory leaf = _childsLeaf(id, uint64(START + 1000));
        if (row == 3) leaf.guardian = vm.addr(HOLDER);
        bytes32[] memory hashes = _postOne(leaf);
        vm.assertTrue(_isLive(leaf, hashes, 0) == (row < 3), "before");
        if (row == 0) {
            vm.prank(_account(2));
            guardianships.revoke(id);
        } else if (row == 1) {
            vm.warp(until);
        } else if (row == 2) {
            _suspendMember(2);
        }
        vm.assertFalse(_isLive(leaf, hashes, 0), "after");
        if (row != 2) return;
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.reinstate(2);
        }
        vm.assertTrue(_isLive(leaf, hashes, 0), "reinstated");
    }

    /// @dev Default deny: a child's own consent without a guardian is none.
    function test_isLive_deniesAChildWithoutAGuardian(uint64 majority) public {
        majority = uint64(_between(majority, START + 1, type(uint64).max - 1));
        IConsentRegister.Leaf memory leaf = _leaf(0);
        leaf.majority = majority;
        bytes32[] memory hashes = _postOne(leaf);
        vm.assertFalse(_isLive(leaf, hashes, 0));
    }

    // ------------------------------------------------------------------------------------------------------ status list

    /// @dev Live are exactly those whose bit is not set, also beyond the first word.
    /// forge-config: default.fuzz.runs = 32
    function test_isLive_readsTheStatusList(uint256 bits, uint64 index) public {
        index = uint64(_between(index, 0, 299));
        bytes32[] memory hashes = _hashes(300);
        _post(hashes, bits);
        vm.assertTrue(_isLive(_leaf(index), hashes, bits) == (index >= 256 || bits >> index & 1 == 0));
    }

    /// @dev Rows: another word than posted, the right word at another place, an old root, an old status, beyond the leaves.
    function test_isLive_deniesWhatIsNotProven() public {
        bytes32[] memory hashes = _hashes(300);
        bytes32[] memory words = _words(300, 6);
        _post(hashes, 6);
        bytes32[] memory proof = _proof(hashes, 1);
        vm.assertFalse(register.isLive(_leaf(1), proof, 6, _proof(words, 0)), "withdrawn");
        vm.assertFalse(register.isLive(_leaf(1), proof, 4, _proof(words, 0)), "another word");
        vm.assertFalse(register.isLive(_leaf(1), proof, 0, _proof(words, 1)), "another place");
        proof = _proof(hashes, 3);
        vm.assertTrue(register.isLive(_leaf(3), proof, 6, _proof(words, 0)), "good");
        vm.assertFalse(register.isLive(_leaf(3), _proof(hashes, 2), 6, _proof(words, 0)), "another's proof");
        _post(_hashes(301), 6);
        vm.assertFalse(register.isLive(_leaf(3), proof, 6, _proof(words, 0)), "an old root");
        bytes32 root = _root(_hashes(301));
        vm.prank(_account(1));
        register.post(1, root, 301, "status");
        vm.assertFalse(register.isLive(_leaf(3), _proof(_hashes(301), 3), 6, _proof(words, 0)), "an old status");
    }

    function test_isLive_deniesAnIndexBeyondTheLeaves(uint64 index) public {
        index = uint64(_between(index, 1, type(uint64).max - 1));
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = register.leafHash(_leaf(index));
        bytes32 status = ConsentTree.wordOf(1, index / 256, 0);
        vm.prank(_account(1));
        register.post(1, hashes[0], 1, status);
        vm.assertFalse(register.isLive(_leaf(index), new bytes32[](0), 0, new bytes32[](0)));
        vm.prank(_account(1));
        register.post(1, hashes[0], index + 1, status);
        vm.assertTrue(register.isLive(_leaf(index), new bytes32[](0), 0, new bytes32[](0)));
    }

    function test_isLive_endsAtExpiry(uint64 expiry) public {
        expiry = uint64(_between(expiry, START + 1, START + 1000));
        IConsentRegister.Leaf memory leaf = _leaf(0);
        leaf.expiry = expiry;
        bytes32[] memory hashes = _postOne(leaf);
        vm.warp(expiry - 1);
        vm.assertTrue(_isLive(leaf, hashes, 0), "last second");
        vm.warp(expiry);
        vm.assertFalse(_isLive(leaf, hashes, 0), "expired");
    }

    /// @dev Nothing is live in a register that is empty or not there.
    function test_isLive_deniesTheUnknown(IConsentRegister.Leaf calldata leaf, bytes32[] calldata proof, uint256 word)
        public
        view
    {
        vm.assertFalse(register.isLive(leaf, proof, word, proof));
    }

    // ------------------------------------------------------------------------------------------------------ signatures

    function _signed(uint256 key, address place, bytes32 leaf, uint256 deadline) private view returns (bytes memory) {
        bytes32 kind = keccak256("Withdraw(bytes32 leaf,uint256 deadline)");
        bytes32 domain = _domain("AI Commons Consent Register", "1", place);
        return _sign(key, domain, keccak256(abi.encode(kind, leaf, deadline)));
    }

    function test_withdrawBySignature_isSentByAnybody(address sender, uint256 deadline) public {
        deadline = _between(deadline, START, type(uint256).max - 1);
        bytes32[] memory hashes = _hashes(7);
        _post(hashes, 0);
        bytes memory signature = _signed(HOLDER, address(register), hashes[4], deadline);
        bytes32[] memory proof = _proof(hashes, 4);
        vm.prank(sender);
        vm.expectEmit(address(register));
        emit IConsentRegister.Withdrawn(1, 4, hashes[4], vm.addr(HOLDER));
        register.withdrawBySignature(_leaf(4), proof, deadline, vm.addr(HOLDER), signature);
        vm.assertFalse(_isLive(_leaf(4), hashes, 0));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterAlreadyWithdrawn.selector, hashes[4]));
        register.withdrawBySignature(_leaf(4), proof, deadline, vm.addr(HOLDER), signature);
    }

    /// @dev Rows: another signer, leaf, deadline, contract, chain, and no signature at all.
    function test_withdrawBySignature_isBoundToEverything() public {
        bytes32[] memory hashes = _hashes(2);
        _post(hashes, 0);
        uint256 deadline = START + 60;
        bytes[6] memory bad = [
            _signed(GUARDIAN, address(register), hashes[0], deadline),
            _signed(HOLDER, address(register), hashes[1], deadline),
            _signed(HOLDER, address(register), hashes[0], deadline + 1),
            _signed(HOLDER, address(data), hashes[0], deadline),
            _signedOnAnotherChain(hashes[0], deadline),
            bytes("garbled")
        ];
        bytes32[] memory proof = _proof(hashes, 0);
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IConsentRegister.ConsentRegisterSignatureInvalid.selector, hashes[0], vm.addr(HOLDER)
                )
            );
            register.withdrawBySignature(_leaf(0), proof, deadline, vm.addr(HOLDER), bad[i]);
        }
    }

    function _signedOnAnotherChain(bytes32 leaf, uint256 deadline) private returns (bytes memory signature) {
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        signature = _signed(HOLDER, address(register), leaf, deadline);
        vm.chainId(here);
    }

    /// @dev A leaf of another chain or another register is no leaf of this one.
    function test_leafHash_isBoundToChainAndRegister() public {
        bytes32 here = register.leafHash(_leaf(0));
        ConsentRegister other = new ConsentRegister(membership, data, guardianships, _authority());
        vm.assertFalse(other.leafHash(_leaf(0)) == here, "register");
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        vm.assertFalse(register.leafHash(_leaf(0)) == here, "chain");
        vm.chainId(chain);
        vm.assertEq(register.leafHash(_leaf(0)), here);
    }

    function test_withdrawBySignature_failsAfterItsDeadline(uint256 deadline) public {
        deadline = _between(deadline, 0, START - 1);
        bytes32[] memory hashes = _hashes(1);
        _post(hashes, 0);
        bytes memory signature = _signed(HOLDER, address(register), hashes[0], deadline);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegister.ConsentRegisterDeadlinePassed.selector, deadline));
        register.withdrawBySignature(_leaf(0), new bytes32[](0), deadline, vm.addr(HOLDER), signature);
    }

    /// @dev A good signature of somebody who has no say is of no use.
    function test_withdrawBySignature_failsForStrangers() public {
        bytes32[] memory hashes = _hashes(1);
        _post(hashes, 0);
        bytes memory signature = _signed(GUARDIAN, address(register), hashes[0], START);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegister.ConsentRegisterNotHolder.selector, hashes[0], vm.addr(GUARDIAN))
        );
        register.withdrawBySignature(_leaf(0), new bytes32[](0), START, vm.addr(GUARDIAN), signature);
    }

    /// @dev A holder whose wallet is a contract signs by ERC-1271, and only as that contract says.
    function test_withdrawBySignature_takesContractWallets() public {
        IConsentRegister.Leaf memory leaf = _leaf(0);
        leaf.holder = address(new ContractWallet(vm.addr(HOLDER)));
        bytes32[] memory hashes = _postOne(leaf);
        bytes memory bad = _signed(GUARDIAN, address(register), hashes[0], START);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegister.ConsentRegisterSignatureInvalid.selector, hashes[0], leaf.holder)
        );
        register.withdrawBySignature(leaf, new bytes32[](0), START, leaf.holder, bad);
        bytes memory good = _signed(HOLDER, address(register), hashes[0], START);
        register.withdrawBySignature(leaf, new bytes32[](0), START, leaf.holder, good);
        vm.assertTrue(register.isWithdrawn(hashes[0]));
    }
}
