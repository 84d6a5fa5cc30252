"""``commons policy purposes | licences | vocabulary``: the words that policies, consents, problems and cards can name.

``policy`` puts these commands into its group. The lists are package data (``domain/vocabulary``, ``domain/licences``) and need
no home.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import output

if TYPE_CHECKING:
    from aicommons.domain import vocabulary as known_words

DPV = ("consent_status", "consent_types", "legal_basis", "processing", "personal_data", "data_subjects")
LISTS = ("duo", "sdg", "wsis", *(f"dpv-{each.replace('_', '-')}" for each in DPV))


@click.command("purposes")
@click.argument("word", required=False)
@output.json_option
def purposes(word: str | None) -> None:
    """List the purposes that policies and consents can name, all or those with WORD in them."""
    from aicommons.domain import vocabulary

    found = [
        each
        for each in vocabulary.PURPOSES
        if word is None or word.lower() in f"{each.code} {each.label} {each.definition}".lower()
    ]
    listed = [
        {"code": each.code, "label": each.label, "definition": each.definition, "broader": list(each.broader),
         "banned": each.code in vocabulary.BANNED_PURPOSES}
        for each in found
    ]  # fmt: skip
    rows = [[each["code"], each["label"], "banned" if each["banned"] else " ".join(each["broader"])] for each in listed]  # type: ignore[arg-type]
    output.emit({"purposes": listed}, *output.aligned(["purpose", "", "below"], rows))


@click.command("licences")
@click.argument("word", required=False)
@output.json_option
def licences(word: str | None) -> None:
    """List the licences and labels that policies can name, all or those with WORD in them."""
    from aicommons.domain import licences as known

    found = [
        each
        for each in known.known().values()
        if word is None or word.lower() in f"{each.identifier} {each.name}".lower()
    ]
    rows = [[each.identifier, each.name, _asks(each)] for each in found]
    listed = [dataclasses.asdict(each) for each in found]
    output.emit({"licences": listed}, *output.aligned(["licence", "", "asks"], rows))


@click.command("vocabulary")
@click.argument("name", metavar="LIST", type=click.Choice(LISTS))
@click.argument("word", required=False)
@output.json_option
def words(name: str, word: str | None) -> None:
    """List the words of LIST that are no purposes (for those: `policy purposes`), all or those with WORD in them.

    duo: permissions and conditions of the Data Use Ontology. sdg: targets that problems name. wsis: action lines. dpv-…: what
    records of consent say (Data Privacy Vocabulary).
    """
    found = [
        each for each in _entries(name) if word is None or word.lower() in " ".join(map(str, each.values())).lower()
    ]
    rows = [[each["code"], each["label"], each["definition"] or ""] for each in found]
    output.emit({"list": name, "words": found}, *output.aligned(["code", "", ""], rows))


def _entries(name: str) -> list[dict[str, str | None]]:
    from aicommons.domain import vocabulary

    if name == "sdg":
        targets = [(code, goal, text) for goal in vocabulary.goals() for code, text in goal.targets.items()]
        return [{"code": code, "label": f"goal {goal.number}", "definition": text} for code, goal, text in targets]
    if name == "wsis":
        lines = vocabulary.action_lines().items()
        return [{"code": code, "label": title, "definition": None} for code, title in lines]
    if name == "duo":
        return _terms(vocabulary.duo())
    return _terms(vocabulary.dpv(vocabulary.Dpv(name.removeprefix("dpv-").replace("-", "_"))))


def _terms(found: "Mapping[str, known_words.Term]") -> list[dict[str, str | None]]:
    return [{"code": each.code, "label": each.label, "definition": each.definition} for each in found.values()]


def _asks(licence: Any) -> str:
    said = {
        "attribution": licence.attribution, "share-alike": licence.share_alike, "not commercial": not licence.commercial,
        "no derivatives": not licence.adaptation, "benefit sharing": licence.benefit_sharing,
        "named users only": licence.named_only,
    }  # fmt: skip
    return ", ".join(words for words, is_said in said.items() if is_said) or "nothing"


COMMANDS = (purposes, licences, words)
"""What ``policy`` takes into its group."""
