"""Who may speak with the owner's page: hosts, links, cookies, origins, tokens, lengths; and what every answer carries."""

import pathlib
import re
from typing import TYPE_CHECKING

import pytest

from aicommons.portal import guard, serving

if TYPE_CHECKING:
    from tests.portal.conftest import Desk, Visitor

HOST = "127.0.0.1:8547"

REFUSED_POSTS = {
    "another site's origin": ({"origin": "http://evil.example"}, 403),
    "no origin": ({"origin": ""}, 403),
    "an opaque origin": ({"origin": "null"}, 403),
    "another port's origin": ({"origin": "http://127.0.0.1:8000"}, 403),
    "a rebound name": ({"host": "evil.example:8547", "origin": "http://evil.example:8547"}, 421),
    "a cross-site fetch": ({"sec_fetch_site": "cross-site"}, 403),
    "a same-site fetch from another port": ({"sec_fetch_site": "same-site"}, 403),
    "no length": ({"content_length": ""}, 413),
    "a negative length": ({"content_length": "-1"}, 413),
    "an endless form": ({"content_length": str(guard.MOST_BODY + 1)}, 413),
}
"""Name -> headers that replace a good form's, status."""


@pytest.mark.parametrize(("headers", "status"), REFUSED_POSTS.values(), ids=REFUSED_POSTS.keys())
def test_forms_from_elsewhere_are_refused(shared_desk: "Desk", headers: dict[str, str], status: int) -> None:
    """A form that does not come from the page itself does nothing, even with cookie and token."""
    visitor, session = shared_desk.open_page()
    answer = visitor.post("/stop", {"token": session.form_token}, **headers)
    assert answer.status == status
    with shared_desk.clerk.inbox() as kept:
        assert not kept.house().stopped


@pytest.mark.parametrize("token", ["", "00", "é", "0" * 64])
def test_forms_without_the_token_are_refused(shared_desk: "Desk", token: str) -> None:
    """A form without the session's token does nothing and says why."""
    visitor, _ = shared_desk.open_page()
    answer = visitor.post("/stop", {"token": token})
    assert answer.status == 409
    assert "open the page again" in answer.text
    with shared_desk.clerk.inbox() as kept:
        assert not kept.house().stopped


HOSTS = {"evil.example": 421, "127.0.0.1": 421, "127.0.0.1:80": 421, "": 421, "localhost:8547": 200, "[::1]:8547": 200}
"""Host header -> status."""


@pytest.mark.parametrize("host", HOSTS)
def test_only_loopback_names_are_answered(shared_desk: "Desk", host: str) -> None:
    """A site that points its own name at this machine gets nothing."""
    visitor, _ = shared_desk.open_page()
    answer = visitor.get("/", host=host)
    assert answer.status == HOSTS[host]
    assert ("Examinations" in answer.text or "Today" in answer.text) == (answer.status == 200)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(shared_desk: "Desk", method: str) -> None:
    """Nothing but looking and the page's forms is answered; no other site may ask what it could do."""
    visitor, _ = shared_desk.open_page()
    answer = visitor.ask(method, "/", b"", {})
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


LOCKED = ("/", "/inbox", "/runs", "/log", "/budgets", "/settings", "/stop", "/events", "/runs/" + "00" * 32, "/nothing")


@pytest.mark.parametrize("path", LOCKED)
@pytest.mark.parametrize("cookie", ["", "commons_8547=", "commons_8547=guess", 'other=1; commons_8547="x', "\x01=;"])
def test_without_the_cookie_nothing_of_the_home_is_shown(shared_desk: "Desk", path: str, cookie: str) -> None:
    """Whoever has not opened the link sees a locked page, whatever they ask for."""
    visitor, _ = shared_desk.open_page()
    visitor.cookies = cookie
    answer = visitor.get(path)
    assert answer.status == 403
    assert "commons portal link" in answer.text
    assert "owner&gt;" not in answer.text
    assert 'name="token"' not in answer.text


def test_a_link_works_once_and_sets_a_cookie_that_no_script_reads(shared_desk: "Desk") -> None:
    """The link's token opens the page once; a wrong one never does and does not use the right one up."""
    used: list[str] = []
    session = guard.Session(8547)
    visitor = visitor_of(shared_desk, session, used)
    path = session.link.removeprefix(f"http://{HOST}")
    assert visitor.get(path + "x").status == 403
    assert visitor.get("/enter").status == 403
    entered = visitor.get(path)
    assert (entered.status, entered.headers["location"], used) == (303, "/", ["used"])
    assert re.fullmatch(r"commons_8547=\S+; Path=/; HttpOnly; SameSite=Strict", entered.headers["set-cookie"])
    assert visitor.get(path).status == 403
    assert session.link.removeprefix(f"http://{HOST}") != path
    visitor.cookies = entered.headers["set-cookie"].partition(";")[0]
    assert visitor.get("/").status == 200


def visitor_of(shared_desk: "Desk", session: guard.Session, used: list[str]) -> "Visitor":
    """Return a visitor without a cookie."""
    made, _ = shared_desk.open_page()
    return type(made)(serving.make(shared_desk.place, session, entered=lambda: used.append("used")))


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/static/../__main__.py", "/inbox/nothing", "/nothing"])
def test_every_answer_says_what_may_run(shared_desk: "Desk", path: str) -> None:
    """No answer allows a script, a style or a frame that is not the page's own, or is kept by a cache."""
    visitor, _ = shared_desk.open_page()
    headers = visitor.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert path.startswith("/static/") or headers["cache-control"] == "no-store"


def test_templates_have_no_inline_script_or_style() -> None:
    """What the policy forbids is in no template; nothing is marked safe but what templates made, and a drawn code."""
    safe = {"texts.today", "texts.progress", "texts.sent", "printed.qr_code"}
    root = pathlib.Path(serving.__file__).parent / "templates"
    for file in root.glob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)|<style|\sstyle=|\son[a-z]+=|javascript:", text), file
        assert not re.search(r"https?://", text), file
        assert set(re.findall(r"{{ ([\w.]+)\|safe", text)) <= safe, file


def test_assets_are_whole_and_licensed() -> None:
    """Each foreign script in the wheel has its version in its name and its licence beside it; together they are small."""
    root = pathlib.Path(serving.__file__).parent / "static"
    scripts = sorted(set(root.glob("*.js")) - {root / "print.js"})
    assert len(scripts) == 2
    for script in scripts:
        assert re.search(r"-\d+\.\d+\.\d+\.min\.js$", script.name)
        assert (root / script.name.replace(".min.js", ".LICENSE.txt")).exists()
    packed = serving.load_assets()
    assert sum(len(packed[name]) for name in packed if name.endswith((".js", ".css", ".svg"))) < 30_000
