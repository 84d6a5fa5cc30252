"""``commons consent open | withdraw | receipt | lookup | post | audit``: the register of people's consents behind a dataset.

What a steward does at the desk needs the home alone; ``open``, ``post``, ``audit`` and a withdrawal with a proof speak to
the ledger. A person's key, name or date of birth is never printed. How consents come into it is ``papers``' business;
``consent`` puts the commands into its group.
"""

import contextlib
import pathlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import homes, listed, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import consents
    from aicommons.ledger import wallet
    from aicommons.node.consents import briefs, keeping, proofs, register

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)
FOLDER = click.Path(path_type=pathlib.Path, file_okay=False)
DATASET = click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))


@contextlib.contextmanager
def desk(
    signer: "wallet.Wallet | app.Bystander | None" = None,
) -> Iterator[tuple[app.Home, "keeping.Keeping", "register.Register"]]:
    """Open this home's register with its wallet, unlocked here or before; a node key that is new is let in.

    Raises:
        errors.InputError: this home keeps no register yet.
    """
    home = homes.home()
    home.settings()
    kept = app.open_consents(home, app.Bystander(ids.Address(bytes(20))))
    if not kept.key_file.exists:
        raise errors.InputError(
            "this home keeps no register of people's consents yet",
            which=str(home.consents_folder),
            next_step="run `commons consent open DATASET --person COLUMN`",
        )
    kept = app.open_consents(home, signer or homes.unlock(home.wallet_file))
    _admit_node(home, kept)
    with kept.register() as opened:
        yield home, kept, opened


def _admit_node(home: app.Home, kept: "keeping.Keeping") -> None:
    from aicommons.ledger import wallet

    if home.node_file.exists() and not kept.key_file.is_for(wallet.address(home.node_file)):
        kept.key_file.admit(kept.key, homes.unlock(home.node_file))


@click.command("open")
@DATASET
@click.option("--person", required=True, help="Column of your table that says whose row it is.")
@output.json_option
def open_register(dataset_id: int, person: str) -> None:
    """Ask people for consent: from now on only rows of people in DATASET's register are used."""
    opened = homes.act_as_member()
    view = opened.desk.view()
    if listed.find(view, dataset_id).owner != opened.desk.member_id():
        raise errors.InputError("this dataset belongs to another member", which=f"dataset {dataset_id}")
    kept = app.open_consents(opened.home, opened.signer)
    if not kept.key_file.exists:
        kept.key_file.create(opened.signer, homes.unlock(opened.home.node_file))
    with kept.register() as here:
        here.open(dataset_id, person)
    if dataset_id not in view.registers:
        opened.desk.open_register(dataset_id)
    output.emit(
        {"dataset": dataset_id, "person": person},
        f"Dataset {dataset_id} has a register: only rows of people who consented are used from now on.",
        f"Enter consents with `{output.command(f'consent enter {dataset_id} …')}`, then post them.",
    )


@click.command("withdraw")
@click.option("--code", help="Withdrawal code of a receipt.")
@click.option("--number", help="Number on a receipt, such as 3-17.")
@click.option("--dataset", "dataset_id", type=click.IntRange(1), help="With --person: which dataset.")
@click.option("--person", help="The person's key in your table: all consents of that person.")
@click.option(
    "--proof",
    type=FILE,
    help="Send it to the ledger oneself, without the steward: with --code, or with this home's own key.",
)
@click.option("--paper", type=FILE, help="Scan of a signed withdrawal.")
@output.json_option
def withdraw(
    code: str | None,
    number: str | None,
    *,
    dataset_id: int | None,
    person: str | None,
    proof: pathlib.Path | None,
    paper: pathlib.Path | None,
) -> None:
    """Take a person's consent back: from the next round on the rows are not used."""
    if proof is not None:
        if (number, dataset_id, person, paper) != (None, None, None, None):
            raise click.UsageError("--proof says which consent it is")
        _withdraw_alone(code, proof)
        return
    if sum(each is not None for each in (code, number, person)) != 1 or (person is None) != (dataset_id is None):
        raise click.UsageError("give one of --code, --number, or --dataset with --person")
    with desk() as (_, kept, opened):
        found = _found(opened, code=code, number=number, dataset_id=dataset_id, person=person)
        live = [each for each in found if opened.get(*each).record.status.is_live]
        if not live:
            raise errors.InputError("nothing is left to withdraw", got=f"{len(found)} consents, all of them over")
        change = _withdrawal(None if paper is None else digest_of(paper), by="holder" if code else "steward")
        for each in live:
            tag = opened.change(*each, change).record.tag
            kept.wallets.revoke(each[0], opened.tagger(each[0]), frozenset({tag}))
    names = [f"{dataset}-{place}" for dataset, place in live]
    output.emit(
        {"withdrawn": names},
        f"Withdrawn: consent {', '.join(names)}. The next contribution of this home's node lacks the rows.",
        f"Show it on the ledger too: `{output.command(f'consent post {live[0][0]}')}`.",
    )


@click.command("receipt")
@click.argument("number")
@click.option("--out", type=FILE, help="Where the receipt goes: .html, .txt or .json. [default: printed]")
@click.option("--proof", type=FILE, help="Also write what the person needs to withdraw without you.")
@output.json_option
def receipt(number: str, out: pathlib.Path | None, proof: pathlib.Path | None) -> None:
    """Print the receipt of consent NUMBER (such as 3-17) again, with a new code.

    The new code works at this home; on the ledger only the first receipt's code does.
    """
    for file in (out, proof):
        if file is not None:
            output.check_new(file)
    with desk() as (home, _, opened):
        place = parse_number(number)
        entered = opened.get(*place)
        if proof is not None:
            app.write_private(proof, _proof_of(home, opened, place).encode().decode() + "\n")
        code = opened.new_code(*place)
    lines = hand_out(home, entered, code, out)
    output.emit(
        {"number": number, "code": code, "receipt": None if out is None else str(out), "proof": None if proof is None else str(proof)},
        *lines,
    )  # fmt: skip


@click.command("lookup")
@DATASET
@click.option("--person", help="The person's key in your table.")
@click.option("--code", help="Withdrawal code of a receipt.")
@click.option("--of-age", is_flag=True, help="Children that have come of age and have to be asked.")
@output.json_option
def lookup(dataset_id: int, person: str | None, code: str | None, of_age: bool) -> None:
    """Show what the register of DATASET says: counts, or one person's consents with their history."""
    with desk() as (_, _, opened):
        opened.column(dataset_id)
        if person is None and code is None and not of_age:
            _emit_counts(opened, dataset_id)
            return
        if of_age:
            found = [(dataset_id, number) for number in opened.of_age(dataset_id, int(time.time()))]
        else:
            found = _found(opened, code=code, number=None, dataset_id=dataset_id, person=person)
        entered = [opened.get(*each) for each in found]
    shown = [_shown(each) for each in entered]
    lines = [line for each in shown for line in _in_words(each)] or ["No consent."]
    output.emit({"consents": shown}, *lines)


@click.command("post")
@DATASET
@output.json_option
def post(dataset_id: int) -> None:
    """Put the state of DATASET's register on the ledger: one root, one list of withdrawals, whatever has changed."""
    opened = homes.act_as_member()
    shown = opened.desk.view().registers.get(dataset_id)
    alone = () if shown is None else tuple(each.index for each in shown.withdrawn.values())
    with desk(opened.signer) as (home, kept, here):
        here.column(dataset_id)
        gone = frozenset(here.get(dataset_id, number).record.tag for number in alone)
        kept.wallets.revoke(dataset_id, here.tagger(dataset_id), gone)
        leaves, status = here.draft_posting(app.register_place(home), dataset_id)
        withdrawn = len(here.withdrawn(dataset_id))
    opened.desk.post_register(dataset_id, leaves, status)
    output.emit(
        {"dataset": dataset_id, "root": ids.format_id(leaves.root), "consents": leaves.size, "withdrawn": withdrawn,
         "status": ids.format_id(status.root)},
        f"Posted: {leaves.size} consents, {withdrawn} of them withdrawn, under root {ids.format_id(leaves.root)[:14]}.",
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


def hand_out(home: app.Home, entered: "briefs.Entered", code: str, file: pathlib.Path | None) -> list[str]:
    """Write a receipt, or return it as lines."""
    from aicommons.node.consents import receipts

    known = home.datasets().get(entered.record.scope.dataset)
    title = known["title"] if known is not None else f"dataset {entered.record.scope.dataset}"
    made = receipts.make(entered, code, title=title)
    if file is None:
        return receipts.as_text(made).splitlines()
    how = {".html": receipts.as_html, ".json": receipts.as_json}.get(file.suffix, receipts.as_text)
    app.write_private(file, how(made))
    return [f"The receipt is in {file}: print it, hand it over, and delete the file."]


def _found(
    opened: "register.Register", *, code: str | None, number: str | None, dataset_id: int | None, person: str | None
) -> list[tuple[int, int]]:
    """Return the consents that are meant."""
    if code is not None:
        return [opened.of_code(code)]
    if number is not None:
        place = parse_number(number)
        opened.get(*place)
        return [place]
    dataset_id = dataset_id or 0
    found = opened.of_person(dataset_id, opened.tag(dataset_id, person or ""))
    if not found:
        raise errors.InputError("nobody in the register has this key", which=f"dataset {dataset_id}")
    return [(dataset_id, each) for each in found]


def parse_number(text: str) -> tuple[int, int]:
    """Return dataset and place of a consent's number, such as 3-17; raises ``errors.InputError``."""
    dataset_id, _, place = text.partition("-")
    if not (text.isascii() and dataset_id.isdigit() and place.isdigit()):
        raise errors.InputError("not the number of a consent", expected="such as 3-17", got=text[:20])
    return int(dataset_id), int(place)


def _withdrawal(evidence: bytes | None, *, by: str) -> "consents.Change":
    from aicommons.domain import consents

    return consents.Change(consents.Status.WITHDRAWN, int(time.time()), by, evidence)


def _proof_of(home: app.Home, opened: "register.Register", place: tuple[int, int]) -> "proofs.Proof":
    from aicommons.node.consents import proofs
    from aicommons.node.consents import register as registers

    dataset_id, number = place
    at = app.register_place(home)
    shown = homes.look().desk.view().registers.get(dataset_id)
    if shown is None or number >= shown.leaves:
        raise errors.InputError(
            "this consent is not on the ledger yet", next_step=f"run `commons consent post {dataset_id}` first"
        )
    posting = registers.Posting(shown.root, shown.leaves, shown.status)
    tree, _ = opened.trees(at, dataset_id, posting)
    return proofs.Proof(at, opened.leaf(dataset_id, number), tree.proof(number))


def _withdraw_alone(code: str | None, file: pathlib.Path) -> None:
    """Send a withdrawal that the code's key signs, from whoever's wallet this is, or one by this wallet's own key."""
    from aicommons.node.consents import codes, proofs
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
    name = f"{proof.leaf.dataset_id}-{proof.leaf.index}"
    output.emit(
        {"withdrawn": [name]}, f"Withdrawn on the ledger: consent {name}. No node may use the rows in its next round."
    )


def _emit_counts(opened: "register.Register", dataset_id: int) -> None:
    entered, withdrawn = opened.count(dataset_id), len(opened.withdrawn(dataset_id))
    grown = len(opened.of_age(dataset_id, int(time.time())))
    result = {
        "dataset": dataset_id, "entered": entered, "withdrawn": withdrawn, "of_age": grown,
    }  # fmt: skip
    output.emit(
        result,
        f"Dataset {dataset_id}: {entered} consents entered, {withdrawn} withdrawn, {grown} children of age to be asked.",
    )


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
