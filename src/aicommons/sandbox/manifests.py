"""What a plan's code says of itself, read strictly: what it sends, what it needs, what leaves a site in words.

Read by ``archives`` from foreign bytes, shown to owners, and held against what the code really does by ``calling``. A manifest
can only ask for less than a node grants. Encodings and combiners are named as in ``learning`` (which this package may not
import): a test holds the words together, and the node refuses a combiner that is none of ours.
"""

import dataclasses
import enum
import re

from aicommons.domain import encoding, errors, fields, schema

WHICH = "manifest"
KIND = "code-plan"
VERSION = 1
MOST_BLOCKS = 64
"""Blocks of a contribution, and arrays of a state."""
LONGEST_BLOCK = 2**24
"""Values of one block: 128 MB of float64."""
SMALLEST_EXPONENT, LARGEST_EXPONENT = -64, 64
"""Caps are 2 to one of these powers; the node checks further that integers fit its ring."""
LONGEST_EXPLANATION = 4_000
"""Characters of what leaves a site, in words."""
IDENTIFIER = re.compile("[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
COMBINER = re.compile("[a-z][a-z0-9_-]{0,63}", re.ASCII)


class Kind(enum.Enum):
    """How contributions come about."""

    ADDITIVE = "additive"
    """A sum over rows: the node calls with one batch after the other and adds."""
    LOCAL = "local"
    """A site trains on all its rows in one call."""


class Encoding(enum.Enum):
    """How a block's numbers are sent; the words of ``learning.blocks``."""

    INTEGER = "integer"
    """Whole numbers, refused when not whole or over the cap."""
    BOUNDED = "bounded"
    """Real numbers, refused over the cap."""
    CLIPPED = "clipped"
    """Scaled down to an L2 norm of at most the cap."""


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """One array of the state, float64."""

    name: str
    """Unique within the state."""
    length: int
    """Number of values."""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One block of a contribution, float64."""

    name: str
    """Unique within the contribution."""
    length: int
    """Number of values."""
    encoding: Encoding
    """How they are sent."""
    cap: float
    """Largest absolute value, or L2 norm where clipped; a power of two."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resources:
    """What one call may use; the smaller of the manifest's and the node's."""

    memory_mb: int
    """Memory beyond what Python, NumPy and the rows given take, in MiB."""
    cpu_seconds: int
    """Seconds of processor time."""
    wall_seconds: int
    """Seconds from the call to its answer."""
    output_bytes: int
    """Bytes of an answer."""

    def within(self, bounds: "Resources") -> "Resources":
        """Return the smaller of each."""
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(bounds)
        return Resources(*map(min, mine, theirs))


LARGEST = Resources(memory_mb=64 * 1024, cpu_seconds=86_400, wall_seconds=86_400, output_bytes=2**30)
"""What a manifest can ask for at all; nodes grant less."""


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What the code says of itself, checked in form."""

    name: str
    """What people call the plan."""
    entry: str
    """The module with ``initial`` and ``contribute``, without ``.py``."""
    kind: Kind
    """Additive or local."""
    combiner: str
    """Name of one of our combiners."""
    schema: schema.Schema
    """The columns that it expects."""
    initial: tuple[Values, ...]
    """Arrays of the first state."""
    contribute: tuple[Block, ...]
    """Blocks of every contribution."""
    resources: Resources
    """What a call needs."""
    leaves_site: str
    """What leaves a site, in the author's words: shown to owners, and no part of what is enforced."""

    @property
    def entry_file(self) -> str:
        """The entry module's name in the archive."""
        return f"{self.entry}.py"


def read(data: bytes) -> Manifest:
    """Read a manifest from canonical JSON.

    Raises:
        errors.DecodeError: naming the first field that is missing, unknown or wrong.
    """
    reader = fields.Fields(encoding.parse_json(data), WHICH, refused_with=errors.DecodeError)
    if (kind := reader.text("type")) != KIND:
        raise reader.refusal("type", KIND, kind)
    reader.whole_within("version", VERSION, VERSION)
    manifest = Manifest(
        name=reader.text("name"),
        entry=_named(reader, "entry", IDENTIFIER),
        kind=reader.one_of("kind", Kind),
        combiner=_named(reader, "combiner", COMBINER),
        schema=_schema(reader),
        initial=tuple(_values(item, where) for item, where in _each(reader, "initial")),
        contribute=tuple(_block(item, where) for item, where in _each(reader, "contribute")),
        resources=_resources(reader.value("resources")),
        leaves_site=reader.text("leaves_site", least=20, most=LONGEST_EXPLANATION),
    )
    reader.close()
    _check(reader, manifest)
    return manifest


def _check(reader: fields.Fields, manifest: Manifest) -> None:
    """Check what single fields do not show: names are unique, and answers fit the declared limit."""
    for field, declared in (("initial", manifest.initial), ("contribute", manifest.contribute)):
        if len({each.name for each in declared}) != len(declared):
            raise reader.refusal(field, "names that are unique", f"{len(declared)} with repetitions")
        size = 8 * sum(each.length for each in declared)
        if size > manifest.resources.output_bytes:
            raise reader.refusal(field, f"at most resources.output_bytes = {manifest.resources.output_bytes}", size)


def _each(reader: fields.Fields, name: str) -> list[tuple[object, str]]:
    """Return the items of a list that is not empty, each with what errors call it."""
    items = reader.items(name, most=MOST_BLOCKS)
    if not items:
        raise reader.refusal(name, "at least one", items)
    return [(item, f"{WHICH}.{name}[{index}]") for index, item in enumerate(items)]


def _named(reader: fields.Fields, name: str, form: re.Pattern[str]) -> str:
    """Return a name of letters, digits and underscores (hyphens for combiners)."""
    value = reader.text(name, most=64)
    if not form.fullmatch(value):
        raise reader.refusal(name, "a short plain name", value)
    return value


def _schema(reader: fields.Fields) -> schema.Schema:
    """Return the schema; its own mistakes are those of foreign bytes here."""
    try:
        return schema.from_document(reader.mapping("schema"))
    except errors.InputError as err:
        raise errors.DecodeError(err.message, which=err.which, expected=err.expected, got=err.got) from err


def _values(document: object, which: str) -> Values:
    """Return one array of the state."""
    reader = fields.Fields(document, which, refused_with=errors.DecodeError)
    values = Values(_named(reader, "name", IDENTIFIER), reader.whole_within("length", 1, LONGEST_BLOCK))
    reader.close()
    return values


def _block(document: object, which: str) -> Block:
    """Return one block of a contribution."""
    reader = fields.Fields(document, which, refused_with=errors.DecodeError)
    block = Block(
        _named(reader, "name", IDENTIFIER),
        reader.whole_within("length", 1, LONGEST_BLOCK),
        reader.one_of("encoding", Encoding),
        2.0 ** reader.whole_within("cap_exponent", SMALLEST_EXPONENT, LARGEST_EXPONENT),
    )
    reader.close()
    return block


def _resources(document: object) -> Resources:
    """Return what a call may use."""
    reader = fields.Fields(document, f"{WHICH}.resources", refused_with=errors.DecodeError)
    bounds = {each.name: getattr(LARGEST, each.name) for each in dataclasses.fields(Resources)}
    resources = Resources(**{name: reader.whole_within(name, 1, most) for name, most in bounds.items()})
    reader.close()
    return resources
