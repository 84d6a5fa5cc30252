"""Typed access: every function of every contract has a method, which asks for just that function with values of its types."""

import dataclasses
import enum
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Sequence
from typing import Any

import pytest
from tests.ledger import abi_values

from aicommons import testing
from aicommons.domain import encoding, errors, ids
from aicommons.ledger import bindings, contracts
from aicommons.ledger.bindings import access, attestations, guardianships, membership, problems

NAMES = (*contracts.NAMES, *contracts.PER_COOP)


MODULES = [
    importlib.import_module(f"{bindings.__name__}.{each.name}") for each in pkgutil.iter_modules(bindings.__path__)
]
"""Every generated module, and what they share."""


def module_of(name: str) -> types.ModuleType:
    """Return a contract's module."""
    return next(module for module in MODULES if hasattr(module, name))


class Recorder:
    """Takes calls, encodes them as a client does, and answers zeros that went through the ABI."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def transact(
        self, contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0
    ) -> None:
        """Encode."""
        entry = contracts.load(contract).functions[function]
        assert not entry.is_view
        encoding.abi_encode(entry.types, values)
        self.asked.append((contract, f"{entry.name}({','.join(entry.types)})"))

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Encode and answer."""
        entry = contracts.load(contract).functions[function]
        assert entry.is_view
        encoding.abi_encode(entry.types, values)
        self.asked.append((contract, f"{entry.name}({','.join(entry.types)})"))
        return encoding.abi_decode(
            entry.outputs, encoding.abi_encode(entry.outputs, [abi_values.zero(t, 1) for t in entry.outputs])
        )


BYTES_LENGTHS = (0, 4, 32)


def sample(annotation: Any, length: int) -> Any:
    """Return a value of an annotation; bytes have ``length``."""
    if typing.get_origin(annotation) in (Sequence, tuple):
        return (sample(typing.get_args(annotation)[0], length),)
    if annotation is ids.Address:
        return ids.Address(bytes(20))
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return annotation(**{field.name: sample(hints[field.name], length) for field in dataclasses.fields(annotation)})  # type: ignore[operator]
    if isinstance(annotation, type) and issubclass(annotation, enum.IntEnum):
        return annotation(0)
    return {int: 0, bool: False, str: "", bytes: bytes(length)}[annotation]


def called(method: Any) -> Any:
    """Call a method with a value for each argument; bytes of whichever length its types take."""
    hints = typing.get_type_hints(method)
    parameters = inspect.signature(method).parameters
    last: Exception | None = None
    for length in BYTES_LENGTHS:
        values = {name: sample(hints[name], length) for name in parameters if name != "value"}
        by_place = [
            value for name, value in values.items() if parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
        ]
        by_name = {
            name: value for name, value in values.items() if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        }
        try:
            return method(*by_place, **by_name)
        except errors.InputError as err:
            last = err
    raise AssertionError(method.__name__) from last


def is_of(value: Any, annotation: Any) -> bool:
    """Return whether a result is what its annotation says."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and arguments[-1:] == (...,):
        return isinstance(value, tuple) and all(is_of(each, arguments[0]) for each in value)
    if typing.get_origin(annotation) is tuple:
        return len(value) == len(arguments) and all(map(is_of, value, arguments))
    if annotation is ids.Address:
        return isinstance(value, bytes) and len(value) == 20
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return type(value) is annotation and all(
            is_of(getattr(value, field.name), hints[field.name]) for field in dataclasses.fields(annotation)
        )
    return value is None if annotation is type(None) else type(value) is annotation


@pytest.mark.parametrize("name", NAMES)
def test_every_function_has_a_method(name: str) -> None:
    """Each function of the ABI is asked for by one method, with arguments that its types take and results of its types."""
    caller = Recorder()
    bound = getattr(module_of(name), name)(caller)
    methods = [method for key, method in inspect.getmembers(bound, inspect.ismethod) if not key.startswith("__")]
    for method in methods:
        told = called(method)
        assert is_of(told, typing.get_type_hints(method)["return"]), method.__name__
        assert (inspect.getdoc(method) or "").strip().endswith((".", "!", "?")), method.__name__
    expected = {key for key in contracts.load(name).functions if "(" in key}
    assert sorted(caller.asked) == sorted((name, key) for key in expected)


def test_enumerations_are_their_contracts_own() -> None:
    """Enumerations that contracts give the same name have each contract's members."""
    assert [each.name for each in membership.Kind] == ["PERSON", "ORGANISATION"]
    assert [each.name for each in attestations.Kind] == ["ACCREDITATION", "ETHICS_APPROVAL", "AUDIT", "COURSE"]
    assert [each.name for each in membership.Status][:3] == ["NONE", "ACTIVE", "SUSPENDED"]


OTHERS = {
    "a number": (access.number, "1"),
    "a number that is true": (access.number, True),
    "a truth": (access.truth, 1),
    "bytes": (access.data, "0x"),
    "a text": (access.text, b""),
    "an address": (access.address, "0x12"),
    "an address that is bytes": (access.address, bytes(20)),
    "a list": (access.items, "ab"),
    "a struct with a field too many": (problems.Problem.read, (1, 2, 3, b"", 5)),
    "a state that is none": (lambda value: access.one_of(problems.ProblemState, value), 99),
}


@pytest.mark.parametrize(("read", "value"), OTHERS.values(), ids=OTHERS.keys())
def test_other_answers_are_refused(read: Any, value: object) -> None:
    """An answer of another type than the contract's is LedgerMismatch."""
    with pytest.raises(errors.LedgerMismatch, match="another type"):
        read(value)


def test_on_a_ledger(tmp_path: Any) -> None:
    """A member's records and calls, typed, on the embedded ledger; a contract elsewhere is asked at its address."""
    commons = testing.Commons(tmp_path)
    try:
        one = commons.admit("one")
        bound = membership.Membership(one.registry)
        record = bound.member(one.member_id)
        assert (record.account, record.status) == (one.registry.address, membership.Status.ACTIVE)
        bound.set_profile(b"\x07" * 32)
        assert bound.member(one.member_id).profile == b"\x07" * 32
        problems.Problems(one.registry).state(
            b"\x08" * 32, encoding.purpose_code(testing.PURPOSE), 0, testing.START + 1000
        )
        elsewhere = guardianships.Guardianships(one.registry, ids.Address(b"\x66" * 20))
        with pytest.raises((errors.DecodeError, errors.LedgerRefused)):
            elsewhere.admin()
    finally:
        commons.close()
