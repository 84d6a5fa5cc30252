"""Files that a person wrote: JSON documents, with errors that name the file and the field.

People may leave out what a document always says (its type and version) and what has a sensible default; what is hashed
is the canonical form that ``domain/documents`` makes of it. Tables are ``data``'s business.
"""

import contextlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aicommons.domain import errors, run

if TYPE_CHECKING:
    from aicommons.domain import documents, policies, profiles, schema

METRICS = ("accuracy", "auc", "concordance", "d2", "r2")
PLAN_DEFAULTS: Mapping[str, object] = {
    "leaves_site": "Sums over all rows, each hidden under masks so that only the total over all sites can be read.",
    "held_out_percent": 30,
    "split_seed": 1,
    "group": None,
}
NEEDS_DEFAULTS: dict[str, object] = {"minimum_cohort": 0, "countries": []}
POLICY_DEFAULTS: Mapping[str, object] = {
    "prohibited": [], "commercial": False, "countries": [], "licence": "LicenseRef-private",
    "minimum_cohort": run.MINIMUM_COHORT, "minimum_cell": 1, "small_cells": "allow", "epsilon": None,
    "privacy_unit": "record", "price": 0, "free_commons": False, "duties": [], "until": None, "person_column": None,
    "assignee": None,
}  # fmt: skip


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Return the JSON object in ``path`` (UTF-8, with or without BOM).

    Raises:
        errors.InputError: no such file, too long, not JSON, or not an object.
    """
    from aicommons.domain import encoding

    try:
        with path.open("rb") as file:
            data = file.read(encoding.MAX_DOCUMENT + 1)
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(path), got=err.strerror) from err
    if len(data) > encoding.MAX_DOCUMENT:
        raise errors.InputError("the file is too long", which=path.name, expected=f"{encoding.MAX_DOCUMENT} bytes")
    try:
        body = json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as err:
        raise errors.InputError(
            "not JSON", which=f"{path.name}, line {err.lineno}, column {err.colno}", expected="JSON", got=err.msg
        ) from err
    except (UnicodeDecodeError, RecursionError) as err:
        raise errors.InputError("not JSON in UTF-8", which=path.name, next_step="save the file as UTF-8 text") from err
    if not isinstance(body, dict):
        raise errors.InputError("not a JSON object", which=path.name, expected="an object { … }")
    return body


def problem(path: pathlib.Path) -> "documents.Problem":
    """Return the problem that ``path`` states.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    from aicommons.domain import documents

    with naming(path):
        body = read_json(path)
        if isinstance(body.get("needs"), dict):
            body["needs"] = NEEDS_DEFAULTS | body["needs"]
        read = documents.Problem.decode(_complete(body, documents.Problem, {}))
        if read.metric not in METRICS:
            raise errors.InputError(
                "an unknown metric", which="problem.metric", expected=" or ".join(METRICS), got=read.metric
            )
        _check_codes(read)
        return read


def _check_codes(stated: "documents.Problem") -> None:
    """Check every code of a problem against its vocabulary; raises ``errors.InputError`` for the first that is none."""
    from aicommons.domain import vocabulary

    for target in stated.sdg_targets:
        with _about("problem.sdg_targets", target):
            vocabulary.target(target)
    lines = vocabulary.action_lines()
    for line in stated.action_lines:
        if line not in lines:
            which, known = "problem.action_lines", ", ".join(sorted(lines))
            raise errors.InputError("no such WSIS action line", which=which, expected=known, got=line[:40])
    if stated.purpose is not None:
        with _about("problem.purpose", stated.purpose):
            banned = vocabulary.broader(vocabulary.purpose(stated.purpose).code) & vocabulary.BANNED_PURPOSES
        if banned:
            raise errors.InputError("the purpose is banned in the commons", which="problem.purpose", got=stated.purpose)
    elif stated.needs is not None:
        raise errors.InputError(
            "data is needed, but not said what for",
            which="problem.purpose",
            expected="a purpose code such as DUO:0000007",
            next_step="see all purposes with `commons policy purposes`",
        )


@contextlib.contextmanager
def _about(which: str, code: str) -> Iterator[None]:
    """Name the field of a code in an error about it; raises ``errors.InputError``."""
    try:
        yield
    except errors.InputError as err:
        raise errors.InputError(
            err.message, which=which, expected=err.expected, got=code[:60], next_step=err.next_step
        ) from err


def profile(path: pathlib.Path, title: str) -> "profiles.Profile":
    """Return the profile in ``path``, called ``title`` unless it says so itself; raises like ``problem``."""
    from aicommons.domain import profiles

    with naming(path):
        return profiles.Profile.decode(_complete(read_json(path), profiles.Profile, {"title": title}))


def model_card(path: pathlib.Path) -> "documents.ModelCard":
    """Return the model card in ``path``; raises like ``problem``."""
    from aicommons.domain import documents

    with naming(path):
        return documents.ModelCard.decode(_complete(read_json(path), documents.ModelCard, {}))


def policy(path: pathlib.Path) -> "policies.UsePolicy":
    """Return the use policy in ``path``; raises like ``problem``, and for a policy that contradicts itself."""
    from aicommons.domain import policies

    with naming(path):
        return policies.UsePolicy.decode(_complete(read_json(path), policies.UsePolicy, POLICY_DEFAULTS))


def plan(path: pathlib.Path) -> "documents.Plan":
    """Return the plan in ``path`` with every option of its recipe written out; raises like ``problem``."""
    from aicommons.domain import documents
    from aicommons.learning import recipe

    with naming(path):
        body = read_json(path)
        read = documents.Plan.decode(_complete(body, documents.Plan, PLAN_DEFAULTS))
        made = recipe.from_plan(dict(read.recipe))
        is_judged = made.judged_target is not None
        held_out = PLAN_DEFAULTS["held_out_percent"] if is_judged else 0
        whole = {"held_out_percent": held_out, **body, "recipe": recipe.to_plan(made)}
        found = documents.Plan.decode(_complete(whole, documents.Plan, PLAN_DEFAULTS))
        if is_judged != (found.held_out_percent > 0):
            raise errors.InputError(
                "rows are held out exactly where something is predicted",
                which="plan.held_out_percent",
                expected="1 to 99" if is_judged else "0, or no such field",
                got=found.held_out_percent,
            )
        return found


def columns(path: pathlib.Path) -> "schema.Schema":
    """Return the schema in ``path``: a plan, a recipe, or the bare schema.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    from aicommons.domain import schema

    with naming(path):
        body: Any = read_json(path)
        for wrapper in ("recipe", "schema"):
            if isinstance(body, dict) and isinstance(body.get(wrapper), dict):
                body = body[wrapper]
        return schema.from_document(body)


def group(path: pathlib.Path) -> str | None:
    """Return the group column of the plan in ``path``, ``None`` where it names none or is a bare schema."""
    named = read_json(path).get("group")
    return named if isinstance(named, str) else None


@contextlib.contextmanager
def naming(path: pathlib.Path) -> Iterator[None]:
    """Put the file's name into errors about what is in it.

    Raises:
        errors.InputError: for any input or decoding error inside.
    """
    try:
        yield
    except (errors.InputError, errors.DecodeError) as err:
        if isinstance(err, errors.TableError) or (err.which or "").startswith((path.name, str(path))):
            raise
        which = path.name if err.which is None else f"{path.name}: {err.which}"
        raise errors.InputError(
            err.message, which=which, expected=err.expected, got=err.got, next_step=err.next_step
        ) from err


def _complete(body: Mapping[str, Any], kind: "type[documents.Document]", defaults: Mapping[str, object]) -> bytes:
    """Return the document that a person wrote, with what may be left out."""
    from aicommons.domain import encoding

    own = kind.defaults()
    return encoding.canonical_json({"type": kind.KIND, "version": 1, **own, **defaults, **body})
