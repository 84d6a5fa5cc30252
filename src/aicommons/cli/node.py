"""``commons node``: run this organisation's node until it is told to stop.

The loop asks the reconciler for one pass after the other: at once while something is due, seldom when nothing is. It
only dials out. What a node does in a pass is ``node/reconciler``'s business; nothing of scikit-learn, pandas, web3 or
eth_account is ever loaded here.
"""

import dataclasses
import logging
import os
import select
import signal
from typing import TYPE_CHECKING, Self

import click

from aicommons import app
from aicommons.cli import homes, output
from aicommons.domain import errors, ids, run

if TYPE_CHECKING:
    from aicommons.ledger import wallet
    from aicommons.node import agent as agents
    from aicommons.node import reconciler, running

LONGEST_IDLE = 1.0
"""Seconds between looks at the ledger while nothing is under way."""
LONGEST_OUTAGE = 5.0
"""Seconds between tries to reach a ledger that does not answer."""
UNDER_WAY = frozenset({run.RunState.ACKING, run.RunState.RUNNING})

log = logging.getLogger("aicommons.node")


@click.group()
def command() -> None:
    """Run your organisation's node."""


@command.command("start")
@click.option("--once", is_flag=True, help="Do what is due now and end.")
@click.option(
    "--poll-ms", type=click.IntRange(1, 60_000), default=20, show_default=True, help="Between looks while busy."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@output.json_option
def start(once: bool, poll_ms: int, log_level: str) -> None:
    """Do this member's part in trainings until Ctrl-C or SIGTERM.

    It takes part only in runs that this member enrolled in and whose roster was confirmed (`commons run confirm`). It
    may be killed anywhere and started again; its log is in <home>/node/node.log.
    """
    home = homes.home()
    app.deployment_of(home)
    node_key = homes.unlock(home.node_file)
    with homes.alone(home), Bell() as bell:
        app.configure_logging(log_level, home.node_folder / "node.log")
        member_id = _member_id(home, node_key, bell)
        if member_id is None:
            return
        _introduce(home, node_key)
        with app.open_node(home, node_key, member_id) as (agent, runner):
            _say_ready(home, node_key, member_id)
            try:
                Loop(agent, runner, bell, shortest=poll_ms / 1000).work(once=once)
            except errors.CommonsError as err:
                log.error("node ends: %s: %s", type(err).__name__, err)  # noqa: TRY400  expected, so no traceback
                raise
    log.info("node ended")


class Bell:
    """Waits that a signal ends at once: SIGTERM and Ctrl-C ring it, and it stays rung; a child's end only wakes.

    A signal handler must not take locks, so this is a pipe (``signal.set_wakeup_fd``) and not a ``threading.Event``.
    """

    def __init__(self) -> None:
        self.is_rung = False

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._kept = {number: signal.signal(number, self._ring) for number in (signal.SIGTERM, signal.SIGINT)}
        self._kept[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._kept.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Wait until the time is over, a signal comes, or a child has ended."""
        if not self.is_rung:
            ready, _, _ = select.select([self._read], [], [], seconds)
            if ready and not self.is_rung:
                os.read(self._read, 4096)

    def _ring(self, _number: int, _frame: object) -> None:
        self.is_rung = True

    def _wake(self, _number: int, _frame: object) -> None:
        """Do nothing more: that there is a handler makes the signal write into the pipe."""


@dataclasses.dataclass(slots=True)
class Loop:
    """The node's passes and the waits between them."""

    agent: "agents.Agent"
    runner: "running.ProcessRunner"
    bell: Bell
    shortest: float
    """Seconds between passes while something is under way."""
    idle: float = 0.0
    outage: float = 0.0

    def work(self, *, once: bool) -> None:
        """Pass after pass until the bell rings; with ``once``, until no child is at work any more."""
        from aicommons.node import reconciler

        node = reconciler.Reconciler(self.agent)
        while not self.bell.is_rung:
            wait = self._pass(node)
            if once and not self.runner.is_busy():
                return
            self.bell.wait(wait)

    def _pass(self, node: "reconciler.Reconciler") -> float:
        """Do one pass; return how many seconds to wait."""
        try:
            owed = node.step()
        except (errors.LedgerUnreachable, errors.LedgerReorganised, errors.LedgerMismatch, errors.DecodeError) as err:
            # A proxy or a lying ledger may answer anything; a node outlives it and asks again.
            if not self.outage:
                log.warning("%s; trying again", err)
            self.outage = min(LONGEST_OUTAGE, max(0.1, 2 * self.outage))
            return self.outage
        if self.outage:
            log.info("the ledger answers again")
            self.outage = 0.0
        if owed or self.runner.is_busy() or self._is_under_way(node):
            self.idle = self.shortest
        else:
            self.idle = min(LONGEST_IDLE, max(self.shortest, 1.5 * self.idle))
        return self.idle

    def _is_under_way(self, node: "reconciler.Reconciler") -> bool:
        member = self.agent.member_id
        return any(
            current.state in UNDER_WAY and member in current.enrolled and self.agent.journal.pinned(run_id) is not None
            for run_id, current in node.view.runs.items()
        )


def _member_id(home: app.Home, node_key: "wallet.Wallet", bell: Bell) -> ids.MemberId | None:
    """Return the member whose node key this is, as soon as the ledger can be asked; ``None`` when told to end.

    Raises:
        errors.InputError: no active member has this key.
        errors.LedgerMismatch: the ledger is not the one of the deployment file.
    """
    registry = app.connect(home, node_key)
    wait = 0.1
    while not bell.is_rung:
        try:
            registry.check()
            found = app.member_of_node_key(registry, node_key.address)
        except errors.LedgerUnreachable as err:
            if wait == 0.1:
                log.warning("%s; trying again", err)
                output.note(f"{err}; trying again until it answers")
            bell.wait(wait)
            wait = min(LONGEST_OUTAGE, 2 * wait)
            continue
        if found is None:
            raise errors.InputError(
                "no active member has this node key",
                which=ids.format_id(node_key.address),
                next_step="run `commons member apply`, then ask a registrar to run `commons member admit`",
            )
        return found
    return None


def _introduce(home: app.Home, node_key: "wallet.Wallet") -> None:
    """Put the member's profile into the store; without a store now, the next start or command does it."""
    try:
        homes.introduce(home, app.open_store(home, node_key))
    except (errors.StoreUnreachable, errors.StoreRefused) as err:
        log.warning("the profile is not in the store yet: %s", err)


def _say_ready(home: app.Home, node_key: "wallet.Wallet", member_id: ids.MemberId) -> None:
    settings = home.settings()
    log.info("node of member %d started; ledger %s, store %s", member_id, settings.rpc, settings.store)
    output.ready(
        {"member": member_id, "node_key": ids.format_id(node_key.address), "pid": os.getpid()},
        f"Node of {settings.name} (member {member_id}) is at work. Its log: {home.node_folder / 'node.log'}",
    )
