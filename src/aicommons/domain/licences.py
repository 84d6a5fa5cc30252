"""Licences of data and models: SPDX expressions over a bounded list, and what each licence asks of whoever uses it.

``vocabularies/licences.json`` lists what we know: licences of the SPDX list that data and models carry, and our registry
of ``LicenseRef-…``, community licences and labels included. A licence that is not on it is refused by name, because
nobody could say what it permits. Called by ``policies``, ``protocol/rules.py`` and whoever reads a card. What is said of
a licence here is our reading for machines; the licence's own text decides between people.
"""

import dataclasses
import enum
import functools
import re
from collections.abc import Mapping

from aicommons.domain import errors, vocabulary

MAX_EXPRESSION = 200
"""Longest expression, in characters."""
MAX_ALTERNATIVES = 16
"""Most choices that an expression may offer."""
MAX_DEPTH = 8
"""Deepest nesting of parentheses."""
EXCEPTIONS = frozenset({"Classpath-exception-2.0", "LLVM-exception", "GCC-exception-3.1"})
"""What may follow ``WITH``; none changes anything that is asked here."""
TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9][A-Za-z0-9.-]*)")


class Duty(enum.Enum):
    """What a user of the data takes upon itself."""

    ATTRIBUTION = "attribution"
    """Name the holders with the model."""
    BENEFIT_SHARING = "benefit_sharing"
    """Give a part of the benefit back to the people the data come from."""
    REPORT_BACK = "report_back"
    """Tell the holders what came of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Licence:
    """One licence or label, and what it says."""

    identifier: str
    """SPDX identifier or ``LicenseRef-…``."""
    name: str
    """Its full name."""
    commercial: bool
    """Whether it leaves commercial use open (the policy may still forbid it)."""
    adaptation: bool
    """Whether anything may be made from it; a trained model is something made from it."""
    share_alike: bool
    """Whether what is made from it must carry the same licence."""
    attribution: bool
    """Whether its authors must be named."""
    benefit_sharing: bool
    """Whether a part of the benefit goes back to the people it comes from."""
    named_only: bool
    """Whether only somebody whom the holders have named may use it."""
    notice: str | None
    """What users must be shown, where there is something to show beyond the name."""


Alternative = frozenset[Licence]
"""Licences that all hold at once."""


@dataclasses.dataclass(frozen=True, slots=True)
class Expression:
    """A licence expression, read: a choice of alternatives."""

    text: str
    """As it was written."""
    alternatives: tuple[Alternative, ...]
    """A user keeps to one of these, as it likes; all licences of it hold."""

    @property
    def commercial(self) -> bool:
        """Whether commercial use is left open by a choice."""
        return any(all(each.commercial for each in chosen) for chosen in self.alternatives)

    @property
    def adaptation(self) -> bool:
        """Whether a model may be made under a choice."""
        return any(all(each.adaptation for each in chosen) for chosen in self.alternatives)

    @property
    def attribution(self) -> bool:
        """Whether every choice asks for attribution."""
        return all(any(each.attribution for each in chosen) for chosen in self.alternatives)

    @property
    def benefit_sharing(self) -> bool:
        """Whether every choice asks for benefit sharing."""
        return all(any(each.benefit_sharing for each in chosen) for chosen in self.alternatives)

    @property
    def named_only(self) -> bool:
        """Whether every choice is open to somebody named only."""
        return all(any(each.named_only for each in chosen) for chosen in self.alternatives)

    @property
    def notices(self) -> tuple[str, ...]:
        """What users must be shown, each once."""
        licences = sorted(frozenset[Licence]().union(*self.alternatives), key=lambda each: each.identifier)
        return tuple(dict.fromkeys(each.notice for each in licences if each.notice is not None))


@functools.cache
def known() -> Mapping[str, Licence]:
    """Return all licences and labels that we know, by identifier."""
    listed = (Licence(each.pop("id"), **each) for each in vocabulary.load("licences"))
    return {each.identifier: each for each in listed}


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """Read a licence expression (SPDX specification 2.3, annex D: ``WITH`` before ``AND`` before ``OR``).

    Raises:
        errors.InputError: no such expression, or a licence that we do not know; the message names it.
    """
    if len(text) > MAX_EXPRESSION:
        raise errors.InputError("the licence expression is too long", expected=f"at most {MAX_EXPRESSION} characters")
    reader = _Reader(text, _tokens(text))
    alternatives = reader.either(0)
    reader.close()
    return Expression(text, alternatives)


def allows(data: Expression, model: Expression | None) -> bool:
    """Return whether a model under ``model`` may be made from data under ``data``.

    There must be one choice of the data's licences with which every choice of the model's licences keeps what it asks:
    share-alike means the same licence, non-commercial means that the model is not for commercial use either. A model
    whose licence nobody has named yet (``None``) satisfies only data that ask neither.
    """
    return any(_is_kept(chosen, model) for chosen in data.alternatives)


def _is_kept(chosen: Alternative, model: Expression | None) -> bool:
    if not all(each.adaptation for each in chosen):
        return False
    demanding = [each for each in chosen if each.share_alike or not each.commercial]
    if model is None:
        return not demanding
    return all(_carries(given, each) for given in model.alternatives for each in demanding)


def _carries(given: Alternative, asked: Licence) -> bool:
    """Return whether a choice of a model's licences carries on what a licence of its data asks."""
    if asked.share_alike:
        return asked in given
    return any(not each.commercial for each in given)


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if found is None:
            raise _refusal(text, "letters, digits, points and hyphens, AND, OR, WITH and parentheses")
        tokens.append(found.group(1))
        place = found.end()
    return tokens


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self._text = text
        self._left = tokens[::-1]

    def either(self, depth: int) -> tuple[Alternative, ...]:
        """Read ``both OR both OR …``."""
        alternatives = self._both(depth)
        while self._take("OR"):
            alternatives = self._bounded((*alternatives, *self._both(depth)))
        return alternatives

    def close(self) -> None:
        """Check that nothing is left over."""
        if self._left:
            raise _refusal(self._text, "AND or OR between licences")

    def _both(self, depth: int) -> tuple[Alternative, ...]:
        alternatives = self._one(depth)
        while self._take("AND"):
            other = self._one(depth)
            alternatives = self._bounded(tuple(first | second for first in alternatives for second in other))
        return alternatives

    def _one(self, depth: int) -> tuple[Alternative, ...]:
        if self._take("("):
            if depth == MAX_DEPTH:
                raise _refusal(self._text, f"at most {MAX_DEPTH} parentheses inside each other")
            inner = self.either(depth + 1)
            if not self._take(")"):
                raise _refusal(self._text, "a closing parenthesis")
            return inner
        licence = self._licence()
        if self._take("WITH") and (not self._left or self._left.pop() not in EXCEPTIONS):
            raise _refusal(self._text, f"one of {', '.join(sorted(EXCEPTIONS))} after WITH")
        return (frozenset({licence}),)

    def _licence(self) -> Licence:
        identifier = self._left.pop() if self._left else ""
        if identifier not in known():
            like = [each for each in known() if each.lower() == identifier.lower()]
            raise errors.InputError(
                "an unknown licence", which=identifier[:60] or "licence", got=self._text[:60],
                expected=like[0] if like else "an SPDX identifier or LicenseRef-… that we know, such as CC-BY-4.0",
                next_step="See all that are known with `commons policy licences`.",
            )  # fmt: skip
        return known()[identifier]

    def _take(self, token: str) -> bool:
        if self._left[-1:] != [token]:
            return False
        self._left.pop()
        return True

    def _bounded(self, alternatives: tuple[Alternative, ...]) -> tuple[Alternative, ...]:
        distinct = tuple(dict.fromkeys(alternatives))
        if len(distinct) > MAX_ALTERNATIVES:
            raise _refusal(self._text, f"at most {MAX_ALTERNATIVES} choices")
        return distinct


def _refusal(text: str, expected: str) -> errors.InputError:
    return errors.InputError(
        "not a licence expression", which="licence", expected=expected, got=repr(text[:60]),
        next_step="Write one licence such as CC-BY-4.0, or several with AND, OR and parentheses.",
    )  # fmt: skip
