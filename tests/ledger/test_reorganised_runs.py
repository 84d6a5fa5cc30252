"""A whole run on a chain that takes blocks back between any two steps: it ends as agreed, and no node signs other words than before."""

import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from tests.ledger import anvils

from aicommons import testing
from aicommons.domain import errors, run, schema
from aicommons.learning import recipe, records
from aicommons.ledger import client, deployments, finality, rpc, sending, wallet
from aicommons.ledger.embedded import chain
from aicommons.store import transport

SITES, ROUNDS = 3, 2
DECLARED = finality.Finality(12)


class ChainCommons(testing.Commons):
    """A commons on anvil whose homes wait for fewer blocks than the chain may take back."""

    def __init__(self, folder: pathlib.Path, url: str, counted: int) -> None:
        self._wire = rpc.HttpRpc(transport.Transport(url, unreachable=errors.LedgerUnreachable))
        self._counted = finality.Finality(counted)
        self.clients: list[client.Client] = []
        super().__init__(folder)

    def ask(self, method: str, *params: object) -> object:
        """Give anvil an order."""
        return rpc.call(self._wire, method, params)

    def _found(self, engine: str | None, founding: deployments.Founding) -> None:
        del engine
        nowhere = deployments.Deployment(chain.DEFAULT_CHAIN_ID, 0, {}, {}, DECLARED)
        deployer = client.Client(self._wire, nowhere, self.operator, habits=sending.Habits())
        made = deployments.deploy(deployer, nowhere.chain_id, founding)
        self.deployment = deployments.Deployment(made.chain_id, 0, made.addresses, made.code_hashes, DECLARED)

    def connect(self, signer: wallet.Wallet) -> client.Client:
        """Return a client; whenever it waits a block is added."""
        habits = sending.Habits(counted=self._counted, pause=lambda _: self._wait())
        self.clients.append(client.Client(self._wire, self.deployment, signer, habits=habits))
        return self.clients[-1]

    def _wait(self) -> None:
        self.ask("anvil_mine", "0x1")

    def _release(self) -> None:
        """The chain ends by itself."""


@pytest.fixture
def url(anvil_binary: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[str]:
    """An anvil under our ledger's rules, at the simulations' time."""
    options = (*anvils.LIKE_OURS, "--timestamp", str(int(testing.START)))
    with anvils.running(anvil_binary, tmp_path / "log", *options, chain_id=chain.DEFAULT_CHAIN_ID) as found:
        yield found


def plan() -> recipe.Recipe:
    """Return a small network."""
    columns = schema.Schema((schema.numeric("x", -5.0, 5.0),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    document = {"recipe": "mlp", "schema": schema.to_document(columns), "hidden": [3], "rounds": ROUNDS}
    return recipe.from_plan(document)


def rows(seed: int) -> recipe.Rows:
    """Return one site's rows."""
    features = np.random.default_rng(seed).normal(size=(20, 1)).clip(-5, 5)
    table = records.Table(features, (features[:, 0] > 0).astype(float))
    return recipe.Rows(table, records.Table(features[:0], table.target[:0]))


@pytest.mark.parametrize("seed", range(4))
def test_a_run_survives_what_its_chain_takes_back(
    seed: int, url: str, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After every pass of all nodes the chain takes up to eight blocks back, within what it declares, as often as it likes."""
    commons = ChainCommons(tmp_path, url, counted=1)
    made = testing._prepare(commons, [rows(site) for site in range(SITES)], plan(), testing.Terms(phase_seconds=3_600))
    drawn, taken_back = np.random.default_rng(seed), 0
    kept: list[tuple[object, int]] = []
    for looks in range(150):
        kept.append((commons.ask("evm_snapshot"), commons.clients[0].head()))
        made.step()
        commons.clock.advance(1)
        head = commons.clients[0].head()
        if looks < 40 and drawn.random() < 0.3 and 0 < head - kept[-1][1] <= 8:
            taken_back += 1
            assert commons.ask("evm_revert", kept[-1][0]) is True
            commons.ask("evm_increaseTime", "0x1")
            commons.ask("anvil_mine", hex(head - kept[-1][1] + 2))
        if made.view().state.is_over:
            break
    ended = made.view()
    assert (ended.state.is_over, ended.reason) == (True, run.Reason.FINISHED)
    assert ended.agreed is not None
    assert ended.agreed.rounds_done >= ROUNDS
    assert taken_back >= 2
    assert all(not node._trouble for node in made.nodes.values())
    assert "JournalConflict" not in caplog.text
    commons.close()
