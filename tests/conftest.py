"""Rules for the whole suite in CI: no skip and no slow unit test that nobody answers for."""

import os
import sys
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies

RECURSION_LIMIT = sys.getrecursionlimit()
import eth_account  # noqa: E402, F401  it loads py-evm where that is installed, which raises the recursion limit

sys.setrecursionlimit(RECURSION_LIMIT)  # decoders of nested bytes are tested as they run in a node, which has neither

SKIPS = {
    "shared": (
        "the shared data folder is not beside the checkout",
        "shared data set",
        "the peers' job is not there",
        "the UCI files are not beside this repository",
    ),
    "browser": ("Chromium is not installed", "axe-core is not installed"),
    "oracles": ("the oracles' environment is not there",),
    "java": ("java is not installed, and Spark needs it",),
    "postgres": ("PostgreSQL is not installed",),
    "hosts": ("no hosts of one's own here",),
    "bubblewrap": ("bubblewrap is not installed",),
}
"""What a CI machine may lack -> beginnings of the reasons of the tests that need it."""
MAY_LACK = "CI_MAY_LACK"
"""Environment variable: names of ``SKIPS``, separated by commas, that are missing here on purpose."""
UNIT_SECONDS = 2.0
"""Seconds of CPU, children included, that a unit test may take; the summary names those that took more."""
FAR_TOO_LONG = 5 * UNIT_SECONDS
"""What no unit test takes on the slowest machine: CPU seconds vary with what else a core's other half does."""
SLOW_FOLDERS = ("bench", "e2e", "hosts", "scenarios", "ledger/embedded")
"""Folders of ``tests/`` whose tests run processes, benchmarks, whole commons, or every transaction on several engines."""
PROCESS_FOLDERS = ("cli", "docs", "e2e", "hosts")
"""Folders whose tests drive real processes and browsers: a machine that stands still for seconds can fail them."""
FEW = 3
"""More failures than these are no accident of the machine."""
TRY_AGAIN = 75
"""Exit status (EX_TEMPFAIL of sysexits.h) of a run of which few tests of real processes failed and nothing else."""


LONGEST = (
    "docs/test_tutorials.py",
    "e2e/test_spark.py",
    "e2e/test_demo.py",
    "e2e/test_portal.py",
    "e2e/test_faults.py",
)
"""Files that take minutes: they begin first, so that no process is left alone with one at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first; all else stays in the order that was drawn."""
    items.sort(key=lambda item: item.path.relative_to(config.rootpath / "tests").as_posix() not in LONGEST)


def pytest_configure(config: pytest.Config) -> None:
    """Register the rules: most of them where the suite runs in CI."""
    config.pluginmanager.register(AgainRule(), "again-rule")
    if os.environ.get("CI"):
        lacking = [name for name in os.environ.get(MAY_LACK, "").split(",") if name]
        if not set(lacking) <= set(SKIPS):
            raise pytest.UsageError(f"{MAY_LACK} names one of {', '.join(SKIPS)}, not {', '.join(lacking)}")
        config.pluginmanager.register(SkipRule(lacking), "skip-rule")
        config.pluginmanager.register(TimeRule(), "time-rule")


def cpu_seconds() -> float:
    """Return the CPU time of this process and its ended children; a busy machine does not change it."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


class TimeRule:
    """Names unit tests that compute for long without a ``slow`` mark and its reason; fails one that takes far too long."""

    def pytest_collection_finish(self) -> None:
        """Draw one text: the first one on a machine makes Hypothesis' table of characters, which takes two seconds."""
        hypothesis.settings(max_examples=1, database=None)(hypothesis.given(strategies.text())(lambda _: None))()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Run the test and look at the clock."""
        before = cpu_seconds()
        result = yield
        seconds = cpu_seconds() - before
        place = item.path.relative_to(item.config.rootpath / "tests").as_posix()
        is_unit = not place.startswith(SLOW_FOLDERS) and item.get_closest_marker("e2e") is None
        if is_unit and seconds > UNIT_SECONDS and item.get_closest_marker("slow") is None:
            said = f"a unit test took {seconds:.1f} s of CPU, {UNIT_SECONDS:g} are allowed"
            if seconds > FAR_TOO_LONG:
                pytest.fail(said, pytrace=False)
            item.user_properties.append(("slow", said))
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what took too long."""
        for report in terminalreporter.getreports("passed"):
            for name, said in report.user_properties:
                if name == "slow":
                    terminalreporter.write_line(f"{report.nodeid}: {said}")


class AgainRule:
    """Tells the caller when only few tests of real processes failed: ``make test`` runs those once more, both runs are printed."""

    def __init__(self) -> None:
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed:
            self.failed.add(report.nodeid.removeprefix("tests/"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Say so in the exit status, which later rules may make final."""
        is_few = 0 < len(self.failed) <= FEW and all(each.startswith(PROCESS_FOLDERS) for each in self.failed)
        if is_few and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
            session.exitstatus = TRY_AGAIN

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Name them in a line of their own."""
        if exitstatus == TRY_AGAIN:
            terminalreporter.write_line(f"once more, by themselves: {', '.join(sorted(self.failed))}", yellow=True)


class SkipRule:
    """Collects skips that were not announced and fails the session for them."""

    def __init__(self, lacking: list[str]) -> None:
        self.unlisted: list[str] = []
        self.allowed = tuple(reason for name in lacking for reason in SKIPS[name])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skip whose reason was not announced."""
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(self.allowed):
            self.unlisted.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session when there were any."""
        if self.unlisted:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which, and how to announce them."""
        for line in self.unlisted:
            terminalreporter.write_line(f"a skip that nobody announced: {line}", red=True)
        if self.unlisted:
            terminalreporter.write_line(
                f"what is missing on purpose is named in {MAY_LACK}: {', '.join(SKIPS)}", red=True
            )
