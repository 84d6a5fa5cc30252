"""``commons consent open | withdraw | receipt | lookup | post | audit``: the register of people's consents behind a dataset.

What a steward does at the desk needs the home alone; ``open``, ``post``, ``audit`` and a withdrawal with a proof speak to
the ledger. What is done is ``owner/stewarding``'s, as on the owner's page; this file reads options and prints. A person's
key, name or date of birth is never printed. How consents come into the register is ``papers``' business; ``consent`` puts
the commands into its group.
"""

import contextlib
import pathlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import homes, listed, naming, output, speaking
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import consents
    from aicommons.ledger import wallet
    from aicommons.node.consents import briefs, proofs
    from aicommons.owner import stewarding

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)
FOLDER = click.Path(path_type=pathlib.Path, file_okay=False)
DATASET = click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))


ASKED = "?"
"""What ``--code`` holds when it stands alone."""


def code_option(function: output.F) -> output.F:
    """Give a command the option ``--code``, which is asked for where it stands alone."""
    said = "Withdrawal code of a receipt; alone, it is asked for, so that it stands in no history and no list of processes."
    made: output.F = click.option("--code", is_flag=False, flag_value=ASKED, help=said)(function)
    return made


def _asked_for(code: str | None) -> str | None:
    return click.prompt("Withdrawal code", err=True, hide_input=True) if code == ASKED else code


@contextlib.contextmanager
def desk(signer: "wallet.Wallet | app.Bystander | None" = None, *, by: str = "") -> Iterator["stewarding.Counter"]:
    """Open this home's register for an act of ``by``, with its wallet, unlocked here or before; raises as ``stewarding.at``."""
    from aicommons.owner import stewarding

    home = homes.home()
    stewarding.check_kept(home)
    signer = signer or homes.unlock(home.wallet_file)
    with stewarding.at(home, signer, lambda: homes.unlock(home.node_file), by=by) as counter:
        yield counter


@click.command("open")
@DATASET
@click.option("--person", required=True, help="Column of your table that says whose row it is.")
@speaking.by
@output.json_option
def open_register(dataset_id: int, person: str, by: str) -> None:
    """Ask people for consent: from now on only rows of people in DATASET's register are used."""
    from aicommons.owner import keyed, noting

    by = speaking.one(by)
    opened = homes.act_as_member()
    view = opened.desk.view()
    if listed.find(view, dataset_id).owner != opened.desk.member_id():
        raise errors.InputError("this dataset belongs to another member", which=f"dataset {dataset_id}")
    keyed.check_column(opened.home, dataset_id, person)
    opened.home.ask_people(dataset_id)
    kept = app.open_consents(opened.home, opened.signer)
    if not kept.key_file.exists:
        kept.key_file.create(opened.signer, homes.unlock(opened.home.node_file))
    with kept.register() as here:
        here.open(dataset_id, person)
    if dataset_id not in view.registers:
        opened.desk.open_register(dataset_id)
    noting.note_at(opened.home, noting.Act.OPEN_REGISTER, f"dataset {dataset_id}", by=by)
    output.emit(
        {"dataset": dataset_id, "person": person},
        f"Dataset {dataset_id} has a register: only rows of people who consented are used from now on.",
        f"Enter consents with `{output.command(f'consent enter {dataset_id} …')}`, then post them.",
    )


@click.command("withdraw")
@code_option
@click.option("--number", help="Number on a receipt, such as 3-17.")
@click.option("--dataset", "dataset_id", type=click.IntRange(1), help="With --person: which dataset.")
@click.option("--person", help="The person's key in your table: all consents of that person.")
@click.option(
    "--proof",
    type=FILE,
    help="Send it to the ledger oneself, without the steward: with --code, or with this home's own key.",
)
@click.option("--paper", type=FILE, help="Scan of a signed withdrawal.")
@click.option("--only-this", is_flag=True, help="Leave other consents of the same person as they are.")
@output.json_option
def withdraw(
    code: str | None,
    number: str | None,
    *,
    dataset_id: int | None,
    person: str | None,
    proof: pathlib.Path | None,
    paper: pathlib.Path | None,
    only_this: bool,
) -> None:
    """Take a person's consents back: from the next round on the rows are not used.

    With a code or a number, whatever else the same person gave for the same dataset is taken back too.
    """
    code = _asked_for(code)
    if proof is not None:
        if (number, dataset_id, person, paper) != (None, None, None, None):
            raise click.UsageError("--proof says which consent it is")
        _withdraw_alone(code, proof)
        return
    if sum(each is not None for each in (code, number, person)) != 1 or (person is None) != (dataset_id is None):
        raise click.UsageError("give one of --code, --number, or --dataset with --person")
    from aicommons.domain import consents
    from aicommons.owner import stewarding

    wanted = stewarding.Wanted(code, number, person, dataset_id)
    evidence = None if paper is None else digest_of(paper)
    change = consents.Change(consents.Status.WITHDRAWN, int(time.time()), "holder" if code else "steward", evidence)
    with desk() as counter:
        done = stewarding.withdraw(counter, stewarding.find(counter, wanted), change, only_these=only_this)
    _emit_withdrawn(done)


def _emit_withdrawn(done: "stewarding.Withdrawn") -> None:
    from aicommons.owner import stewarding

    names, left = ([stewarding.text_of(each) for each in some] for some in (done.places, done.left))
    rows = "The next contribution of this home's node lacks the person's rows."
    if left:
        rows = f"The rows are still used: consent {', '.join(left)} of the same person is live."
    output.emit(
        {"withdrawn": names, "left": left},
        f"Withdrawn: consent {', '.join(names)}. {rows}",
        f"Show it on the ledger too: `{output.command(f'consent post {done.places[0][0]}')}`.",
    )


@click.command("receipt")
@click.argument("number")
@click.option("--out", type=FILE, help="Where the receipt goes: .html, .txt or .json. [default: printed]")
@click.option("--proof", type=FILE, help="Also write what the person needs to withdraw without you.")
@speaking.by
@output.json_option
def receipt(number: str, out: pathlib.Path | None, proof: pathlib.Path | None, by: str) -> None:
    """Print the receipt of consent NUMBER (such as 3-17) again, with a new code.

    The new code works at this home; on the ledger only the first receipt's code does.
    """
    for file in (out, proof):
        if file is not None:
            output.check_new(file)
    from aicommons.owner import stewarding

    with desk(by=speaking.one(by)) as counter:
        consent = stewarding.parse_number(number)
        counter.register.get(*consent)
        if proof is not None:
            app.write_private(proof, _proof_of(counter, consent).encode().decode() + "\n")
        made = stewarding.receipt_again(counter, consent)
    lines = hand_out(made.receipt, out)
    output.emit(
        {"number": number, "code": made.receipt.code, "receipt": None if out is None else str(out), "proof": None if proof is None else str(proof)},
        *lines,
    )  # fmt: skip


@click.command("lookup")
@DATASET
@click.option("--person", help="The person's key in your table.")
@code_option
@click.option("--of-age", is_flag=True, help="Children that have come of age and have to be asked.")
@output.json_option
def lookup(dataset_id: int, person: str | None, code: str | None, of_age: bool) -> None:
    """Show what the register of DATASET says: counts, or one person's consents with their history."""
    from aicommons.owner import stewarding

    now, code = int(time.time()), _asked_for(code)
    with desk() as counter:
        counter.register.column(dataset_id)
        if person is None and code is None and not of_age:
            _emit_counts(stewarding.counts(counter, dataset_id, now))
            return
        if of_age:
            found = [(dataset_id, number) for number in counter.register.of_age(dataset_id, now)]
        else:
            found = stewarding.find(counter, stewarding.Wanted(code, None, person, dataset_id))
        entered = [counter.register.get(*each) for each in found]
    shown = [_shown(each) for each in entered]
    lines = [line for each in shown for line in _in_words(each)] or ["No consent."]
    output.emit({"consents": shown}, *lines)


@click.command("post")
@DATASET
@click.option(
    "--restored",
    is_flag=True,
    help="The register was restored from a backup, which may lack withdrawals: nothing that was entered before counts "
    "until its paper is entered again.",
)
@speaking.by
@output.json_option
def post(dataset_id: int, restored: bool, by: str) -> None:
    """Put the state of DATASET's register on the ledger: one root, one list of withdrawals, whatever has changed."""
    from aicommons.owner import stewarding

    by = speaking.one(by)
    opened = homes.act_as_member()
    with desk(opened.signer, by=by) as counter:
        done = stewarding.post(counter, opened.desk, dataset_id, restored=restored)
    lines = [
        f"Posted: {done.consents} consents, {done.withdrawn} of them not live, under root {ids.format_id(done.root)[:14]}."
    ]
    if restored:
        lines.append(
            f"{done.doubted} consents count again once their papers are entered again; enter none of anybody who withdrew."
        )
    output.emit(
        {"dataset": dataset_id, "root": ids.format_id(done.root), "consents": done.consents, "withdrawn": done.withdrawn,
         "status": ids.format_id(done.status), "unconfirmed": done.doubted},
        *lines,
    )  # fmt: skip


@click.command("audit")
@click.argument("run")
@click.option("--table", type=FILE, help="The table as it was during the run. [default: where it is now]")
@click.option("--person", help="A person's key in your table: also say which contributions the rows are in.")
@output.json_option
def audit(run: str, table: pathlib.Path | None, person: str | None) -> None:
    """Check at the site whether every contribution to RUN was made from the rows of people who had consented."""
    from aicommons.cli import auditing

    auditing.audit(run, table, person)


def digest_of(file: pathlib.Path) -> bytes:
    """Return the SHA-256 of a file; raises ``errors.InputError`` when it cannot be read."""
    import hashlib

    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(file), got=err.strerror) from err


def hand_out(made: "consents.Receipt", file: pathlib.Path | None) -> list[str]:
    """Write a receipt, or return it as lines."""
    from aicommons.node.consents import receipts

    if file is None:
        return receipts.as_text(made).splitlines()
    how = {".html": receipts.as_html, ".json": receipts.as_json}.get(file.suffix, receipts.as_text)
    app.write_private(file, how(made))
    return [f"The receipt is in {file}: print it, hand it over, and delete the file."]


def _proof_of(counter: "stewarding.Counter", consent: "stewarding.Number") -> "proofs.Proof":
    from aicommons.node.consents import proofs
    from aicommons.node.consents import register as registers

    dataset_id, number = consent
    at = app.register_place(counter.home)
    shown = homes.look().desk.view().registers.get(dataset_id)
    if shown is None or number >= shown.leaves:
        raise errors.InputError(
            "this consent is not on the ledger yet", next_step=f"run `commons consent post {dataset_id}` first"
        )
    posting = registers.Posting(shown.root, shown.leaves, shown.status)
    tree, _ = counter.register.trees(at, dataset_id, posting)
    return proofs.Proof(at, counter.register.leaf(dataset_id, number), tree.proof(number))


def _withdraw_alone(code: str | None, file: pathlib.Path) -> None:
    """Send a withdrawal that the code's key signs, from whoever's wallet this is, or one by this wallet's own key."""
    from aicommons.node.consents import codes, proofs
    from aicommons.owner import noting, stewarding
    from aicommons.protocol import consents as trees

    try:
        proof = proofs.Proof.decode(file.read_bytes())
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(file), got=err.strerror) from err
    opened = homes.act()
    if proof.place != app.register_place(opened.home):
        raise errors.LedgerMismatch("this proof is for another ledger", which=file.name)
    if code is None:
        opened.desk.withdraw_leaf(proof.leaf, proof.siblings)
    else:
        deadline = naming.from_now(opened.desk.view(), naming.DAY)
        leaf = trees.leaf_hash(proof.place, proof.leaf)
        signed = codes.sign(code, trees.withdrawal_digest(proof.place, leaf, deadline))
        by = codes.address_of(code)
        opened.desk.withdraw_leaf_by_signature(proof.leaf, proof.siblings, deadline=deadline, by=by, signature=signed)
    name = stewarding.text_of((proof.leaf.dataset_id, proof.leaf.index))
    noting.note_at(opened.home, noting.Act.WITHDRAW, name)
    output.emit(
        {"withdrawn": [name]},
        f"Withdrawn on the ledger: consent {name}, and with it all that the same person had given for this dataset before.",
        "No node may use the rows in its next round.",
    )


def _emit_counts(found: "stewarding.Counts") -> None:
    output.emit(
        {"dataset": found.dataset_id, "entered": found.entered, "withdrawn": found.withdrawn, "of_age": found.of_age,
         "unconfirmed": found.unconfirmed},
        f"Dataset {found.dataset_id}: {found.entered} consents entered, {found.withdrawn} withdrawn,"
        f" {found.of_age} children of age to be asked, {found.unconfirmed} to be confirmed since a restore.",
    )  # fmt: skip


def _shown(entered: "briefs.Entered") -> dict[str, Any]:
    record = entered.record
    return {
        "number": f"{record.scope.dataset}-{entered.number}",
        "subject": record.subject.value,
        "purposes": list(record.purposes),
        "commercial": record.commercial,
        "expiry": record.expiry,
        "majority": record.majority,
        "status": record.status.value,
        "history": [{"status": each.status.value, "at": each.at, "by": each.by} for each in record.history],
    }


def _in_words(shown: dict[str, Any]) -> list[str]:
    history = [f"    {naming.when(each['at'])}  {each['status']}  by {each['by']}" for each in shown["history"]]
    return [f"Consent {shown['number']}: {shown['status']}, until {naming.when(shown['expiry'])}", *history]


COMMANDS = (open_register, withdraw, receipt, lookup, post, audit)
"""What ``consent`` takes into its group."""
