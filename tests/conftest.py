"""Rules for the whole suite: in CI a skipped test is a failure unless its reason is on the short list."""

import os
import sys

import pytest

RECURSION_LIMIT = sys.getrecursionlimit()
import eth_account  # noqa: E402, F401  it loads py-evm where that is installed, which raises the recursion limit

sys.setrecursionlimit(RECURSION_LIMIT)  # decoders of nested bytes are tested as they run in a node, which has neither

ALLOWED_SKIPS = (
    "the shared data folder is not beside the checkout",
    "shared data set",
    "the peers' job is not there",
    "the UCI files are not beside this repository",
)
"""Beginnings of the reasons that are accepted in CI."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the rule when the suite runs in CI."""
    if os.environ.get("CI"):
        config.pluginmanager.register(SkipRule(), "skip-rule")


class SkipRule:
    """Collects unlisted skips and fails the session for them."""

    def __init__(self) -> None:
        self.unlisted: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skip whose reason is not listed."""
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(ALLOWED_SKIPS):
            self.unlisted.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session when there were any."""
        if self.unlisted:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which."""
        for line in self.unlisted:
            terminalreporter.write_line(f"a skip that is not listed: {line}", red=True)
