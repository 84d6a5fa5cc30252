"""What a member does at its own desk: problem, dataset, consent, plan, run, requests, people's registers, co-ops.

The command line, the demo, the portal and ``testing`` call it; nodes never do. Its names are these; the modules are its own.
"""

from aicommons.office.acting import NodeSigner, Registry
from aicommons.office.coops import Act, CoopDesk
from aicommons.office.desk import ORGANISATION, Desk
from aicommons.office.models import Attestation, ModelDesk
from aicommons.office.money import Milestone, MoneyDesk, Token
from aicommons.office.terms import ANYTHING_BUT_BANNED, DEFAULT_PURPOSE, GENERAL_PURPOSE, Offer, Seat, Use, consent
from aicommons.office.votes import Trial, VoteDesk
from aicommons.protocol.governance import Call, Meaning

__all__ = [
    "ANYTHING_BUT_BANNED",
    "DEFAULT_PURPOSE",
    "GENERAL_PURPOSE",
    "ORGANISATION",
    "Act",
    "Attestation",
    "Call",
    "CoopDesk",
    "Desk",
    "Meaning",
    "Milestone",
    "ModelDesk",
    "MoneyDesk",
    "NodeSigner",
    "Offer",
    "Registry",
    "Seat",
    "Token",
    "Trial",
    "Use",
    "VoteDesk",
    "consent",
]
