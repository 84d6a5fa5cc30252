"""``commons model shares | audits | audit | clear | release | suspend | resume | withdraw | pay | claim``.

``model`` puts these commands into its group: who owns a model, how it is audited and released, and what it earns. Suspending
and putting back are the members' votes, so these two propose; everything else is done at once by whoever may.
"""

from typing import TYPE_CHECKING

import click

from aicommons.cli import assembly, homes, naming, output, tokens
from aicommons.domain import ids, model_events

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from aicommons.protocol import attestations, releases

STATE = model_events.ModelState
STATES = {
    STATE.DRAFT: "a draft: nobody has asked for its audit",
    STATE.IN_AUDIT: "in audit",
    STATE.RELEASABLE: "audited; it waits for its release",
    STATE.RELEASED: "released",
    STATE.SUSPENDED: "suspended by a vote",
    STATE.WITHDRAWN: "withdrawn for good",
}
run_argument = click.argument("run_text", metavar="RUN")
reason_option = click.option("--reason", required=True, help="Why, in words that everybody may read; name no person.")


@click.command("shares")
@run_argument
@tokens.option
@output.json_option
def shares(run_text: str, token: str | None) -> None:
    """Show who owns RUN's model, what it earned and what each owner can take."""
    opened = homes.look()
    chosen = naming.choose_model(opened, run_text)
    kind, names = tokens.chosen(opened, token), naming.Names(opened, chosen.view)
    model = chosen.view.releases.of(chosen.run_id)
    rows, owners = [], []
    for member, part in sorted(chosen.run.shares.items()):
        open_part = model.claimable(member, part, kind.address)
        rows.append([names(member), f"{part / 10_000:.2f} %", kind.show(open_part)])
        owners.append({"member": int(member), "shares": part, "claimable": kind.plain(open_part)})
    earned = model.received.get(kind.address, 0)
    output.emit(
        {"run_id": ids.format_id(chosen.run_id), "received": kind.plain(earned), "owners": owners},
        *output.aligned(["owner", "share", "to take"], rows),
        f"Earned so far: {kind.show(earned)}.",
        f"Next: `{output.command(f'model claim {naming.short(chosen.run_id)}{kind.option}')}`.",
    )


@click.command("audits")
@run_argument
@output.json_option
def audits(run_text: str) -> None:
    """Show the audits of RUN's model, and which of them a release would count."""
    opened = homes.look()
    chosen = naming.choose_model(opened, run_text)
    names = naming.Names(opened, chosen.view)
    good = {each.made.attestation_id for each in opened.desk.models.good_audits(chosen.run_id)}
    found, model = _audits_of(chosen), chosen.view.releases.of(chosen.run_id)
    listed = [
        {
            "attestation": ids.format_id(each.made.attestation_id),
            "by": int(each.made.attester),
            "passed": each.made.passed,
            "counts": each.made.attestation_id in good,
            "too_early": not model.may_count(each.made),
        }
        for each in found
    ]
    rows = [
        [
            naming.short(each.made.attestation_id),
            names(int(each.made.attester)),
            "passed" if each.made.passed else "did not pass",
            _counting(each, good, model),
        ]
        for each in found
    ]
    rules = chosen.view.releases.rules
    needed = None if rules is None else rules.audits
    output.emit(
        {"run_id": ids.format_id(chosen.run_id), "needed": needed, "audits": listed},
        *output.aligned(["statement", "auditor", "found", "release"], rows),
        f"{len(good)} count; a release needs {needed}.",
    )


def _audits_of(chosen: naming.Chosen) -> "Sequence[attestations.AttestationView]":
    return chosen.view.attestations.about(chosen.run_id, model_events.Kind.AUDIT)


def _counting(audit: "attestations.AttestationView", good: "Collection[bytes]", model: "releases.ModelView") -> str:
    """Return in words whether a release would count an audit."""
    if audit.made.attestation_id in good:
        return "counts"
    return (
        "does not count"
        if model.may_count(audit.made)
        else "too early: made before it was asked for, or of another card"
    )


@click.command("audit")
@run_argument
@output.json_option
def request(run_text: str) -> None:
    """Ask auditors to look at RUN's model, as its solver or a participant."""
    opened = homes.act_as_member()
    chosen = naming.choose_model(opened, run_text)
    opened.desk.models.request_audit(chosen.run_id)
    short = naming.short(chosen.run_id)
    _say(opened, chosen.run_id, f"Auditors state what they find with `{output.command(f'attest make audit {short}')}`.")


@click.command("clear")
@run_argument
@click.argument("attestations", nargs=-1, metavar="[AUDIT]...")
@output.json_option
def clear(run_text: str, attestations: tuple[str, ...]) -> None:
    """Show the audits of RUN's model; anybody may. Without AUDITs as many are shown as are needed."""
    opened = homes.act()
    chosen = naming.choose_model(opened, run_text)
    opened.desk.models.clear(chosen.run_id, _chosen_audits(opened, chosen, attestations))
    _say(opened, chosen.run_id, f"Next: `{output.command(f'model release {naming.short(chosen.run_id)}')}` then.")


@click.command("release")
@run_argument
@click.argument("attestations", nargs=-1, metavar="[AUDIT]...")
@output.json_option
def release(run_text: str, attestations: tuple[str, ...]) -> None:
    """Release RUN's model, as its solver or a participant, once the time to object is over.

    Without AUDITs as many of those that count now are shown as are needed.
    """
    opened = homes.act_as_member()
    chosen = naming.choose_model(opened, run_text)
    opened.desk.models.release(chosen.run_id, _chosen_audits(opened, chosen, attestations))
    _say(opened, chosen.run_id, f"See `{output.command(f'model show {naming.short(chosen.run_id)}')}`.")


@click.command("suspend")
@run_argument
@reason_option
@output.json_option
def suspend(run_text: str, reason: str) -> None:
    """Propose to the members to take RUN's model out of use for now."""
    opened = homes.act_as_member()
    chosen = naming.choose_model(opened, run_text)
    call = opened.desk.models.suspension(chosen.run_id, reason)
    assembly.propose(opened, call, f"Suspend the model of run {naming.short(chosen.run_id)}", reason)


@click.command("resume")
@run_argument
@reason_option
@output.json_option
def resume(run_text: str, reason: str) -> None:
    """Propose to the members to put RUN's suspended model back to where it was."""
    opened = homes.act_as_member()
    chosen = naming.choose_model(opened, run_text)
    call = opened.desk.models.resumption(chosen.run_id)
    assembly.propose(opened, call, f"Resume the model of run {naming.short(chosen.run_id)}", reason)


@click.command("withdraw")
@run_argument
@reason_option
@output.json_option
def withdraw(run_text: str, reason: str) -> None:
    """Take RUN's model out of use for good, as its solver. What it earned stays its owners'."""
    opened = homes.act_as_member()
    chosen = naming.choose_model(opened, run_text)
    opened.desk.models.withdraw(chosen.run_id, reason)
    _say(opened, chosen.run_id, "Its owners can still take what it earned.")


@click.command("pay")
@run_argument
@click.argument("amount")
@tokens.option
@output.json_option
def pay(run_text: str, amount: str, token: str | None) -> None:
    """Pay AMOUNT for RUN's model out of your credit in the vault; it belongs to the model's owners."""
    opened = homes.act()
    chosen = naming.choose_model(opened, run_text)
    kind, units = tokens.parse(opened, amount, token)
    opened.desk.money.check_credit(kind, units)
    opened.desk.models.pay(chosen.run_id, kind.address, units)
    earned = opened.desk.view().releases.of(chosen.run_id).received[kind.address]
    output.emit(
        {
            "run_id": ids.format_id(chosen.run_id),
            "paid": kind.plain(units),
            "received": kind.plain(earned),
        },
        f"{kind.show(units)} paid; the model has earned {kind.show(earned)} so far.",
    )


@click.command("claim")
@run_argument
@tokens.option
@output.json_option
def claim(run_text: str, token: str | None) -> None:
    """Take your part of what RUN's model earned, as a credit in the vault."""
    opened = homes.act()
    chosen = naming.choose_model(opened, run_text)
    kind = tokens.chosen(opened, token)
    taken = opened.desk.models.claim(chosen.run_id, kind.address)
    output.emit(
        {"run_id": ids.format_id(chosen.run_id), "claimed": kind.plain(taken)},
        f"{kind.show(taken)} are yours in the vault now.",
        f"Next: `{output.command(f'vault withdraw {kind.plain(taken)}{kind.option}')}`.",
    )


def described(model: "releases.ModelView") -> dict[str, object]:
    """Return where a model stands as JSON; for ``model show``."""
    return {
        "state": model.state.word,
        "releasable_at": model.releasable_at,
        "audits": [ids.format_id(each) for each in model.audits],
    }


def in_words(model: "releases.ModelView") -> str:
    """Return where a model stands in one line; for ``model show``."""
    said = STATES[model.state]
    if model.state is STATE.RELEASABLE and model.releasable_at is not None:
        return f"{said}, from {naming.when(model.releasable_at)} on"
    shown = f", on {len(model.audits)} audits" if model.state is STATE.RELEASED else ""
    return f"{said}{shown}"


def _chosen_audits(opened: homes.Opened, chosen: naming.Chosen, named: tuple[str, ...]) -> list[bytes]:
    """Return the audits that a command names, or else as many of those that count now as the rules ask for."""
    known, rules = chosen.view.attestations.by_id, chosen.view.releases.rules
    if named:
        return [naming.resolve(each, known, "attestation") for each in named]
    good = opened.desk.models.good_audits(chosen.run_id)
    return [each.made.attestation_id for each in good[: None if rules is None else rules.audits]]


def _say(opened: homes.Opened, run_id: ids.RunId, following: str) -> None:
    model = opened.desk.view().releases.of(run_id)
    output.emit(
        {"run_id": ids.format_id(run_id), **described(model)},
        f"The model of run {naming.short(run_id)} is {in_words(model)}.",
        following,
    )


COMMANDS = (shares, audits, request, clear, release, suspend, resume, withdraw, pay, claim)
"""What ``model`` takes into its group."""
