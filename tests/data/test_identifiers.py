"""What looks like direct identifiers is found by name and by form; measurements are not."""

import dataclasses
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.data import batches, identifiers
from aicommons.domain import schema

Kind = identifiers.Kind

NAMED = {
    "name": Kind.PERSON_NAME,
    "First Name": Kind.PERSON_NAME,
    "patientName": Kind.PERSON_NAME,
    "Prénom": Kind.PERSON_NAME,
    "nom_de_famille": Kind.PERSON_NAME,
    "jina la kwanza": Kind.PERSON_NAME,
    "nombre": Kind.PERSON_NAME,
    "Apellidos": Kind.PERSON_NAME,
    "nome completo": Kind.PERSON_NAME,
    "nome_da_mae": Kind.PERSON_NAME,
    "E-Mail": Kind.EMAIL,
    "barua pepe": Kind.EMAIL,
    "correo electrónico": Kind.EMAIL,
    "phone_1": Kind.PHONE,
    "Nambari ya simu": Kind.PHONE,
    "téléphone": Kind.PHONE,
    "telemóvel": Kind.PHONE,
    "home address": Kind.ADDRESS,
    "anwani": Kind.ADDRESS,
    "dirección": Kind.ADDRESS,
    "endereço": Kind.ADDRESS,
    "National ID": Kind.NATIONAL_ID,
    "nambari ya kitambulisho": Kind.NATIONAL_ID,
    "CURP": Kind.NATIONAL_ID,
    "cpf": Kind.NATIONAL_ID,
    "Carte d'identité": Kind.NATIONAL_ID,
    "id": Kind.RECORD_ID,
    "patient_id": Kind.RECORD_ID,
    "PatientID": Kind.RECORD_ID,
    "n° dossier": None,  # the sign for "number" is lost with the accents
    "numero_dossier": Kind.RECORD_ID,
    "historia clínica": Kind.RECORD_ID,
    "prontuário": Kind.RECORD_ID,
    "DOB": Kind.BIRTH_DATE,
    "Date de naissance": Kind.BIRTH_DATE,
    "tarehe ya kuzaliwa": Kind.BIRTH_DATE,
    "fecha_nacimiento": Kind.BIRTH_DATE,
    "data de nascimento": Kind.BIRTH_DATE,
    "IBAN": Kind.ACCOUNT,
    "conta bancária": Kind.ACCOUNT,
    "ip_address": Kind.NETWORK,
    "poids naissance": None,
    "peso al nacimiento": None,
    "uzito wa kuzaliwa": None,
    "age": None,
    "drug name": None,
    "nir": None,  # near infrared, in every table about fields
    "plant_height": None,
    "telomere length": None,
    "mailing": None,
    "dosage": None,
    "": None,
}


@pytest.mark.parametrize(("name", "kind"), NAMED.items(), ids=NAMED.keys())
def test_names_of_columns(name: str, kind: identifiers.Kind | None) -> None:
    """A column's name says in five languages what is in it, and birth weights are no births."""
    assert identifiers.kind_of_name(name) is kind


@dataclasses.dataclass(frozen=True)
class Rows:
    """A source in memory."""

    columns: dict[str, list[str]]
    """Column -> its cells."""
    declared: dict[str, schema.Feature] = dataclasses.field(default_factory=dict)
    """Columns whose meaning is fixed."""
    name: str = "memory"
    notices: tuple[str, ...] = ()
    decimal_comma: bool = False
    unit: str = "row"

    @property
    def header(self) -> tuple[str, ...]:
        """Its columns."""
        return tuple(self.columns)

    def identity(self) -> str:
        """Nobody asks for it."""
        return ""

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield all rows at once."""
        count = len(next(iter(self.columns.values())))
        yield batches.Batch(0, range(1, count + 1), {name: self.columns[name] for name in names})


def found(name: str, cells: list[str]) -> set[identifiers.Kind]:
    """Return the kinds found in a column."""
    return {each.kind for each in identifiers.find(Rows({name: cells}), [name])}


FORMS: dict[str, tuple[list[str], set[identifiers.Kind]]] = {
    "one e-mail among many": (["none"] * 99 + ["write to a.b@clinic.example.org"], {Kind.EMAIL}),
    "telephones, international": (["+254 712 345678"] * 9, {Kind.PHONE}),
    "telephones, national": (["(021) 555 12 34"] * 9, {Kind.PHONE}),
    "few telephones": (["no"] * 90 + ["+254 712 345678"] * 9, set()),
    "IBAN": (["no"] * 30 + ["DE89 3704 0044 0532 0130 00"], {Kind.ACCOUNT}),
    "IBAN with a wrong check": (["DE88 3704 0044 0532 0130 00"] * 30, set()),
    "payment cards": (["4111 1111 1111 1111"] * 9, {Kind.ACCOUNT}),
    "addresses of devices": (["192.168.1.7", "2001:db8::1", "10.0.0.1"] * 3, {Kind.NETWORK}),
    "times of day": (["12:30:45"] * 9, set()),
    "social security": (["078-05-1120"] * 9, {Kind.NATIONAL_ID}),
    "Spanish DNI": (["12345678Z"] * 9, {Kind.NATIONAL_ID}),
    "Spanish DNI with a wrong letter": (["12345678A"] * 9, set()),
    "Spanish NIE": (["X1234567L"] * 9, {Kind.NATIONAL_ID}),
    "Brazilian CPF": (["529.982.247-25"] * 9, {Kind.NATIONAL_ID}),
    "Brazilian CPF in digits": (["52998224725"] * 9, {Kind.NATIONAL_ID}),
    "French NIR": (["255081416802538"] * 9, {Kind.NATIONAL_ID}),
    "Tanzanian NIDA": (["19900101-12345-00001-21"] * 9, {Kind.NATIONAL_ID}),
    "Ugandan NIN": (["CM90012345ABCD"] * 9, {Kind.NATIONAL_ID}),
    "births, by their span": ([f"19{year}-03-0{year % 9 + 1}" for year in range(30, 99)], {Kind.BIRTH_DATE}),
    "visits": ([f"2019-0{month}-11" for month in range(1, 10)], set()),
    "places in one cell": (["no"] * 9 + ["-1.28333, 36.81667"], {Kind.LOCATION}),
    "names that all differ": ([f"Person {number}" for number in range(30)], {Kind.UNIQUE}),
    "few names that all differ": ([f"Person {number}" for number in range(9)], set()),
    "numbers that all differ": ([str(1000 + 7 * number) for number in range(60)], {Kind.UNIQUE}),
    "measures that all differ": ([f"{1.37 * number:.3f}" for number in range(900)], set()),
    "whole measures that repeat": ([str(60 + number % 40) for number in range(900)], set()),
    "free text": ([f"She came back in week {number % 50} with the same complaint as before" for number in range(90)], {Kind.FREE_TEXT}),
    "codes": (["I21.9", "E11", "J45"] * 30, set()),
    "levels": (["yes", "no", "?"] * 30, set()),
    "nothing": (["", "NA", "?"], set()),
}  # fmt: skip


@pytest.mark.parametrize("row", FORMS)
def test_forms_of_cells(row: str) -> None:
    """Cells that have the form, and the check digits if any, of an identifier are found; figures and codes are not."""
    cells, kinds = FORMS[row]
    assert found("x", cells) == kinds


@pytest.mark.parametrize(("decimals", "kinds"), [(5, {Kind.LOCATION}), (3, {Kind.LOCATION}), (2, set()), (1, set())])
def test_coordinates_count_when_they_are_fine(decimals: int, kinds: set[identifiers.Kind]) -> None:
    """A latitude to a hundred metres is a place where somebody lives; one to a kilometre is a district."""
    assert found("Latitude", [f"{-1.2 - number / 7:.{decimals}f}" for number in range(40)]) == kinds


def test_only_the_named_columns_are_looked_at() -> None:
    """A column that nobody publishes needs no finding, and a finding counts cells without repeating one."""
    rows = Rows({"who": [f"Person {number}" for number in range(30)], "contact": ["a@b.org"] * 30})
    (finding,) = identifiers.find(rows, ["contact"])
    assert (finding.column, finding.kind, finding.cells) == ("contact", Kind.EMAIL, 30)
    assert "a@b.org" not in finding.in_words()
    assert "30 cells" in finding.in_words()


DAYS = {
    "2020-02-29": "2020-02-29",
    "29.2.2020": "2020-02-29",
    "3/4/2020": "2020-04-03",
    "12/25/2020": "2020-12-25",
    "2020-13-01": None,
    "31.31.2020": None,
    "0/1/2020": None,
    "2020-1-": None,
    "20200101": None,
}


@pytest.mark.parametrize(("text", "day"), DAYS.items(), ids=DAYS.keys())
def test_days_as_tables_write_them(text: str, day: str | None) -> None:
    """A day is read with its year in front or behind; the day stands before the month unless it cannot."""
    assert identifiers.iso_day(text) == day


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=40), max_size=60))
def test_any_text_can_be_looked_at(name: str, cells: list[str]) -> None:
    """No name and no cell makes the search fail."""
    watch = identifiers.Watch(name)
    for cell in cells:
        watch.add(cell)
    for finding in watch.findings():
        assert finding.column == name


def test_columns_that_the_format_fixes_are_not_looked_at() -> None:
    """Pixels are no identifiers, however much they differ."""
    cells = [str(number) for number in range(90)]
    assert identifiers.find(Rows({"x": cells}), ["x"]) != ()
    assert identifiers.find(Rows({"x": cells}, {"x": schema.numeric("x", 0, 255)}), ["x"]) == ()
