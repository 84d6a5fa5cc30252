"""What the contracts' refusals mean, in plain words with the next step.

``output`` looks here for every refusal of the ledger. Refusals that a person at the command line cannot cause are left
out: they are said by the contract's own error name.
"""

from collections.abc import Mapping

from aicommons.domain import errors

NOT_A_MEMBER = "run `commons member apply`, then ask a registrar to run `commons member admit`"
WORDS: Mapping[str, tuple[str, str]] = {
    "MembershipNotRegistrar": ("this wallet is not a registrar", "ask a registrar of this commons to do it"),
    "MembershipAlreadyApproved": ("this registrar has agreed already", "ask another registrar to agree too"),
    "MembershipAlreadyApplied": (
        "this wallet applied already, with another profile or credential",
        "ask a registrar to run `commons member admit`; apply again as before to name another node key",
    ),
    "MembershipNoApplication": ("nobody applied from this address", "see `commons member list` for applications"),
    "MembershipAccountUsed": ("this wallet is a member already", "see `commons member list`"),
    "MembershipCredentialUsed": ("a member with this credential exists", "one membership per credential: use your own"),
    "MembershipNodeKeyUsed": ("this node key belongs to another member", "make a home with a node key of its own"),
    "MembershipNotActive": ("this wallet is not an active member", NOT_A_MEMBER),
    "MembershipWrongStatus": ("this member is not in the state for it", "see `commons member show MEMBER`"),
    "MembershipRoleUnchanged": ("the member has this role already, or has it not", "see `commons member show MEMBER`"),
    "MembershipRegistrarsInvalid": (
        "registrars are different accounts, and no more have to agree than there are",
        "name each once, with a --threshold between 1 and their number",
    ),
    "GovernedNotTimelock": ("only the members decide this, by a vote", "propose it: `commons vote propose`"),
    "GovernedSuccessorInvalid": ("there is no other contract at this address", "name the contract that takes over"),
    "TimelockUnexpectedOperationState": (
        "what was carried still waits, or was done before",
        "see `commons vote list`; `commons vote show PROPOSAL` says from when on",
    ),
    "GovernorUnableToCancel": (
        "only who proposed it takes it back, before its vote opens",
        "vote against it: `commons vote cast PROPOSAL against`",
    ),
    "FailedCall": (
        "a call of the proposal failed without a word: it may send coins that are not there",
        "see `commons vote show PROPOSAL`, which tries each call",
    ),
    "GovernorInvalidVotingPeriod": ("a vote is open for a second at the least", "propose a longer time"),
    "GovernorRestrictedProposer": ("another member wrote this proposal", "write one of your own"),
    "ProblemsNotMember": ("this wallet is not an active member", NOT_A_MEMBER),
    "ProblemsDeadlinePassed": ("the deadline is not in the future", "give more --days"),
    "ProblemsAlreadyStated": ("this problem was stated before", "see `commons problem list`"),
    "ProblemsBannedUse": ("the problem's purpose is unknown here or banned", "see `commons policy purposes`"),
    "ProblemsConflict": (
        "this member has another part in the problem already",
        "the judge is neither owner, payer nor solver, and the owner earns nothing",
    ),
    "ProblemsMemberInvalid": ("this is no active member", "see `commons member list`"),
    "ProblemsRulesInvalid": (
        "a review, or the time to challenge, is longer than rules may make it",
        "propose other rules: give fewer --review-hours or --challenge-hours",
    ),
    "ProblemsMilestonesInvalid": (
        "a payment is for 1 to 32 awards",
        "fund the others after it: run `commons problem fund PROBLEM` again",
    ),
    "ProblemsNotOpen": ("the problem is not open", "see `commons problem show PROBLEM`"),
    "ProblemsJudgeMissing": (
        "the problem has no judge, so that nobody could say who earned the money",
        "ask its owner to state it again with --judge",
    ),
    "ProblemsNotJudge": ("only the problem's judge may do this", "see `commons problem show PROBLEM`"),
    "ProblemsWrongAwardState": ("the award is in another state", "see `commons problem show PROBLEM`"),
    "ProblemsDuePassed": ("the time to judge is over", "give the money back: `commons problem refund PROBLEM AWARD`"),
    "ProblemsNotDue": ("only the judge gives it back before it is due", "see `commons problem show PROBLEM`"),
    "ProblemsNoStanding": (
        "only the problem's owner, the payer and auditors challenge a judgement",
        "tell one of them what is wrong",
    ),
    "ProblemsWindowOver": ("the judgement stands: it can be challenged no more", "see `commons problem show PROBLEM`"),
    "ProblemsWindowOpen": ("the judgement can still be challenged", "try again when that time is over"),
    "ProblemsMilestoneInvalid": (
        "an award is worth something and due in time",
        "give more DAYS: after a contest's submissions are shown, within ten years",
    ),
    "ProblemsContestInvalid": ("the contest leaves no time for submissions", "give more --commit-days"),
    "ProblemsNotThen": (
        "the problem is no contest, or it is not the time for this",
        "see `commons problem show PROBLEM`",
    ),
    "ProblemsAlreadyCommitted": ("this member fixed a submission already", "nothing is left to do but to show it"),
    "ProblemsCommitmentMismatch": ("this is not what was fixed", "use the home that fixed it"),
    "ProblemsAlreadyRevealed": ("this member has shown its submission already", "nothing is left to do"),
    "ProblemsNotRevealed": ("this member showed no submission", "see `commons problem show PROBLEM`"),
    "ProblemsNotOwner": ("only the problem's owner may do this", "see `commons problem show PROBLEM`"),
    "ProblemsNotEthicsBoard": (
        "only the ethics board sends a problem back",
        "tell one of them; the members give the role: `commons vote propose --grant-role MEMBER ethics-board`",
    ),
    "ProblemsWrongState": (
        "the problem is in another state: one in review is sent back or waits, and one that was sent back is amended",
        "see `commons problem show PROBLEM`",
    ),
    "ProblemsDocumentMissing": ("a digest of nothing but zeros stands for nothing", "name what is really meant"),
    "BondsStillOwed": ("the run is not over for this seat", "see `commons run show RUN`"),
    "BondsNone": ("no bond of this seat is locked", "see `commons vault show`"),
    "VaultNotExpired": (
        "it waits for its decision: a bond for the end of its run, an award for its judge",
        "see `commons vault show` for when anybody can bring it back",
    ),
    "VaultWrongLockState": ("this lock is over", "see `commons vault show`"),
    "VaultFeeToken": (
        "this token moves other amounts than it is told, so the vault takes none of it",
        "use another token",
    ),
    "VaultNotToken": ("there is no token at this address", "check the address"),
    "VaultTransferFailed": ("the receiver refused the coin", "give another one with --to"),
    "VaultReceiverInvalid": ("nobody could ever take it from there", "give another one with --to"),
    "VaultLockExpired": ("the time for it is over", "give the money back: `commons problem refund PROBLEM AWARD`"),
    "ERC6909InsufficientBalance": ("there is not so much in the vault for you", "run `commons vault deposit`"),
    "DataRegistryNotMember": ("this wallet is not an active member", NOT_A_MEMBER),
    "DataRegistryNotOwner": ("this dataset belongs to another member", "see `commons dataset list`"),
    "DataRegistryTermsInvalid": ("a consent needs a purpose, a use and a future", "give --purpose, --uses and --days"),
    "DataRegistryWrongState": ("the dataset is in another state", "see `commons dataset list`"),
    "DataRegistryUnknownConsent": ("there is no such consent", "see `commons consent list`"),
    "DataRegistryAlreadyRevoked": ("this consent was taken back before", "nothing is left to do"),
    "DataRegistryUseDenied": (
        "the consent does not permit this run now",
        "compare purpose, problem, solver, expiry and uses: `commons consent list` and `commons run show RUN`",
    ),
    "DataRegistryEntrusted": (
        "this dataset's consents are in the hands of a body, such as a co-op's governor",
        "propose it there: `commons coop propose DATASET`, with --purpose, --resume or --discharge; taking consents back stays with you too",
    ),
    "DataRegistryNotBody": ("this dataset is not entrusted to this account", "see `commons dataset show`"),
    "MembershipRecoveryPending": (
        "a recovery of this member is under way",
        "its account may veto it until it is finished",
    ),
    "MembershipNoRecovery": ("no recovery of this member is under way", "see `commons member list`"),
    "MembershipRecoveryUnripe": ("its account may still veto: the seven days are not over", "try again when they are"),
    "MembershipNotAccount": ("only the account that acts for this member may veto", "see `commons member list`"),
    "ModelRegistryNotInLineage": ("this model did not use the dataset", "see `commons model show RUN`"),
    "ModelRegistryNotOwner": ("only who holds the dataset may ask this of a model", "see `commons dataset list`"),
    "ModelRegistryUnknown": ("this run has no model", "see `commons run show RUN`"),
    "ModelRegistryWrongState": ("the model is in another state", "see `commons model show RUN`"),
    "ModelRegistryNotParticipant": (
        "only the run's solver and its participants may do this",
        "ask one of them; see `commons model shares RUN`",
    ),
    "ModelRegistryNotSolver": (
        "only the run's solver may do this, or a vote",
        """propose it: `commons vote propose --title T --reason R --call ModelRegistry.withdraw '["0x…", "0x…"]'`, with the run and a digest of the reason""",
    ),
    "ModelRegistryAuditsMissing": (
        "the model has too few audits",
        "ask auditors: `commons attest make audit RUN`; see `commons model audits RUN`",
    ),
    "ModelRegistryAuditsTooMany": (
        "more audits were shown than a release ever looks at",
        "name fewer: as many as `commons model audits RUN` says that are needed",
    ),
    "ModelRegistryRulesInvalid": (
        "a release looks at 1 to 48 audits",
        "propose other rules: give --audits such a number",
    ),
    "ModelRegistryAuditInvalid": (
        "one of these is no live audit of the model that passed, or a second one by the same auditor",
        "leave the ids out to show those that count; see `commons model audits RUN`",
    ),
    "ModelRegistryAuditTooEarly": (
        "an audit was made before it was asked for, or of another card",
        "ask its auditor to look again; see `commons model audits RUN`",
    ),
    "ModelRegistryPurposeBanned": (
        "the members banned the purpose that this model was made for",
        "a vote can lift the ban: `commons vote propose`",
    ),
    "ModelRegistryConflict": (
        "one of the auditors is too close to the model: it solved, judged, owned the problem, or took a seat",
        "ask an auditor who has nothing to do with the run",
    ),
    "ModelRegistryOpenHarm": (
        "the model is suspended: an objection is open",
        "a vote puts it back: `commons model resume RUN`",
    ),
    "ModelRegistryStale": (
        "a consent behind the model did not stand when it was used last",
        "see `commons model show RUN`; train again without it",
    ),
    "ModelRegistryTooEarly": (
        "the time in which the members may object is not over",
        "see `commons model show RUN` for when it is",
    ),
    "ModelRegistryNotHolder": ("another account takes this member's part", "use the member's own wallet"),
    "ModelRegistryNothingToClaim": ("there is nothing left for this member", "see `commons model shares RUN`"),
    "AttestationsNotMember": ("this wallet is not an active member", NOT_A_MEMBER),
    "AttestationsRoleMissing": (
        "this member does not hold the role that such a statement needs",
        "the members give roles by vote: auditor for audits and accreditations, ethics board for approvals",
    ),
    "AttestationsExpiryPassed": ("the statement would be over at once", "give more --days"),
    "AttestationsNotAttester": ("another member said this", "ask it to take its word back"),
    "AttestationsAlreadyRevoked": ("this statement was taken back before", "nothing is left to do"),
    "TrainingRunsNotSolver": ("only the run's solver may do this", "ask the solver, or wait until enrolment is over"),
    "TrainingRunsNotMember": ("this wallet is not an active member", NOT_A_MEMBER),
    "TrainingRunsWrongState": ("the run is in another state", "see `commons run show RUN`"),
    "TrainingRunsEnrolment": ("enrolment is over, or not yet over", "see `commons run show RUN`"),
    "TrainingRunsFull": (
        "all seats of this run are taken; no run has more than 48",
        "wait for the next run, or let a co-op that has a seat bring your dataset",
    ),
    "TrainingRunsTooFewStay": (
        "too few sites would stay: fewer than this run or the privacy of the others needs",
        "let the node run until the run's end, or stop it: the run then ends with its last agreed state once its patience is over",
    ),
    "TrainingRunsNotInSet": ("this site is not in the run any more", "see `commons run show RUN`"),
    "TrainingRunsNoSeat": ("this site has no seat in the run", "see `commons run show RUN`"),
    "TrainingRunsWrongPhase": (
        "the run is busy with another step",
        "try again in a moment; see `commons run show RUN`",
    ),
    "TrainingRunsAlreadyBrought": ("this seat brings the dataset already", "see `commons run show RUN`"),
    "TrainingRunsTooManyDatasets": (
        "a seat brings at most 65 datasets",
        "take those with the most rows, or let a second co-op take a seat with the others",
    ),
    "TrainingRunsAbsenceUnavailable": (
        "no run can cover for a silent site yet: that needs noise on single records",
        "choose `--absence wait` or `--absence exit`",
    ),
    "TrainingRunsAlreadyEnrolled": ("this member has a seat already", "see `commons run show RUN`"),
    "TrainingRunsNotOwner": ("the dataset or the consent is not yours", "see `commons dataset list`"),
    "TrainingRunsConsentNotLive": ("the consent is not live any more", "give a new one: `commons consent give`"),
    "ConsentRegisterNotOwner": ("this dataset belongs to another member", "see `commons dataset list`"),
    "ConsentRegisterAlreadyOpen": ("this dataset has a register already", "nothing is left to do"),
    "ConsentRegisterUnknown": ("this dataset has no register of people's consents", "let its owner open one"),
    "ConsentRegisterLeavesFell": (
        "the register holds fewer consents than were posted before",
        "restore the register from its newest backup: consents that were entered do not disappear",
    ),
    "ConsentRegisterNotIncluded": (
        "this consent is in none of the last eight postings of the register",
        "ask the steward for the receipt's present proof",
    ),
    "ConsentRegisterNotHolder": (
        "this key neither holds the consent nor is it the guardian's of a child",
        "sign with the key that the receipt names, or go to the steward",
    ),
    "ConsentRegisterAlreadyWithdrawn": ("this consent was taken back before", "nothing is left to do"),
    "ConsentRegisterDeadlinePassed": ("the signed withdrawal is too old", "sign it again"),
    "ConsentRegisterSignatureInvalid": (
        "the signature is not that of the named key",
        "sign this very withdrawal again",
    ),
    "GuardianshipsNotOrganisation": ("only an active organisation vouches for a guardian", NOT_A_MEMBER),
    "GuardianshipsNoFuture": ("the guardianship would be over at once", "give a day in the future"),
    "GuardianshipsNotAttester": ("another organisation vouched for this guardian", "ask it to take its word back"),
    "GuardianshipsAlreadyRevoked": ("this guardianship was taken back before", "nothing is left to do"),
    "RequestsNotMember": ("this wallet is not an active member", NOT_A_MEMBER),
    "RequestsUnknownDataset": ("there is no such dataset", "see `commons dataset list`"),
    "RequestsNotOwner": ("only the dataset's owner answers", "see `commons dataset list`"),
    "RequestsNotAsker": ("another member made this request", "use the wallet that asked"),
    "RequestsWrongState": ("the request is decided, or waits for the other side", "read what was answered"),
    "CoopMembersNotSteward": ("this wallet does not admit people here", "ask the co-op's steward"),
    "CoopMembersAlreadyMember": ("this key has a place in the co-op already", "nothing is left to do"),
    "CoopMembersCredentialUsed": ("this person has a place in the co-op already", "one place and one vote per person"),
    "CoopMembersUnknown": ("this key has no place in the co-op", "ask the co-op's steward"),
    "GovernorInsufficientProposerVotes": (
        "this key has no vote yet",
        "a new place in the commons or in a co-op counts from the next second: try again, or ask its registrars or steward",
    ),
    "GovernorAlreadyCastVote": ("this person has voted on it already", "nothing is left to do"),
    "GovernorInvalidSignature": ("the ballot was signed by another key, or was sent before", "sign a new ballot"),
    "GovernorUnexpectedProposalState": (
        "the proposal is not in the state for this: its vote is not open or not carried, or it was proposed before",
        "see its state and times: `commons vote show PROPOSAL`",
    ),
    "TrainingRunsSpecInvalid": ("a term of the run is out of range", "correct the named term"),
}
"""Custom error -> what happened, what to do."""
RUN_STATES: Mapping[object, tuple[str, str]] = {
    1: (
        "the run is still open for enrolment",
        "wait until its solver closes it (`commons run show RUN`); who wants out takes the consent back: `commons consent revoke CONSENT`",
    ),
    2: (
        "the sites are confirming who takes part; no round can be changed now",
        "wait until all have confirmed (`commons run show RUN`); who wants out takes the consent back: `commons consent revoke CONSENT`",
    ),
    3: ("the run is under way", "see where it stands: `commons run show RUN`"),
    4: ("the run is paused", "see whom it waits for: `commons run show RUN`"),
    5: ("the run is over: it is completed", "see its model: `commons model show RUN`"),
    6: ("the run is over: it ended early", "see why: `commons run show RUN`"),
    7: ("the run is over: it was aborted without a model", "see why: `commons run show RUN`"),
}
"""State of a run that takes no such call, as the contract counts them -> what that means, what to do."""


def in_words(err: errors.LedgerRefused) -> tuple[str, str] | None:
    """Return what a refusal means and the next step, or ``None`` when its own name must do."""
    if err.error is None or err.error not in WORDS:
        return None
    happened, next_step = WORDS[err.error]
    if err.error == "DataRegistryUseDenied" and len(err.arguments) == 2:
        happened = f"{happened}: {_denial(err.arguments[1])}"
    if err.error == "TrainingRunsSpecInvalid" and err.arguments and isinstance(err.arguments[0], bytes):
        happened = f"{happened}: {err.arguments[0].rstrip(bytes(1)).decode('ascii', 'replace')}"
    if err.error == "TrainingRunsTooFewStay" and len(err.arguments) == 2:
        happened = f"{happened}: {err.arguments[0]} would stay, {err.arguments[1]} are needed"
    if err.error == "TrainingRunsWrongState" and err.arguments and err.arguments[0] in RUN_STATES:
        happened, next_step = RUN_STATES[err.arguments[0]]
    return f"{happened} ({err.error})", err.next_step or next_step


def _denial(number: object) -> str:
    """Return a reason of ``DataRegistry.denial`` in words, to stand inside a sentence."""
    from aicommons.protocol import rules

    known: dict[object, str] = {each.value: each.reason for each in rules.Denial if each.is_on_ledger}
    reason = known.get(number, "It says why by a number that is unknown here.")
    return f"{reason[0].lower()}{reason[1:-1]}"
