"""Puts what a person had filled in back into the form that was refused, and says above it why.

Called by ``serving`` with the page from which the form came, drawn anew. PINs and the session's token are never put back;
files cannot be, because a page may not choose a person's files.
"""

import html
import html.parser
from collections.abc import Mapping, Sequence

KEPT_BACK = frozenset({"pin", "second_pin", "new_pin", "token"})
NOT_TYPED = frozenset({"checkbox", "radio", "file", "password", "hidden"})


def refilled(page: str, action: str, given: Mapping[str, Sequence[str]], notice: str) -> str:
    """Return ``page`` with ``notice`` as the first thing of its main part and ``given`` in the forms sent to ``action``.

    Args:
        page: HTML of our own templates.
        action: path that the form was sent to.
        given: field -> values; of several forms for one path, the one whose hidden fields hold the same is filled in.
        notice: HTML that says what was wrong.
    """
    made = _Refill(action, {name: values for name, values in given.items() if name not in KEPT_BACK}, notice)
    made.feed(page)
    made.close()
    return "".join(made.parts)


class _Refill(html.parser.HTMLParser):
    def __init__(self, action: str, given: Mapping[str, Sequence[str]], notice: str) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._action, self._given, self._notice = action, given, notice
        self._is_here = False
        self._select: Sequence[str] | None = None
        self._dropping: str | None = None
        self._folded: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "details":
            self._folded.append(len(self.parts))
        if tag == "form":
            self._is_here = named.get("action") == self._action
            if self._is_here:
                self._unfold()
        self.parts.append(self._tag(tag, named) if self._is_here else self._as_it_was())
        if tag == "main":
            self.parts.append(self._notice)
        if self._is_here and tag == "textarea" and named.get("name") in self._given:
            self.parts.append(html.escape(self._given[str(named["name"])][0]))
            self._dropping = tag

    def handle_endtag(self, tag: str) -> None:
        self._dropping = None if tag == self._dropping else self._dropping
        self._is_here = self._is_here and tag != "form"
        self._select = None if tag == "select" else self._select
        if tag == "details":
            self._folded.pop()
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._dropping is None:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self.parts.append(f"<!{decl}>")

    def _as_it_was(self) -> str:
        return self.get_starttag_text() or ""

    def _unfold(self) -> None:
        """Open what the form, or a field that was filled in, stands in."""
        for place in self._folded:
            self.parts[place] = self.parts[place].replace("<details>", "<details open>")

    def _tag(self, tag: str, named: dict[str, str | None]) -> str:
        name, kind = named.get("name") or "", named.get("type") or "text"
        values = self._given.get(name)
        if kind == "hidden" and name != "token" and values is not None and named.get("value") not in values:
            self._is_here = False  # another form of the same path, such as a denial beside an approval
        if tag == "select":
            self._select = values
        if tag == "option" and self._select is not None:
            return self._marked("selected", is_on=named.get("value") in self._select)
        if tag == "input" and kind == "checkbox" and name:
            is_on = values is not None and (named.get("value") or "on") in values
            return self._marked("checked", is_on=is_on)
        if tag == "input" and values is not None and kind not in NOT_TYPED:
            return self._valued(values[0], named.get("value") or "")
        return self._as_it_was()

    def _marked(self, word: str, *, is_on: bool) -> str:
        text = self._as_it_was().replace(f" {word}", "")
        if is_on:
            self._unfold()
        return f"{text[:-1]} {word}>" if is_on else text

    def _valued(self, value: str, before: str) -> str:
        if value != before:
            self._unfold()
        text, _, rest = self._as_it_was().partition(' value="')
        bare = text + rest.partition('"')[2] if rest else text
        return f'{bare[:-1]} value="{html.escape(value)}">'
