"""What looks like a direct identifier of a person: by the column's name, by the form of its cells, or because cells differ.

Called by ``describing`` and before a dataset is published: what is found stops publication until a person overrides it
with a reason. It warns and does not prove: a column without a finding may still identify somebody together with others
(``anonymity`` measures that). Findings count cells and never repeat one.
"""

import dataclasses
import enum
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence

from aicommons.data import batches, columns
from aicommons.data import rows as rowwise

REMEMBERED = 50_000
"""Cells of a column whose differences are looked at, from the first on: bounds memory, and says enough."""
NEARLY_ALL = 0.95
"""Share of different cells from which a column is taken for a number or name of its own for each row."""
FEWEST_TEXTS = 20
"""Rows below which texts that all differ say nothing."""
FEWEST_NUMBERS = 50
"""Rows below which whole numbers that all differ say nothing."""
LONG_TEXT = 40
"""Characters on average from which cells with spaces are free text."""
LIFETIME = 40
"""Years that dates of birth span and dates of visits rarely do."""
FINE_DECIMALS = 3
"""Decimals of a degree from which a place is a house or a field: the third is about 100 metres."""
SOME = 0.2
"""Share of cells from which a weak pattern counts: measurements have such forms by chance."""


class Kind(enum.Enum):
    """What a column may be; the value is how a person is told."""

    PERSON_NAME = "names of people"
    EMAIL = "e-mail addresses"
    PHONE = "telephone numbers"
    ADDRESS = "postal addresses"
    NATIONAL_ID = "national identity numbers"
    RECORD_ID = "record or patient numbers"
    BIRTH_DATE = "dates of birth"
    LOCATION = "precise places"
    ACCOUNT = "bank accounts or cards"
    NETWORK = "addresses of devices"
    UNIQUE = "a value of its own for nearly every row"
    FREE_TEXT = "free text"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One reason to think that a column identifies people."""

    column: str
    """Its name."""
    kind: Kind
    """What it may be."""
    cells: int | None
    """Cells that look like it; ``None`` where the column's name says so."""

    def in_words(self) -> str:
        """Return the finding as a sentence part, without values."""
        seen = "by its name" if self.cells is None else f"in {self.cells} cells"
        return f"{self.column}: {self.kind.value} ({seen})"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SMALL_WORDS = _words("of the a de du des la le les l d del da do dos e y ya wa za na cha no nr num")
"""Left out of names before they are compared."""
WHOLE_NAMES = {
    Kind.PERSON_NAME: "name names nom jina majina nombre nome",
    Kind.RECORD_ID: "id uid uuid pid mrn patient mgonjwa paciente identifier identifiant kitambulisho identificador",
    Kind.PHONE: "tel mobile portable simu",
    Kind.EMAIL: "mail",  # what is left of e-mail
    Kind.NETWORK: "ip",
    Kind.BIRTH_DATE: "naissance nacimiento nascimento kuzaliwa",  # in longer names they are birth weights
}
"""Words that say it only when they are the whole name of a column."""
PHRASES = {
    Kind.PERSON_NAME: (
        "first name, last name, full name, given name, family name, middle name, maiden name, patient name, mother name, "
        "father name, child name, surname, forename, firstname, lastname, fullname, "
        "prenom, nom famille, nom complet, nom patient, nom mere, nom pere, "
        "jina kwanza, jina kamili, jina mwisho, jina mgonjwa, jina mama, jina mtoto, ukoo, "
        "apellido, apellidos, nombre completo, nombre paciente, nombre madre, "
        "sobrenome, apelido, nome completo, nome paciente, nome mae"
    ),
    Kind.EMAIL: "email, e mail, courriel, barua pepe, correo electronico, correio eletronico",
    Kind.PHONE: (
        "phone, telephone, telefon, mobile number, msisdn, whatsapp, numero portable, nambari simu, namba simu, telefono, "
        "movil, celular, telefone, telemovel"
    ),
    Kind.NATIONAL_ID: (
        "national id, nationalid, id number, identity number, id card, passport, ssn, social security, nin, nida, voter id, "
        "carte identite, numero identite, securite sociale, cni, passeport, "
        "nambari kitambulisho, namba kitambulisho, nida, pasipoti, "
        "dni, nie, curp, cedula, pasaporte, numero identidad, cpf, bilhete identidade, cartao cidadao, passaporte, nif, nuit"
    ),
    Kind.RECORD_ID: (
        "patient id, patientid, patient number, person id, medical record, record number, hospital number, nhs number, nhif, "
        "insurance number, case number, numero dossier, id patient, numero patient, ipp, nambari mgonjwa, namba mgonjwa, "
        "historia clinica, id paciente, numero paciente, prontuario, numero utente, cartao sus"
    ),
    Kind.BIRTH_DATE: (
        "dob, birth date, date birth, birthdate, birthday, date naissance, tarehe kuzaliwa, "
        "fecha nacimiento, data nascimento"
    ),
    Kind.ACCOUNT: (
        "iban, account number, bank account, card number, credit card, compte bancaire, numero compte, akaunti, "
        "cuenta bancaria, numero cuenta, conta bancaria, numero conta"
    ),
    Kind.NETWORK: "ip address, mac address, imei, device id, adresse ip, direccion ip, endereco ip",
    Kind.ADDRESS: (
        "address, street, house number, adresse, rue, anwani, mtaa, direccion, calle, domicilio, endereco, morada, rua"
    ),
}
"""Words that say it wherever they stand in a column's name: English, French, Swahili, Spanish, Portuguese."""
PLACES = _words(
    "lat latitude lon lng longitude gps coordinates coordonnees latitudo longitudo viwianishi latitud longitud coordenadas"
)
"""Words for coordinates; they count only with fine decimals."""


def _phrases(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(phrase.split()) for phrase in text.split(","))


KNOWN_PHRASES = tuple((kind, _phrases(text)) for kind, text in PHRASES.items())
KNOWN_WORDS = {word: kind for kind, words in WHOLE_NAMES.items() for word in words.split()}


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a column's name: accents and small words left out, ``patientId`` and ``patient_id`` alike."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", split).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z]+|[0-9]+", plain)
    return tuple(word for word in words if word not in SMALL_WORDS) or tuple(words)


def kind_of_name(name: str) -> Kind | None:
    """Return what a column's name says it is, ``None`` when it says nothing."""
    words = words_of(name)
    if len(words) == 1 and words[0] in KNOWN_WORDS:
        return KNOWN_WORDS[words[0]]
    inside = {words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    return next((kind for kind, phrases in KNOWN_PHRASES if inside & phrases), None)


EMAIL = re.compile(r"[^\s@]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
PHONE = re.compile(r"(\+|00?)?\(?[0-9]{1,4}\)?([ ./-]?\(?[0-9]{2,4}\)?){2,5}")
IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
PLACE = re.compile(r"[+-]?[0-9]{1,3}\.[0-9]{3,}\s*[,; ]\s*[+-]?[0-9]{1,3}\.[0-9]{3,}")
DATE = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})|([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")
SSN = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
NIDA = re.compile(r"[0-9]{8}-[0-9]{5}-[0-9]{5}-[0-9]{2}")
UGANDA = re.compile(r"C[MF][0-9]{7,9}[A-Z0-9]{3,5}")
DNI = re.compile(r"[XYZ0-9][0-9]{7}-?[A-Z]")
CARD_DIGITS = range(13, 20)
MONTHS, LONGEST_MONTH = 12, 31


def is_email(text: str) -> bool:
    """Return whether an e-mail address is in ``text``."""
    return "@" in text and EMAIL.search(text) is not None


def is_phone(text: str) -> bool:
    """Return whether ``text`` is written like a telephone number: 9 to 15 digits with a prefix or in groups."""
    digits = sum(letter.isdigit() for letter in text)
    if not 9 <= digits <= 15 or DATE.fullmatch(text) or PHONE.fullmatch(text) is None:
        return False
    return text[0] in "+0(" or any(letter in " /-" for letter in text)


def is_iban(text: str) -> bool:
    """Return whether ``text`` is an account number with right check digits (ISO 13616)."""
    compact = text.replace(" ", "")
    if IBAN.fullmatch(compact) is None:
        return False
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Return whether ``text`` is the number of a payment card (ISO 7812, Luhn's check)."""
    compact = text.replace(" ", "").replace("-", "")
    if not (compact.isascii() and compact.isdigit() and len(compact) in CARD_DIGITS):
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(compact))]
    return sum(each // 10 + each % 10 for each in doubled) % 10 == 0


def is_device(text: str) -> bool:
    """Return whether ``text`` is an IP address."""
    if text.count(".") != 3 and text.count(":") < 3:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_national(text: str) -> bool:
    """Return whether ``text`` has the form, and the check digits if any, of an identity number of some country."""
    compact = re.sub(r"[ .-]", "", text.upper())
    forms = (SSN.fullmatch(text), NIDA.fullmatch(text), UGANDA.fullmatch(compact))
    return any(forms) or _is_dni(compact) or _is_cpf(compact) or _is_nir(compact)


def _is_dni(text: str) -> bool:
    if DNI.fullmatch(text) is None:
        return False
    number = int(text[:8].translate(str.maketrans("XYZ", "012")))
    return text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]


def _is_cpf(text: str) -> bool:
    if not (text.isascii() and text.isdigit() and len(text) == 11) or len(set(text)) == 1:
        return False
    digits = [int(letter) for letter in text]
    for length in (9, 10):
        total = sum(digit * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False))
        if (total * 10 % 11) % 10 != digits[length]:
            return False
    return True


def _is_nir(text: str) -> bool:
    if not (text.isascii() and text.isdigit() and len(text) == 15 and text[0] in "12"):
        return False
    return 97 - int(text[:13]) % 97 == int(text[13:])


def iso_day(text: str) -> str | None:
    """Return a day as ISO 8601 writes it, ``None`` for anything else; where day and month could both be, the day is first."""
    found = DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(found[each]) for each in ((1, 2, 3) if found[1] else (6, 5, 4)))
    if month > MONTHS and not found[1]:
        month, day = day, month
    if not (1 <= month <= MONTHS and 1 <= day <= LONGEST_MONTH):
        return None
    return f"{year:04}-{month:02}-{day:02}"


def year_of(text: str) -> int | None:
    """Return the year of a day as tables write it, ``None`` for anything else."""
    day = iso_day(text)
    return None if day is None else int(day[:4])


PATTERNS: tuple[tuple[Kind, Callable[[str], bool], float], ...] = (
    (Kind.EMAIL, is_email, 0.0),
    (Kind.ACCOUNT, is_iban, 0.0),
    (Kind.LOCATION, lambda text: PLACE.fullmatch(text) is not None, 0.0),
    (Kind.NETWORK, is_device, SOME),
    (Kind.NATIONAL_ID, is_national, SOME),
    (Kind.ACCOUNT, is_card, SOME),
    (Kind.PHONE, is_phone, SOME),
)
"""Kind, test of one cell, and the share of cells above which it counts; 0 where one cell is enough."""


NUMBERED = frozenset({Kind.NATIONAL_ID, Kind.ACCOUNT, Kind.PHONE})
"""Kinds whose cells may be written in digits alone."""


class Watch:
    """Looks at one column's cells as they pass by; memory does not grow with the table beyond ``REMEMBERED`` hashes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._words = frozenset(words_of(name))
        self._seen: set[int] = set()
        self._present = 0
        self._letters = 0
        self._spaced = 0
        self._whole = 0
        self._texts = 0
        self._fine = 0
        self._years: list[int] = []
        self._dates = 0
        self._hits = [0] * len(PATTERNS)

    def add(self, text: str) -> None:
        """Look at one cell that is stripped and not missing."""
        self._present += 1
        if self._present <= REMEMBERED:
            self._seen.add(hash(text))
        if columns.NUMBER.fullmatch(text):
            self._add_number(text)
            return
        self._texts += 1
        self._letters += len(text)
        self._spaced += " " in text
        year = year_of(text)
        if year is not None:
            self._dates += 1
            self._years = [min([year, *self._years]), max([year, *self._years])]
            return
        self._match(text, frozenset(Kind))

    def _add_number(self, text: str) -> None:
        whole = text.isdigit()
        self._whole += whole
        self._fine += len(text.partition(".")[2]) >= FINE_DECIMALS
        if whole and len(text) >= 9:
            self._match(text, NUMBERED)

    def _match(self, text: str, kinds: frozenset[Kind]) -> None:
        """Count the first pattern that the cell has: some forms contain others."""
        for place, (kind, is_one, _) in enumerate(PATTERNS):
            if kind in kinds and is_one(text):
                self._hits[place] += 1
                return

    def findings(self) -> tuple[Finding, ...]:
        """Return what was found so far: the name's finding, else those of the cells, each kind once."""
        if not self._present:
            return ()
        named = kind_of_name(self._name)
        if named is not None:
            return (Finding(self._name, named, None),)
        found: dict[Kind, int] = {}
        for (kind, _, share), hits in zip(PATTERNS, self._hits, strict=True):
            if hits and hits > share * self._present:
                found[kind] = max(hits, found.get(kind, 0))
        if self._words & PLACES and self._fine > SOME * self._present:
            found[Kind.LOCATION] = self._fine
        if self._dates > SOME * self._present and self._years[1] - self._years[0] >= LIFETIME:
            found[Kind.BIRTH_DATE] = self._dates
        return tuple(Finding(self._name, kind, cells) for kind, cells in (found or self._by_difference()).items())

    def _by_difference(self) -> dict[Kind, int]:
        looked_at = min(self._present, REMEMBERED)
        differ = len(self._seen) >= NEARLY_ALL * looked_at
        texts = self._texts - self._dates
        if texts > self._present / 2 and self._letters > LONG_TEXT * self._texts and self._spaced > texts / 2:
            return {Kind.FREE_TEXT: texts}
        if differ and texts > self._present / 2 and looked_at >= FEWEST_TEXTS:
            return {Kind.UNIQUE: self._present}
        if differ and self._whole == self._present and looked_at >= FEWEST_NUMBERS:
            return {Kind.UNIQUE: self._present}
        return {}


def find(opened: batches.Opened, names: Sequence[str]) -> tuple[Finding, ...]:
    """Return what looks like identifiers in the columns ``names``, in their order; broken rows are passed over.

    Columns whose meaning the format fixes, such as pixels, are not looked at.

    Raises:
        errors.TableError: no such column, or a source that cannot be read.
    """
    watches = [Watch(name) for name in names if name not in opened.declared]
    looked_at = [name for name in names if name not in opened.declared]
    for row in rowwise.walk(opened, looked_at, broken=lambda _: None):
        for watch, text in zip(watches, row.cells, strict=True):
            if text.lower() not in columns.MISSING:
                watch.add(text)
    return tuple(finding for watch in watches for finding in watch.findings())
