"""``commons ledger deploy``, ``founder`` and ``powers``: found a commons on a chain that is no ledger of one's own, and check one.

The home's wallet pays and holds no power, neither meanwhile nor afterwards. What was begun is kept beside the deployment
file, so that an interrupted founding goes on and a finished one is never made twice. The steps are ``ledger/founding``'s, the
configuration is ``ledger/charter``'s, who holds which power is read by ``ledger/powers``.
"""

import dataclasses
import json
import pathlib
from typing import TYPE_CHECKING

import click

from aicommons import app, operating
from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.ledger import client, deployments, finality, founding
    from aicommons.ledger import powers as ledger_powers


@click.command("deploy")
@click.option("--rpc", "url", required=True, help="URL of the chain's JSON-RPC.")
@click.option(
    "--config",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    required=True,
    help="Who founds the commons and how votes are held (commons.toml).",
)
@click.option(
    "--confirmations",
    help="Blocks on top of one before it counts for the members, or safe or finalized. [default: as the chain's blocks say]",
)
@output.json_option
def deploy(url: str, config: pathlib.Path, confirmations: str | None) -> None:
    """Found a commons on any EVM chain with Cancun: create all contracts and write the deployment file.

    This home's wallet pays for the transactions and gets no power from it: the file names who admits members. Run it again
    after an interruption: it goes on where it stopped, and a commons that stands is only checked.
    """
    from aicommons.ledger import charter, finality, founding

    home = homes.home()
    home.settings()
    terms = operating.founding(None, config)
    for warning in charter.warnings(terms):
        output.note(f"Note: {warning}")
    signer = homes.unlock(home.wallet_file)
    given = None if confirmations is None else finality.Finality.parse(confirmations)
    chain_id, deployer = operating.deployer(home, url, signer)
    begun = _begun(home, deployer, chain_id, terms)
    kept = home.deployment_file(chain_id)
    if kept.exists():
        made = founding.Founded(_checked(deployer, kept), ())
    else:
        counts = deployer.suggested() if given is None else given
        made = founding.go_on(deployer, begun, terms, lambda name: output.note(f"  {name} stands."))
        declared = dataclasses.replace(made.deployment, confirmations=counts)
        made = dataclasses.replace(made, deployment=declared)
        app.write_private(kept, declared.to_json())
    _tell(home, url, kept, made, power=_power(deployer.address, terms))


def _begun(home: app.Home, deployer: "client.Client", chain_id: int, terms: "deployments.Founding") -> "founding.Begun":
    """Return what was begun, by an earlier call or now; it is kept before anything is sent."""
    from aicommons.ledger import founding

    file, kept = home.founding_file(chain_id), home.deployment_file(chain_id)
    if file.exists():
        begun = founding.Begun.from_json(file.read_text(encoding="utf-8"))
        founding.check_same(begun, deployer.address, chain_id, terms)
        return begun
    if kept.exists():
        raise errors.DeploymentConflict(
            "this home belongs to a commons on this chain that it has not founded with `ledger deploy`",
            which=str(kept),
            next_step="move this file away to found another one beside it",
        )
    begun = founding.begin(deployer, chain_id, terms)
    app.write_private(file, begun.to_json())
    return begun


def _checked(deployer: "client.Client", kept: pathlib.Path) -> "deployments.Deployment":
    """Return a deployment whose code stands as its file says."""
    from aicommons.ledger import deployments

    made = deployments.Deployment.from_json(kept.read_text(encoding="utf-8"))
    for name, address in made.addresses.items():
        made.check_code(name, deployer.code_at(address))
    return made


def _power(wallet: ids.Address, terms: "deployments.Founding") -> str:
    """Return what the deploying wallet can do from now on: what the charter gives it, nothing by having deployed."""
    if wallet not in terms.registrars:
        return "This wallet holds no power over it."
    return (
        f"This wallet is one of its {len(terms.registrars)} registrars, of whom {terms.threshold} have to agree, as the "
        "configuration says; having deployed gives it nothing."
    )


def _tell(home: app.Home, url: str, kept: pathlib.Path, made: "founding.Founded", *, power: str) -> None:
    settings = home.settings()
    chain_id = made.deployment.chain_id
    if (settings.chain_id, settings.rpc) != (chain_id, url):
        output.note(
            f"This home's config.json says chain {settings.chain_id} at {settings.rpc}; to use this commons it needs "
            f'"chain_id": {chain_id} and "rpc": "{url}".'
        )
    total = len(made.deployment.addresses)
    done = f"{len(made.created)} of {total} contracts created now" if made.created else f"all {total} contracts stood"
    output.emit(
        {"deployment": str(kept.resolve()), "chain_id": chain_id, "created": list(made.created)},
        f"The commons stands on chain {chain_id}: {done}; every one has the package's code.",
        f"Members need {kept}. A block counts {_words(made.deployment.confirmations)}. {power}",
    )


def _words(counted: "finality.Finality") -> str:
    if counted.tag is not None:
        return f"when the chain calls it {counted.tag}"
    return "at once" if counted.is_instant else f"when {counted.depth} blocks lie on it"


@click.command("founder")
@click.option("--person", is_flag=True, help="A person, not an organisation.")
@click.option("--credential", help="Digest of what proves who you are, 64 hex digits. [default: your wallet's address]")
@output.json_option
def founder(*, person: bool, credential: str | None) -> None:
    """Print this home's part of a commons.toml, to be a member from the beginning; whoever deploys puts it in.

    It holds addresses and digests only.
    """
    from aicommons.domain import encoding, profiles
    from aicommons.ledger import wallet

    home = homes.home()
    settings = home.settings()
    signer = homes.unlock(home.wallet_file)
    profile = profiles.Profile(settings.name).encode()
    app.write_private(home.path / "profile.json", profile.decode())
    proof = encoding.keccak(signer.address) if credential is None else naming.parse_digest(credential)
    lines = {
        "account": ids.format_id(signer.address),
        "kind": "person" if person else "organisation",
        "node_key": ids.format_id(wallet.address(home.node_file)),
        "reader_point": ids.format_id(app.reader_point(signer)),
        "credential": ids.format_id(proof),
        "profile": ids.format_digest(ids.digest(profile)),
    }
    output.emit(lines, "[[founders]]", *(f"{name} = {json.dumps(value)}" for name, value in lines.items()))


@click.command("powers")
@output.json_option
@click.pass_context
def powers(ctx: click.Context) -> None:
    """Check who holds which power over this home's commons: that its members decide, and whoever deployed it does not.

    Everything is read from the chain; nothing is sent, and no passphrase is needed. Ends with 1 if a power lies elsewhere.
    """
    held = operating.powers_over(homes.home())
    wrong = [each for each in held if not each.is_right]
    rows = [(each.contract, each.what, _holders(each.got), _verdict(each)) for each in held]
    next_step = (
        "ask another endpoint of the same chain; if it says the same, do not use this commons" if wrong else None
    )
    verdict = (
        f"{len(wrong)} powers lie elsewhere than they should. Next: {next_step}."
        if wrong
        else "Every power lies with the members' votes; whoever deployed this commons holds none."
    )
    output.emit(
        {
            "right": not wrong,
            "powers": [dataclasses.asdict(each) | {"right": each.is_right} for each in held],
            "next_step": next_step,
        },
        *output.aligned(("contract", "power", "lies with", ""), rows),
        verdict,
    )
    if wrong:
        ctx.exit(output.FAILED)


def _holders(held: tuple[str, ...]) -> str:
    return ", ".join(held) or "nobody"


def _verdict(power: "ledger_powers.Power") -> str:
    return ("as it should" if power.expected else "") if power.is_right else f"NOT {_holders(power.expected)}"


COMMANDS = (deploy, founder, powers)
