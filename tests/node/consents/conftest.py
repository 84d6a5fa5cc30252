"""What the register's tests share: a home's keys, a register, and consents as a steward enters them."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import pytest

from aicommons.domain import consents, ids, signature
from aicommons.node.consents import register, sealing

DATASET = 3
GIVEN_AT = 1_790_000_000
EXPIRY = 1_900_000_000


class Signer:
    """A key in memory."""

    def __init__(self, number: int) -> None:
        self._secret = number.to_bytes(32, "big")
        self.address: ids.Address = signature.address_of(self._secret)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return 65 bytes over ``digest``."""
        return signature.sign(self._secret, digest)


@dataclasses.dataclass
class Office:
    """A steward's desk."""

    folder: pathlib.Path
    key: sealing.Key
    register: register.Register

    def consent(self, person: str, **changed: object) -> consents.ConsentRecord:
        """Return an adult's consent on paper to disease-specific research."""
        made = consents.ConsentRecord(
            record=b"\x01" * 32,
            tag=self.register.tag(DATASET, person),
            subject=consents.Subject.ADULT,
            majority=None,
            holder=None,
            guardian=None,
            purposes=("DUO:0000007",),
            commercial=False,
            scope=consents.Scope(DATASET, (), None, None),
            basis=consents.Basis.EXPLICIT,
            expiry=EXPIRY,
            max_uses=None,
            given=consents.Given.ON_PAPER,
            evidence=b"\x02" * 32,
            steward="Amina",
            controller="A clinic",
            notice=None,
            language="en",
            withdrawal="with the code on this receipt",
            history=(consents.Change(consents.Status.GIVEN, GIVEN_AT, "steward Amina", None),),
        )
        return dataclasses.replace(made, **changed)

    def child(self, person: str, majority: int, **guardian: object) -> consents.ConsentRecord:
        """Return the consent of a child's mother."""
        mother = consents.Guardian("A mother", "mother", b"\x04" * 32, None, None)
        return self.consent(
            person,
            subject=consents.Subject.CHILD,
            majority=majority,
            guardian=dataclasses.replace(mother, **guardian),
        )

    def enter(self, *people: str) -> dict[str, str]:
        """Enter plain consents; return person -> withdrawal code."""
        made = self.register.enter([self.consent(person) for person in people])
        return {person: code for person, (_, code) in zip(people, made, strict=True)}

    def withdraw(self, person: str, at: int = GIVEN_AT + 100) -> None:
        """Take a person's consents back through the steward."""
        gone = consents.Change(consents.Status.WITHDRAWN, at, "steward Amina", None)
        for number in self.register.of_person(DATASET, self.register.tag(DATASET, person)):
            self.register.change(DATASET, number, gone)


@pytest.fixture
def office(tmp_path: pathlib.Path) -> Iterator[Office]:
    """A steward's desk with an empty register."""
    key = sealing.KeyFile(tmp_path / "consents" / "key.json").create(Signer(1), Signer(2))
    with contextlib.closing(register.Register(tmp_path / "consents" / "register.db", key)) as opened:
        yield Office(tmp_path, key, opened)
