"""Use policies as ODRL 2.2 offers in our small profile, written and read; what we do not understand is a refusal.

The profile has one action of its own (``train``), ODRL's ``purpose`` (operator ``isA``), ``dateTime`` and ``spatial``, and
operands of ours for what only federated learning has. Default deny: what an offer does not permit is forbidden, and an
offer with any key, action, operand, operator, duty, party or target beyond this file is refused by name, because leaving
it out could permit more than its author did. Pure; the shell reads files and asks the owner.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from aicommons.domain import errors, fields, ids, policies, vocabulary
from aicommons.domain.standards import jsonld

PROFILE = "https://aicommons.example/odrl/profile/1"
OURS = "https://aicommons.example/odrl/"
TRAIN = OURS + "train"
ODRL = "http://www.w3.org/ns/odrl/2/"
REMOTE = frozenset({"http://www.w3.org/ns/odrl.jsonld", "https://www.w3.org/ns/odrl.jsonld"})
WHICH = "odrl"

PREFIXES: Mapping[str, tuple[str, str]] = {
    "duo": ("http://purl.obolibrary.org/obo/DUO_", "DUO:"),
    "dpv": ("https://w3id.org/dpv#", "dpv:"),
    "aic": ("https://aicommons.example/purpose/", "aic:"),
}
"""Prefix in an offer -> its address, and the prefix of our purpose codes."""
CONTEXT: Mapping[str, object] = {
    "odrl": ODRL,
    "@vocab": ODRL,
    **{prefix: address for prefix, (address, _) in PREFIXES.items()},
    "dct": "http://purl.org/dc/terms/",
    "uid": "@id",
    "type": "@type",
    "xsd": jsonld.XSD,
    "action": {"@type": "@vocab"},
    "target": {"@type": "@id"},
    "assigner": {"@type": "@id"},
    "assignee": {"@type": "@id"},
    "leftOperand": {"@type": "@vocab"},
    "operator": {"@type": "@vocab"},
    "rightOperand": {"@type": "@id"},
    "profile": {"@type": "@id"},
}
"""All that a context may say."""
DUTIES: Mapping[str, policies.Duty] = {
    "attribute": policies.Duty.ATTRIBUTION,
    OURS + "shareBenefits": policies.Duty.BENEFIT_SHARING,
    OURS + "reportBack": policies.Duty.REPORT_BACK,
}
"""Action of a duty -> our duty."""
FORBIDDEN_ANYWAY = frozenset({"distribute"})
"""Prohibitions that say what the commons never does: data stay where they are."""

Terms = dict[str, Any]
"""Fields of a policy that an offer has said."""
Constraint = tuple[str, str, object, str]
"""Left operand, operator, right operand, and the place in the document."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parties:
    """Who and what an offer may speak of; anything else in it is refused."""

    target: str
    """Name of the dataset in the offer."""
    members: Mapping[str, ids.MemberId]
    """Names of members in the offer -> their memberships; ``member_name`` is always understood."""

    def member(self, name: str, which: str) -> ids.MemberId:
        """Return whom a name stands for; raises ``errors.InputError`` for nobody we know."""
        number = name.removeprefix(member_name(ids.MemberId(0))[:-1])
        if number != name and number.isascii() and number.isdigit() and number[0] != "0":
            return ids.MemberId(int(number))
        if name not in self.members:
            raise jsonld.refusal(which, "a party that is no member we know", name)
        return self.members[name]


def member_name(member: ids.MemberId) -> str:
    """Return our name of a member in documents."""
    return f"urn:aicommons:member:{member}"


def dataset_name(dataset_id: int) -> str:
    """Return our name of a dataset in documents."""
    return f"urn:aicommons:dataset:{dataset_id}"


# ------------------------------------------------------------------------------------------------------------- writing


def write(policy: policies.UsePolicy, target: str) -> dict[str, object]:
    """Return a policy as an offer for the dataset named ``target``; ``read`` gives the same policy back."""
    assigner = member_name(policy.assigner)
    about: dict[str, object] = {"target": target, "assigner": assigner}
    if policy.assignee is not None:
        about["assignee"] = member_name(policy.assignee)
    permissions = [about | {"action": TRAIN, "constraint": _constraints(policy), "duty": _duties(policy)}]
    prohibitions: list[dict[str, object]] = [{"target": target, "action": "distribute"}]
    if policy.commercial:
        permissions.append(about | {"action": "commercialize"})
    else:
        prohibitions.append({"target": target, "action": "commercialize"})
    for code in policy.prohibited:
        constraint = [_constraint("purpose", "isA", _purpose_name(code))]
        prohibitions.append({"target": target, "action": TRAIN, "constraint": constraint})
    return {
        "@context": dict(CONTEXT),
        "type": "Offer",
        "uid": f"urn:aicommons:policy:{ids.format_digest(ids.digest(policy.encode()))}",
        "profile": PROFILE,
        "dct:title": policy.title,
        "dct:license": policy.licence,
        "permission": permissions,
        "prohibition": prohibitions,
    }


def _constraints(policy: policies.UsePolicy) -> list[dict[str, object]]:
    purposes = [_constraint("purpose", "isA", _purpose_name(code)) for code in policy.permitted]
    said: list[dict[str, object]] = purposes if len(purposes) == 1 else [{"or": {"@list": purposes}}]
    if policy.until is not None:
        said.append(_constraint("dateTime", "lt", jsonld.date_time(policy.until)))
    if policy.countries:
        said.append(_constraint("spatial", "isAnyOf", [{"@value": country} for country in policy.countries]))
    own = {
        ("epsilon", "lteq", "decimal"): policy.epsilon,
        ("privacyUnit", "eq", None): policy.privacy_unit.value,
        ("personColumn", "eq", None): policy.person_column,
        ("minimumCohort", "gteq", "integer"): str(policy.minimum_cohort),
        ("minimumCell", "gteq", "integer"): str(policy.minimum_cell),
        ("smallCells", "eq", None): policy.small_cells.value,
        ("freeCommons", "eq", "boolean"): str(policy.free_commons).lower(),
    }
    for (operand, operator, kind), text in own.items():
        if text is not None:
            value = {"@value": text} | ({} if kind is None else {"@type": f"xsd:{kind}"})
            said.append(_constraint(OURS + operand, operator, value))
    return said


def _constraint(operand: str, operator: str, value: object) -> dict[str, object]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def _duties(policy: policies.UsePolicy) -> list[dict[str, object]]:
    named = {duty: action for action, duty in DUTIES.items()}
    duties: list[dict[str, object]] = [{"action": named[duty]} for duty in policy.duties]
    amount = {"@value": str(policy.price), "@type": "xsd:integer"}
    duties.append({"action": "compensate", "constraint": [_constraint("payAmount", "eq", amount)]})
    return duties


def _purpose_name(code: str) -> str:
    for prefix, (_, ours) in PREFIXES.items():
        if code.startswith(ours):
            return f"{prefix}:{code.removeprefix(ours)}"
    raise errors.InputError("a purpose without a name in ODRL", which=code)


# ------------------------------------------------------------------------------------------------------------- reading


def read(document: object, parties: Parties, base: policies.UsePolicy) -> policies.UsePolicy:
    """Return an offer as a policy of ``base.assigner``.

    Purposes, prohibitions, commercial use, countries, end, epsilon and duties are what the offer says and nothing more;
    what only our profile knows (title, licence, cohort, cells, unit, column, price) and the assignee are the owner's ``base``
    where the offer is silent.

    Raises:
        errors.InputError: the first part that we do not understand or that is for somebody or something else, or a policy
            that contradicts itself.
    """
    offer = jsonld.node(document, WHICH)
    names = jsonld.check_context(offer.value("@context"), CONTEXT, REMOTE, WHICH)
    _head(offer, names)
    reader = _Reader(parties, names, base.assigner, _about(offer, WHICH))
    terms: Terms = {
        "prohibited": (), "commercial": False, "countries": (), "until": None, "epsilon": None, "duties": (),
    }  # fmt: skip
    for field, name in (("title", "dct:title"), ("licence", "dct:license")):
        if offer.has(name) and "dct" in names:
            terms[field] = jsonld.literal(offer.value(name), None, offer.label(name))
    reader.permissions(offer, terms)
    reader.prohibitions(offer, terms)
    offer.close()
    if "privacy_unit" in terms:
        terms.setdefault("person_column", None)
    policy = dataclasses.replace(base, **terms)
    for fault in policies.faults(policy):
        raise fault.error(errors.InputError)
    return policy


def _head(offer: fields.Fields, names: frozenset[str]) -> None:
    kind_name, id_name = ("type" if offer.has("type") else "@type"), ("uid" if offer.has("uid") else "@id")
    for name in ("@vocab", *({kind_name, id_name} - {"@type", "@id"})):
        if name not in names:
            raise jsonld.refusal(f"{WHICH}.@context", "a term that the context does not define", name)
    if (kind := offer.value(kind_name)) not in ("Offer", "odrl:Offer", "Agreement", "odrl:Agreement"):
        raise jsonld.refusal(offer.label(kind_name), "neither an offer nor an agreement", str(kind))
    offer.text(id_name)
    if (profile := jsonld.reference(offer.value("profile"), offer.label("profile"))) != PROFILE:
        raise jsonld.refusal(offer.label("profile"), "another profile than ours", profile)
    if offer.has("conflict") and offer.value("conflict") not in ("prohibit", "odrl:prohibit"):
        raise jsonld.refusal(
            offer.label("conflict"), "another rule for conflicts than that a prohibition wins", "another"
        )


Named = tuple[str, str, str]
"""Key (target, assigner or assignee), the name that stands there, and its place in the document."""


def _about(node: fields.Fields, which: str) -> list[Named]:
    """Return whom and what an offer or rule says it is about."""
    said = [key for key in ("target", "assigner", "assignee") if node.has(key)]
    return [(key, jsonld.reference(node.value(key), f"{which}.{key}"), f"{which}.{key}") for key in said]


class _Reader:
    """Reads the rules of one offer; every party and target of every rule is checked."""

    def __init__(self, parties: Parties, names: frozenset[str], assigner: ids.MemberId, said: list[Named]) -> None:
        self._parties = parties
        self._names = names
        self._assigner = assigner
        self._said = said

    def permissions(self, offer: fields.Fields, terms: Terms) -> None:
        """Read all permissions into ``terms``: one to train, and perhaps one to commercialize."""
        seen: dict[str, ids.MemberId | None] = {}
        for value, which in jsonld.listed(offer.value("permission"), f"{WHICH}.permission"):
            rule = jsonld.node(value, which)
            action = _action(rule, which)
            if action not in (TRAIN, "commercialize") or action in seen:
                raise jsonld.refusal(f"{which}.action", "a permission that we do not understand", action)
            seen[action] = self._assignee(rule, which, ("target", "assigner"))
            if action == TRAIN:
                self._train(rule, which, terms)
            rule.close()
        if TRAIN not in seen or len(set(seen.values())) > 1:
            raise jsonld.refusal(f"{WHICH}.permission", "not one permission to train, for the same party", "others")
        terms["commercial"] = "commercialize" in seen
        if seen[TRAIN] is not None:
            terms["assignee"] = seen[TRAIN]

    def prohibitions(self, offer: fields.Fields, terms: Terms) -> None:
        """Read all prohibitions into ``terms``, after the permissions."""
        items = jsonld.listed(offer.value("prohibition"), f"{WHICH}.prohibition") if offer.has("prohibition") else []
        for value, which in items:
            rule = jsonld.node(value, which)
            action = _action(rule, which)
            if self._assignee(rule, which, ("target",)) not in (None, terms.get("assignee")):
                raise jsonld.refusal(f"{which}.assignee", "a prohibition for one party only", "an assignee")
            if action == TRAIN:
                terms["prohibited"] += self._purposes(_only(rule, "constraint", which))
            elif action == "commercialize" and terms["commercial"]:
                raise jsonld.refusal(f"{which}.action", "commercial use is both permitted and prohibited", action)
            elif action not in ("commercialize", *FORBIDDEN_ANYWAY):
                raise jsonld.refusal(f"{which}.action", "a prohibition that we do not understand", action)
            rule.close()

    def _assignee(self, rule: fields.Fields, which: str, needed: tuple[str, ...]) -> ids.MemberId | None:
        """Check what a rule is about and return the only party it is for, if there is one."""
        about = [*self._said, *_about(rule, which)]
        for key in needed:
            if key not in {named for named, _, _ in about}:
                raise jsonld.refusal(f"{which}.{key}", "a rule that does not say what it is about", "nothing")
        assignees = set()
        for key, name, place in about:
            if key == "target" and name != self._parties.target:
                raise jsonld.refusal(place, "a rule for something else", name)
            if key == "assigner" and self._parties.member(name, place) != self._assigner:
                raise jsonld.refusal(place, "a rule by somebody else", name)
            if key == "assignee":
                assignees.add(self._parties.member(name, place))
        if len(assignees) > 1:
            raise jsonld.refusal(f"{which}.assignee", "a rule for two different parties", "two assignees")
        return assignees.pop() if assignees else None

    def _train(self, rule: fields.Fields, which: str, terms: Terms) -> None:
        seen = set()
        for value, place in jsonld.listed(rule.value("constraint"), f"{which}.constraint"):
            if isinstance(value, Mapping) and "or" in value:
                operand, said = "purpose", {"permitted": self._purposes((value, place))}
            else:
                operand, said = self._constraint(value, place)
            if operand in seen:
                raise jsonld.refusal(place, "a second constraint of the same kind", operand)
            seen.add(operand)
            terms.update(said)
        if "purpose" not in seen:
            raise jsonld.refusal(f"{which}.constraint", "a permission without a purpose", "other constraints")
        if rule.has("duty"):
            for value, place in jsonld.listed(rule.value("duty"), f"{which}.duty"):
                _duty(jsonld.node(value, place), place, terms)

    def _constraint(self, value: object, which: str) -> tuple[str, Terms]:
        """Return the operand of a constraint and what it says."""
        operand, operator, right, place = _parts(value, which)
        if operand == "purpose":
            return operand, {"permitted": self._purposes((value, which))}
        read = OPERANDS.get((operand, operator))
        if read is None:
            raise jsonld.refusal(which, "a constraint that we do not understand", f"{operand} {operator}")
        return operand, read(right, place)

    def _purposes(self, item: tuple[object, str]) -> tuple[str, ...]:
        """Return the purposes of one constraint: ``purpose isA …``, or several of them under ``or``."""
        value, which = item
        if isinstance(value, Mapping) and set(value) == {"or"}:
            return tuple(code for each in jsonld.listed(value["or"], f"{which}.or") for code in self._purposes(each))
        operand, operator, right, place = _parts(value, which)
        if (operand, operator) != ("purpose", "isA"):
            raise jsonld.refusal(which, "a constraint that we do not understand", f"{operand} {operator}")
        return (self._purpose(jsonld.reference(right, place), place),)

    def _purpose(self, name: str, which: str) -> str:
        """Return the code of a purpose; raises ``errors.InputError`` for one that we do not know."""
        for prefix, (address, ours) in PREFIXES.items():
            short = f"{prefix}:" if prefix in self._names else address
            for start in (address, short):
                if name.startswith(start) and name != start:
                    code = ours + name.removeprefix(start)
                    if code in KNOWN:
                        return code
        raise jsonld.refusal(which, "a purpose that we do not know", name)


KNOWN = frozenset(each.code for each in vocabulary.PURPOSES)


def _action(rule: fields.Fields, which: str) -> str:
    return _plain(jsonld.reference(rule.value("action"), f"{which}.action"))


def _plain(name: str) -> str:
    """Return a term of ODRL without its prefix."""
    return name.removeprefix("odrl:").removeprefix(ODRL)


def _only(rule: fields.Fields, name: str, which: str) -> tuple[object, str]:
    """Return the one entry of a field; two constraints would mean both at once, which a prohibition of ours cannot say."""
    items = jsonld.listed(rule.value(name), f"{which}.{name}")
    if len(items) != 1:
        raise jsonld.refusal(f"{which}.{name}", "not exactly one constraint", str(len(items)))
    return items[0]


def _parts(value: object, which: str) -> Constraint:
    node = jsonld.node(value, which)
    operand, operator = (
        _plain(jsonld.reference(node.value(key), f"{which}.{key}")) for key in ("leftOperand", "operator")
    )
    right = node.value("rightOperand")
    node.close()
    return operand, operator, right, f"{which}.rightOperand"


def _duty(node: fields.Fields, which: str, terms: Terms) -> None:
    action = _action(node, which)
    if action in DUTIES:
        terms["duties"] += (DUTIES[action],)
    elif action == "compensate" and "price" not in terms:
        operand, operator, right, place = _parts(*_only(node, "constraint", which))
        if (operand, operator) != ("payAmount", "eq"):
            raise jsonld.refusal(which, "a constraint that we do not understand", f"{operand} {operator}")
        terms["price"] = _whole(right, place)
    else:
        raise jsonld.refusal(which, "a duty that we do not understand", action)
    node.close()


def _whole(value: object, which: str) -> int:
    text = jsonld.literal(value, "integer", which)
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise jsonld.refusal(which, "not a whole number", text)
    return int(text)


def _choice(kind: type[Any], value: object, which: str) -> Any:
    text = _text(value, which)
    if text not in {each.value for each in kind}:
        raise jsonld.refusal(which, f"none of {', '.join(each.value for each in kind)}", text)
    return kind(text)


def _text(value: object, which: str) -> str:
    """Return a plain literal, which cannot be mistaken for a name: ``{"@value": …}``."""
    if not isinstance(value, Mapping) or set(value) != {"@value"} or not isinstance(value["@value"], str):
        raise jsonld.refusal(which, "not a text", "another value")
    return value["@value"]


def _truth(value: object, which: str) -> bool:
    text = jsonld.literal(value, "boolean", which)
    if text not in ("true", "false"):
        raise jsonld.refusal(which, "neither true nor false", text)
    return text == "true"


def _countries(value: object, which: str) -> tuple[str, ...]:
    return tuple(_text(each, place) for each, place in jsonld.listed(value, which))


def _time(value: object, which: str) -> int:
    return jsonld.seconds(jsonld.literal(value, "dateTime", which), which)


Reading = Callable[[object, str], Terms]

OPERANDS: Mapping[tuple[str, str], Reading] = {
    ("dateTime", "lt"): lambda value, which: {"until": _time(value, which)},
    ("dateTime", "lteq"): lambda value, which: {"until": _time(value, which) + 1},
    ("spatial", "isAnyOf"): lambda value, which: {"countries": _countries(value, which)},
    ("spatial", "eq"): lambda value, which: {"countries": (_text(value, which),)},
    (OURS + "epsilon", "lteq"): lambda value, which: {"epsilon": jsonld.literal(value, "decimal", which)},
    (OURS + "privacyUnit", "eq"): lambda value, which: {"privacy_unit": _choice(policies.PrivacyUnit, value, which)},
    (OURS + "personColumn", "eq"): lambda value, which: {"person_column": _text(value, which)},
    (OURS + "minimumCohort", "gteq"): lambda value, which: {"minimum_cohort": _whole(value, which)},
    (OURS + "minimumCell", "gteq"): lambda value, which: {"minimum_cell": _whole(value, which)},
    (OURS + "smallCells", "eq"): lambda value, which: {"small_cells": _choice(policies.SmallCells, value, which)},
    (OURS + "freeCommons", "eq"): lambda value, which: {"free_commons": _truth(value, which)},
}
"""Left operand and operator -> what they say of a policy; ``purpose`` is read apart."""
