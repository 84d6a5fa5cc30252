"""The owner's page as its owner has it: real processes, real Chromium, from a proposal to the result, in three languages."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright import sync_api
from tests.e2e import portal_stage

from aicommons.domain import run
from aicommons.node import inbox
from aicommons.portal import catalogues

if TYPE_CHECKING:
    from aicommons.domain import ids

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

AXE = pathlib.Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
FIRST_LOAD = 50_000
"""Most bytes on the wire for the first page with everything that it loads."""
PHONE = {"width": 360, "height": 740}


@dataclasses.dataclass(frozen=True)
class Seen:
    """A browser on the owner's page, after a first training was proposed, approved and done."""

    stage: portal_stage.Stage
    page: sync_api.Page
    base: str
    first_load: int
    """Bytes received for the first page."""
    done: "ids.RunId"
    """The run that was trained."""
    told: tuple[str, ...]
    """What its page said while it was trained."""
    people: int = 0
    """A dataset of the owner's whose people are asked for consent."""

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.base + path)

    def press(self, selector: str) -> None:
        """Press what sends a form, and wait for the page that answers: its address may be that of the page before."""
        with self.page.expect_navigation():
            self.page.click(selector)

    def approve(self, run_id: "ids.RunId") -> None:
        """Say yes to a run, on its page."""
        self.go(f"/inbox/run:{run_id.hex()}")
        self.press("button.primary")
        self.page.wait_for_url("**/runs/**")

    def confirm(self, run_id: "ids.RunId") -> None:
        """Confirm a run's participants, on their page."""
        self.go(f"/inbox/roster:{run_id.hex()}")
        self.page.check("input[name=compared]")
        self.press("button.primary")
        self.page.wait_for_url("**/runs/**")


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    """Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed")
    with (
        sync_api.sync_playwright() as driver,
        contextlib.closing(driver.chromium.launch(executable_path=found, args=list(ARGUMENTS))) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def seen(browser: sync_api.Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The page after one whole training that was decided on it."""
    with portal_stage.staged(tmp_path_factory.mktemp("portal")) as stage:
        context = browser.new_context(locale="en", viewport={"width": 1200, "height": 900})
        page = context.new_page()
        page.set_default_timeout(30_000)
        received = count_bytes(page)
        page.goto(stage.link)
        page.wait_for_load_state("load")
        first_load = sum(received)
        made = Seen(stage, page, stage.link.partition("/enter")[0], first_load, b"", ())  # type: ignore[arg-type]
        run_id = stage.propose("Malignant or benign")
        page.wait_for_selector(f"a[href='/inbox/run:{run_id.hex()}']")  # it comes by itself
        told = train(made, run_id)
        yield dataclasses.replace(made, done=run_id, told=told, people=stage.open_register())
        context.close()


def count_bytes(page: sync_api.Page) -> list[int]:
    """Return a list that grows by what each answer took on the wire, headers included."""
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    return sizes


def train(seen: Seen, run_id: "ids.RunId") -> tuple[str, ...]:
    """Approve, confirm and follow a run to its result; return what the page said on the way."""
    seen.approve(run_id)
    seen.stage.others_enrol(run_id)
    seen.stage.close(run_id)
    seen.page.wait_for_selector(f"a[href='/inbox/roster:{run_id.hex()}']")
    seen.confirm(run_id)
    seen.page.evaluate(
        "() => { window.told = []; new MutationObserver("
        "() => window.told.push(document.querySelector('.state').innerText)"
        ").observe(document.querySelector('[sse-swap]'), {childList: true, subtree: true}) }"
    )
    seen.page.wait_for_selector("#result", timeout=90_000)
    return tuple(seen.page.evaluate("window.told"))


def test_first_load_is_small(seen: Seen) -> None:
    """Everything that the first page loads is at most 50 kB on the wire."""
    assert 5_000 < seen.first_load <= FIRST_LOAD


def test_page_needs_nobody_else(seen: Seen) -> None:
    """The page loads from nowhere but its own process."""
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/inbox", f"/runs/{seen.done.hex()}", "/settings"):
        seen.go(path)
    assert asked
    assert {url for url in asked if not url.startswith(seen.base)} == set()


def test_link_works_once(seen: Seen, browser: sync_api.Browser) -> None:
    """Whoever finds the link afterwards sees a locked page and nothing of the home; the next link opens it."""
    with contextlib.closing(browser.new_context()) as other:
        page = other.new_page()
        page.goto(seen.stage.link)
        assert "commons portal link" in page.content()
        assert "Breast examinations" not in page.content()
        home = seen.stage.owner.home.path
        page.goto(str(seen.stage.running.call(home, "portal", "link")["url"]))
        assert page.url == f"{seen.base}/"
        assert page.context.cookies()[0]["httpOnly"]
        assert page.context.cookies()[0]["sameSite"] == "Strict"


def test_rounds_were_shown_as_they_happened(seen: Seen) -> None:
    """The run's page told of rounds while the run went on, without being loaded again."""
    assert any("rounds are summed" in words for words in seen.told)
    assert len(set(seen.told)) > 3


def test_run_page_shows_rounds_what_left_and_the_result_beside_ones_own(seen: Seen) -> None:
    """A finished run shows each round in a chart and in a table, bytes and blocks, and both models on the same rows."""
    seen.go(f"/runs/{seen.done.hex()}")
    page, kept = seen.page, seen.stage.owner.journal()
    sent = kept.bytes_sent(seen.done)
    figures = json.loads(kept.report(seen.done) or b"{}")
    kept.close()
    rows = page.locator("#rounds ~ .wide tbody tr")
    assert rows.count() > 3
    assert page.locator("figure circle").count() == rows.count() - 1  # round 0 counts and has no figure
    assert f"{sent / 1000:.1f} kB" in page.inner_text("#left ~ p >> nth=0")
    page.click("summary >> nth=1")
    assert "evaluation.confusion" in page.inner_text("details[open]")
    shown = page.inner_text("#result ~ .wide")
    assert f"{float(figures['accuracy']):.3f}" in shown
    assert f"{float(figures['alone_accuracy']):.3f}" in shown


def test_log_and_budget_show_the_use(seen: Seen) -> None:
    """Each use is in the log with purpose, asker and bytes; the dataset's page counts its totals."""
    seen.go("/log")
    row = seen.page.inner_text("#uses ~ .wide tbody tr >> nth=-1")
    for words in ("Breast examinations", "Malignant or benign", "DUO:0000007", "Research institute", "completed"):
        assert words in row
    assert "approved" in seen.page.inner_text("#decided ~ .wide")
    seen.go("/budgets")
    assert "north (#2), south (#3), east (#4)" in seen.page.inner_text("main")
    said = seen.stage.running.call(seen.stage.owner.home.path, "log")
    assert said["uses"][-1]["run_id"] == "0x" + seen.done.hex()
    assert {each["what"] for each in said["decisions"]} >= {"approve"}


def test_denial_and_question_are_kept(seen: Seen) -> None:
    """A question leaves a run open, a denial ends it, with its reason in the inbox of page and command line."""
    run_id = seen.stage.propose("Another question")
    seen.go(f"/inbox/run:{run_id.hex()}")
    seen.page.fill("form:has(button:text('Ask back')) textarea", "Who will see it?")
    seen.press("button:text('Ask back')")
    seen.page.click(f"a[href='/inbox/run:{run_id.hex()}']")
    assert "Who will see it?" in seen.page.inner_text("#said ~ ul")
    seen.page.fill("form:has(button:text('Deny')) textarea", "Not for advertising")
    seen.press("button:text('Deny')")
    assert "Not for advertising" in seen.page.inner_text("main")
    listed = seen.stage.running.call(seen.stage.owner.home.path, "inbox", "list")["items"]
    found = next(each for each in listed if each["run_id"] == "0x" + run_id.hex())
    assert (found["standing"], found["said"][-1]["reason"]) == ("denied", "Not for advertising")
    assert seen.stage.owner.member_id not in seen.stage.solver.desk.run(run_id).enrolled


def test_stop_holds_the_node_and_going_on_releases_it(seen: Seen) -> None:
    """One press holds the node back from its next step: a run waits for it, and goes on when it is released."""
    run_id = seen.stage.propose("A run that is stopped")
    seen.approve(run_id)
    seen.stage.others_enrol(run_id)
    seen.press("header .stop button")
    assert "Stopped." in seen.page.inner_text("[role=status]")
    seen.stage.close(run_id)
    seen.confirm(run_id)
    others = [site.member_id for name, site in seen.stage.sites.items() if name != portal_stage.OWNER]
    wait_for(seen, lambda: set(others) <= set(seen.stage.solver.desk.run(run_id).acks))
    seen.page.wait_for_timeout(1500)
    acks = seen.stage.solver.desk.run(run_id).acks
    assert (seen.stage.state(run_id), set(acks)) == (run.RunState.ACKING, set(others))
    assert seen.page.locator("header .stop").count() == 0
    seen.go("/stop")
    seen.press("button:text('Take part again')")
    seen.go(f"/runs/{run_id.hex()}")
    seen.page.wait_for_selector("#result", timeout=90_000)
    assert seen.stage.state(run_id) is run.RunState.COMPLETED


def wait_for(seen: Seen, condition: Any) -> None:
    """Look ten times a second until something holds on the ledger."""
    for _ in range(300):
        if condition():
            return
        seen.page.wait_for_timeout(100)
    pytest.fail("it did not happen in 30 s")


def test_page_works_without_a_mouse(seen: Seen) -> None:
    """The keyboard reaches the content first, then everything else, and what has the focus is outlined."""
    seen.go("/")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "content"
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.tagName") == "A"
    seen.page.wait_for_timeout(1500)  # the stream has been asked; it puts nothing in the place of what is there
    outline = seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(seen: Seen, language: str, scheme: Any) -> None:
    """axe-core finds nothing on any page, in any language, wide or narrow, light or dark; nothing is wider than a phone."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed")
    with asked(seen) as (run_id, roster_id):
        seen.page.emulate_media(color_scheme=scheme)
        seen.go(f"/language/{language}")
        if not seen.stage.wishes_of_others():
            seen.stage.wish(seen.done)
        number = next(iter(seen.stage.owner.home.datasets()))
        place = 10 + 2 * list(catalogues.LANGUAGES).index(language) + (scheme == "dark")
        enter_paper(seen, f"patient-{place}", language=language)
        receipt = seen.page.url.removeprefix(seen.base)
        wish = seen.stage.wishes_of_others()[0]
        paths = [
            "/datasets", f"/datasets/{number}", "/consents", f"/consents/{seen.people}", f"/consents/{seen.people}/0",
            receipt, f"/inbox/wish:{wish}", "/", "/inbox", f"/inbox/run:{run_id.hex()}", f"/inbox/roster:{roster_id.hex()}", "/runs",
            f"/runs/{seen.done.hex()}", "/log", "/budgets", "/settings", "/stop", "/inbox/unknown",
        ]  # fmt: skip
        found = {path: violations(seen, path, language) for path in paths}
        seen.go("/language/en")
        seen.page.emulate_media(color_scheme="light")
    assert {path: each for path, each in found.items() if each} == {}


@contextlib.contextmanager
def asked(seen: Seen) -> Iterator[tuple["ids.RunId", "ids.RunId"]]:
    """Give a run that is asked for and one whose participants are to be confirmed, with operators and a rule set."""
    view = seen.stage.solver.desk.view()
    titles = {each for each, current in view.runs.items() if current.state is run.RunState.ENROLLING}
    fixed = [each for each, current in view.runs.items() if current.state is run.RunState.ACKING]
    owner = seen.stage.owner.member_id
    opened = [each for each in titles if not view.runs[each].enrolled]
    run_id = next((each for each in opened if not was_decided(seen, each)), None) or seen.stage.propose("Open")
    roster_id = next((each for each in fixed if owner in view.runs[each].enrolled), None)
    if roster_id is None:
        roster_id = seen.stage.propose("To be confirmed", patience_seconds=86_400)
        seen.approve(roster_id)
        seen.stage.others_enrol(roster_id)
        seen.stage.close(roster_id)
    yield run_id, roster_id


def enter_paper(seen: Seen, person: str, **said: str) -> None:
    """Enter a paper consent at the desk, up to its receipt; ``said`` are more fields by name."""
    page, scan = seen.page, seen.stage.root / "scan.pdf"
    scan.write_bytes(b"a paper that somebody signed for " + person.encode())
    seen.go(f"/consents/{seen.people}")
    form = "#enter "
    page.fill(f"{form}input[name=person]", person)
    page.set_input_files(f"{form}input[name=paper]", scan)
    for code in ("DUO:0000007", "dpv:ScientificResearch"):
        page.check(f"{form}input[value='{code}']")
    page.fill(f"{form}input[name=until]", "2999-12-31")
    page.fill(f"{form}input[name=steward]", "Amina Njeri")
    page.select_option(f"{form}select[name=receipt_language]", said.pop("language", "en"))
    if said:
        page.click(f"{form}> details >> summary >> nth=0")
        page.set_input_files(f"{form}input[name=guardian_paper]", scan)
        for name, value in said.items():
            page.fill(f"{form}input[name={name}]", value)
    seen.press(f"{form}button.primary")
    page.wait_for_url("**/consents/receipts/**")


def test_a_steward_enters_a_paper_prints_its_receipt_and_withdraws_it(seen: Seen) -> None:
    """A child's paper is entered in the browser, its receipt is one printed page in Swahili, and it is withdrawn by look-up."""
    page, asked = seen.page, list[str]()
    page.on("request", lambda request: asked.append(request.url))
    enter_paper(seen, "patient-7", language="sw", born="2016-02-03", guardian="Zawadi Otieno", relation="mother")
    receipt = page.url
    assert page.get_attribute("article.receipt", "lang") == "sw"
    code = page.inner_text(".receipt .code")
    assert page.is_visible("#print")
    page.emulate_media(media="print")
    assert page.is_visible("article.receipt svg")
    assert [page.is_visible(each) for each in ("header", "footer", ".aside", "[role=status]")] == [False] * 4
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert b"/Count 1" in printed
    page.emulate_media(media="screen")
    seen.press("button:text('It was handed over')")
    page.goto(receipt)
    assert code not in page.content()

    seen.go(f"/consents/{seen.people}")
    page.fill("form[action$='/find'] input[name=person]", "patient-7")
    seen.press("form[action$='/find'] button")
    page.wait_for_url(f"**/consents/{seen.people}/*")
    assert "2034-02-03" in page.inner_text("main")
    page.check("input[name=confirmed]")
    seen.press("button.danger:text('Withdraw')")
    assert "Withdrawn." in page.inner_text("[role=status]")
    home = seen.stage.owner.home.path
    found = seen.stage.running.call(home, "consent", "lookup", str(seen.people), "--person", "patient-7")
    assert [each["status"] for each in found["consents"]] == ["dpv:ConsentWithdrawn"]
    assert [url for url in asked if "patient" in url or code in url] == []
    assert "patient" not in (home / "portal" / "portal.log").read_text()


def test_a_dataset_asks_for_retraining_and_is_suspended_and_resumed(seen: Seen) -> None:
    """On the dataset's page its model is found and asked for, and the dataset goes out of use and back."""
    page = seen.page
    number = next(iter(seen.stage.owner.home.datasets()))
    wait_for(seen, lambda: seen.stage.solver.desk.run(seen.done).model is not None)
    seen.go(f"/datasets/{number}")
    page.click(f"section[aria-labelledby='run-{seen.done.hex()}'] summary")
    page.fill("details[open] textarea", "The consents were withdrawn")
    seen.press("details[open] button:text('Ask for retraining')")
    assert "The consents were withdrawn" in page.inner_text("main")
    assert seen.stage.solver.desk.view().wishes[-1].run_id == seen.done
    seen.go(f"/datasets/{seen.people}")  # nothing is under way with this one
    page.check("form:has(button:text('Suspend')) input[name=confirmed]")
    seen.press("button:text('Suspend')")
    seen.press("button:text('Resume')")
    assert page.locator("button:text('Suspend')").count() == 1


def was_decided(seen: Seen, run_id: "ids.RunId") -> bool:
    """Return whether the owner said anything to a run."""
    with contextlib.closing(inbox.Inbox(seen.stage.owner.home.inbox_file)) as kept:
        return bool(kept.said(f"run:{run_id.hex()}"))


def violations(seen: Seen, path: str, language: str) -> list[str]:
    """Return what axe-core finds on a page, on a wide and on a narrow screen, with everything unfolded."""
    seen.go(path)
    page = seen.page
    if page.get_attribute("html", "lang") != language:
        return ["another language"]
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = []
    for size in (PHONE, {"width": 1200, "height": 900}):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        told = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        found += [f"{each['id']}: {each['nodes'][0]['target']}" for each in told["violations"]]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"wider than {size['width']}")
    return found
