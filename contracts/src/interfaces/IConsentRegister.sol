// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title People's consents behind one dataset
/// @notice A steward keeps people's consents off the ledger and posts one root over all of them and one over the list
/// of those that were taken back. Every consent can be proven alone, and its holder can take it back alone.
interface IConsentRegister {
    /// @notice One person's consent, as a leaf of the tree. Nothing in it says who the person is.
    /// @param datasetId The dataset that the person is in
    /// @param index Place in the register and in the status list, from 0
    /// @param commitment Salted commitment to the private consent record
    /// @param holder Key that takes the consent back, zero = nobody's
    /// @param guardian Key of who consented for a child, zero = the person consented itself
    /// @param guardianship Attestation in `Guardianships`, zero without a guardian
    /// @param majority First unix second at which the person decides alone
    /// @param expiry First unix second at which the consent is dead
    struct Leaf {
        uint256 datasetId;
        uint64 index;
        bytes32 commitment;
        address holder;
        address guardian;
        bytes32 guardianship;
        uint64 majority;
        uint64 expiry;
    }

    /// @notice What a register says now.
    /// @param owner Member id of the dataset's owner, 0 = there is no register
    /// @param leaves How many consents were ever entered
    /// @param posts How often it was posted
    /// @param root Root over the leaves
    /// @param status Root over the words of the status list
    struct Register {
        uint256 owner;
        uint64 leaves;
        uint64 posts;
        bytes32 root;
        bytes32 status;
    }

    /// @notice A dataset has a register from now on.
    event RegisterOpened(uint256 indexed datasetId, uint256 indexed owner);
    /// @notice The register's state from now on: all consents, and all that were taken back through the steward.
    event Posted(uint256 indexed datasetId, bytes32 root, uint64 leaves, bytes32 status);
    /// @notice Somebody took a consent back without the steward.
    event Withdrawn(uint256 indexed datasetId, uint64 index, bytes32 indexed leaf, address by);

    /// @notice Only the account of the dataset's owner may do this.
    error ConsentRegisterNotOwner(uint256 datasetId, address caller);
    /// @notice The dataset has a register already.
    error ConsentRegisterAlreadyOpen(uint256 datasetId);
    /// @notice The dataset has no register.
    error ConsentRegisterUnknown(uint256 datasetId);
    /// @notice A root that must not be zero is zero.
    error ConsentRegisterRootMissing();
    /// @notice Consents that were entered do not disappear.
    error ConsentRegisterLeavesFell(uint64 before, uint64 leaves);
    /// @notice The leaf is in none of the last eight posted roots.
    error ConsentRegisterNotIncluded(uint256 datasetId, bytes32 leaf);
    /// @notice Only the holder may take it back, and before majority the guardian.
    error ConsentRegisterNotHolder(bytes32 leaf, address by);
    /// @notice The consent was taken back before.
    error ConsentRegisterAlreadyWithdrawn(bytes32 leaf);
    /// @notice The signed withdrawal came after its own deadline.
    error ConsentRegisterDeadlinePassed(uint256 deadline);
    /// @notice The signature is not that of `by`.
    error ConsentRegisterSignatureInvalid(bytes32 leaf, address by);

    /// @notice Opens the register of one of the caller's datasets, empty.
    /// @param datasetId One of the caller's datasets
    function open(uint256 datasetId) external;

    /// @notice Posts the register's new state; any number of consents given and taken back at the same cost.
    /// @param datasetId One of the caller's datasets with a register
    /// @param root Root over all leaves
    /// @param leaves How many there are; never fewer than before
    /// @param status Root over the words of the status list
    function post(uint256 datasetId, bytes32 root, uint64 leaves, bytes32 status) external;

    /// @notice Takes a consent back as its holder or, before majority, its guardian. Cannot be paused.
    /// @param leaf The consent
    /// @param proof Siblings from the leaf up, to one of the last eight roots
    function withdraw(Leaf calldata leaf, bytes32[] calldata proof) external;

    /// @notice Takes a consent back with the signature of its holder or guardian, whoever sends it.
    /// @param leaf The consent
    /// @param proof Siblings from the leaf up, to one of the last eight roots
    /// @param deadline Last unix second at which the signature is good
    /// @param by Who signed
    /// @param signature EIP-712 `Withdraw(bytes32 leaf,uint256 deadline)`; ERC-1271 where `by` is a contract
    function withdrawBySignature(
        Leaf calldata leaf,
        bytes32[] calldata proof,
        uint256 deadline,
        address by,
        bytes calldata signature
    ) external;

    /// @notice Whether a consent may be relied on now.
    /// @param leaf The consent
    /// @param proof Siblings from the leaf up to the present root
    /// @param word The word of the status list that holds the consent's bit
    /// @param statusProof Siblings from the word up to the present status root
    function isLive(Leaf calldata leaf, bytes32[] calldata proof, uint256 word, bytes32[] calldata statusProof)
        external
        view
        returns (bool live);

    /// @notice Whether somebody took the consent back without the steward.
    /// @param leaf Hash of the leaf
    function isWithdrawn(bytes32 leaf) external view returns (bool withdrawn);

    /// @notice The hash of a leaf in this register on this chain.
    /// @param leaf The consent
    function leafHash(Leaf calldata leaf) external view returns (bytes32 hash);

    /// @notice The register of a dataset.
    /// @param datasetId Any id
    function register(uint256 datasetId) external view returns (Register memory record);
}
