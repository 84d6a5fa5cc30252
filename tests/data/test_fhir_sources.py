"""FHIR resources become one row per patient; foreign resources and broken lines are told by file and line."""

import json
import pathlib
from typing import Any

import pytest

from aicommons.data import batches, reading, sources
from aicommons.domain import errors, schema

PATIENTS = [
    {"resourceType": "Patient", "id": "b", "gender": "male", "birthDate": "1950-07-02", "active": True},
    {"resourceType": "Patient", "id": "a", "gender": "female", "birthDate": "1984-01-01"},
    {"resourceType": "Patient", "id": "c", "birthDate": "2001"},
]
HBA1C = {"coding": [{"system": "http://loinc.org", "code": "4548-4"}, {"code": "other"}]}


def observation(patient: str, value: object, day: str, **more: Any) -> dict[str, Any]:
    """Return a measurement of a patient."""
    found = {"resourceType": "Observation", "subject": {"reference": patient}, "code": HBA1C, "effectiveDateTime": day}
    return {**found, "valueQuantity": {"value": value, "unit": "%"}, **more}


OBSERVATIONS = [
    observation("Patient/a", 7.5, "2024-05-01"),
    observation("https://example.org/fhir/Patient/a", 6.0, "2023-05-01"),
    observation("Patient/b", 9, "2022-01-01"),
    observation("Patient/a", 99.0, "2025-01-01", code={"coding": [{"code": "8480-6"}]}),
    observation("Device/a", 1.0, "2025-01-01"),
    observation("Patient/nobody", 1.0, "2025-01-01"),
]
CONDITIONS = [
    {"resourceType": "Condition", "subject": {"reference": "Patient/a"}, "code": {"coding": [{"code": "E11"}]}},
    {"resourceType": "Condition", "subject": {"reference": "Patient/a"}, "code": {"coding": [{"code": "I10"}]}},
]
MEASURED = {
    "path": "Observation.valueQuantity.value",
    "where": {"code.coding.code": "4548-4"},
    "when": "effectiveDateTime",
}


def write(folder: pathlib.Path, **files: list[Any]) -> pathlib.Path:
    """Write resources, one a line, as a bulk export does."""
    (folder / "export").mkdir(exist_ok=True)
    for name, found in files.items():
        lines = (each if isinstance(each, str) else json.dumps(each) for each in found)
        (folder / "export" / f"{name}.ndjson").write_text("\n".join(lines) + "\n")
    return folder


def describe(folder: pathlib.Path, *columns: dict[str, Any]) -> sources.Description:
    """Describe the export with these columns."""
    return sources.from_document({"kind": "fhir", "path": "export", "columns": list(columns)}, folder)


TAKEN = {
    "gender": ({"path": "Patient.gender"}, ["female", "male", ""]),
    "a truth value": ({"path": "Patient.active"}, ["", "true", ""]),
    "the first of several": ({**MEASURED, "take": "first"}, ["6", "9", ""]),
    "the last of several": ({**MEASURED, "take": "last"}, ["7.5", "9", ""]),
    "the smallest": ({**MEASURED, "take": "min"}, ["6", "9", ""]),
    "the largest": ({**MEASURED, "take": "max"}, ["7.5", "9", ""]),
    "the mean": ({**MEASURED, "take": "mean"}, ["6.75", "9", ""]),
    "how many": ({**MEASURED, "take": "count"}, ["2", "1", "0"]),
    "whether there is one": (
        {"path": "Condition", "where": {"code.coding.code": "E11"}, "take": "any"},
        ["1", "0", "0"],
    ),
    "another resource": ({"path": "Encounter.status"}, ["", "", ""]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_one_row_per_patient(name: str, tmp_path: pathlib.Path) -> None:
    """Of a patient's values the one that the column asks for is taken; rows are in the order of ids."""
    write(tmp_path, Patient=PATIENTS, Observation=OBSERVATIONS, Condition=CONDITIONS)
    column, expected = TAKEN[name]
    opened = sources.open_source(describe(tmp_path, {"name": "x", **column}))
    (batch,) = opened.batches(["patient", "x"])
    assert batches.texts(batch.cells["patient"]) == ["a", "b", "c"]
    assert batches.texts(batch.cells["x"]) == expected


def test_an_export_in_parts(tmp_path: pathlib.Path) -> None:
    """Observations may stand before patients and in several files."""
    write(tmp_path, AObservation=OBSERVATIONS[:1], Patient=PATIENTS, ZObservation=OBSERVATIONS[1:])
    (batch,) = sources.open_source(describe(tmp_path, {"name": "x", **MEASURED, "take": "count"})).batches(["x"])
    assert batches.texts(batch.cells["x"]) == ["2", "1", "0"]


def test_a_model_learns_from_it(tmp_path: pathlib.Path) -> None:
    """The table is read against a schema like any other, patients being the person key."""
    write(tmp_path, Patient=PATIENTS, Observation=OBSERVATIONS, Condition=CONDITIONS)
    plan = schema.Schema(
        (schema.numeric("hba1c", 2, 20), schema.category("sex", ("female", "male"))),
        schema.Target(schema.Task.BINOMIAL, "diabetes", classes=("0", "1")),
    )
    condition = {"name": "diabetes", "path": "Condition", "where": {"code.coding.code": "E11"}, "take": "any"}
    source = describe(tmp_path, {"name": "hba1c", **MEASURED}, {"name": "sex", "path": "Patient.gender"}, condition)
    table = reading.read_table(source, plan, group="patient")
    assert table.features.tolist() == [[6, 1, 0], [9, 0, 1]]
    assert (table.target.tolist(), table.dropped) == ([1, 0], 1)


BAD_LINES: dict[str, tuple[list[Any], str]] = {
    "not JSON": ([PATIENTS[0], "{oops"], "not JSON"),
    "a list": ([PATIENTS[0], "[]"], "not a FHIR resource"),
    "no type": ([PATIENTS[0], "{}"], "not a FHIR resource"),
    "no id": ([PATIENTS[0], {"resourceType": "Patient"}], "no id"),
    "the same patient": ([PATIENTS[0], PATIENTS[0]], "stands there twice"),
    "nested without end": ([PATIENTS[0], "[" * 100_000], "not JSON"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_lines_are_named(name: str, tmp_path: pathlib.Path) -> None:
    """A line that is no resource is refused with file and line, without its content."""
    found, message = BAD_LINES[name]
    write(tmp_path, Patient=found)
    with pytest.raises(errors.TableError, match=message) as caught:
        list(sources.open_source(describe(tmp_path, {"name": "x", "path": "Patient.gender"})).batches(["x"]))
    assert caught.value.which == "Patient.ndjson, line 2"
    assert "oops" not in str(caught.value)


BAD_COLUMNS = {
    "a path without a resource": {"name": "x", "path": "gender"},
    "FHIRPath": {"name": "x", "path": "Patient.name.first()"},
    "an unknown choice": {"name": "x", "path": "Patient.gender", "take": "median"},
    "an unknown field": {"name": "x", "path": "Patient.gender", "unit": "%"},
    "a condition that is none": {"name": "x", "path": "Patient.gender", "where": {"": "a"}},
    "no name": {"path": "Patient.gender"},
}


@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_bad_columns_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    """A column's description is checked before a file is opened."""
    with pytest.raises(errors.InputError, match=r"source\.columns\[0\]"):
        describe(tmp_path, BAD_COLUMNS[name])


def test_an_export_without_resources(tmp_path: pathlib.Path) -> None:
    """A folder without NDJSON files is refused with what is expected."""
    (tmp_path / "export").mkdir()
    with pytest.raises(errors.TableError, match="no FHIR resources"):
        sources.open_source(describe(tmp_path, {"name": "x", "path": "Patient.gender"}))
