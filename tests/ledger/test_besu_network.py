"""The files for a chain of one's own on Besu with QBFT: they give what the commons' contracts and clients need. Besu is not run here."""

import json
import pathlib
import tomllib
import types

import pytest
import rlp
from tests import programs

from aicommons.ledger import deployments, finality, reading, rpc, transactions
from aicommons.ledger.embedded import chain

FOLDER = pathlib.Path(__file__).parents[2] / "deploy" / "besu-qbft"
HOSTS = ["one.example", "two.example:30304", "three.example", "four.example"]


@pytest.fixture(scope="module")
def maker() -> types.ModuleType:
    """The script that makes keys and genesis."""
    return programs.load(FOLDER / "make_network.py")


def test_the_genesis_gives_what_a_deployment_needs() -> None:
    """Cancun from the first block, no base fee, room for our largest transaction, code up to the standard's size, a chain id of its own."""
    genesis = json.loads((FOLDER / "genesis.json").read_text())
    config = genesis["config"]
    assert config["chainId"] not in (1, chain.DEFAULT_CHAIN_ID)
    assert all(at == 0 for name, at in config.items() if name.endswith(("Block", "Time")))
    assert {"londonBlock", "shanghaiTime", "cancunTime"} <= set(config)
    assert config["zeroBaseFee"] is True
    assert int(genesis["gasLimit"], 16) >= 2 * transactions.GAS_LIMIT
    assert config["contractSizeLimit"] == 24_576
    assert config["qbft"]["blockperiodseconds"] == 2
    assert genesis["mixHash"] == finality.BY_AGREEMENT


def test_its_blocks_are_final_at_once() -> None:
    """A chain whose blocks validators agreed on is suggested to be read without waiting; others by their own word, or after twelve."""
    blocks = {
        "QBFT": ({"mixHash": finality.BY_AGREEMENT}, None, finality.INSTANT),
        "one with final blocks": ({"mixHash": "0x00"}, {"number": "0x20"}, finality.Finality(0, "finalized")),
        "a young one": ({"mixHash": "0x00"}, {"number": "0x0"}, finality.TWELVE),
        "one that knows no such word": ({}, None, finality.TWELVE),
    }
    for newest, final, expected in blocks.values():
        answer = json.dumps([{"id": 0, "result": newest}, {"id": 1, "result": final}]).encode()
        assert finality.suggested(rpc.LocalRpc(lambda _, answer=answer: answer)) == expected


def test_validators_take_what_clients_send() -> None:
    """Nothing is charged, batches hold what clients ask together, and each validator has a key, a place and data of its own."""
    options = tomllib.loads((FOLDER / "besu.toml").read_text())
    assert options["min-gas-price"] == 0
    assert options["rpc-http-max-batch-size"] >= max(reading.TOGETHER, reading.HEADERS + 1)
    assert "ETH" in options["rpc-http-api"]
    text = (FOLDER / "compose.yaml").read_text()
    for number in range(1, 5):
        for own in (f"  validator-{number}:", f"keys/{number}/key", f"data-{number}:/data", f"172.30.61.1{number}"):
            assert text.count(own) == 1


def test_the_network_is_made_once(maker: types.ModuleType, tmp_path: pathlib.Path) -> None:
    """Keys are private to their owner and never made twice; the genesis names their holders, in the order that all agree on."""
    files = [tmp_path / "keys" / str(number) / "key" for number in range(1, 5)]
    publics = [maker.public_of(file) for file in files]
    kept = [file.read_text() for file in files]
    maker.make(tmp_path, publics, HOSTS)
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 4
    assert [maker.public_of(file) for file in files] == publics
    assert [file.read_text() for file in files] == kept
    genesis = json.loads((tmp_path / "genesis.json").read_text())
    vanity, validators, votes, number, seals = rlp.decode(bytes.fromhex(genesis["extraData"][2:]))
    assert (vanity, votes, number, seals) == (bytes(32), [], b"", [])
    assert validators == sorted(maker.address_of(each) for each in publics)
    nodes = json.loads((tmp_path / "static-nodes.json").read_text())
    assert nodes[1] == f"enode://{publics[1].hex()}@two.example:30304"


def test_a_known_key_has_its_known_name(maker: types.ModuleType, tmp_path: pathlib.Path) -> None:
    """The address of a validator is that of its key anywhere on Ethereum."""
    file = tmp_path / "key"
    file.write_text("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
    assert maker.address_of(maker.public_of(file)).hex() == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"


TOO_FEW = {"three": 3, "one twice": 4}


@pytest.mark.parametrize("case", TOO_FEW)
def test_fewer_than_four_validators_are_refused(case: str, maker: types.ModuleType, tmp_path: pathlib.Path) -> None:
    """With fewer than four different validators nobody may fail: no network is made."""
    publics = [bytes([number]) * 64 for number in range(TOO_FEW[case])]
    publics[-1] = publics[0] if case == "one twice" else publics[-1]
    with pytest.raises(SystemExit, match="4 different validators"):
        maker.make(tmp_path, publics, HOSTS[: len(publics)])
    assert not (tmp_path / "genesis.json").exists()


def test_a_deployment_file_says_when_blocks_count() -> None:
    """The depth travels in the deployment file; files without one are of chains that take nothing back."""
    for counted in ("0", "12", "finalized"):
        made = deployments.Deployment(1, 0, {}, {}, finality.Finality.parse(counted))
        assert ("confirmations" in json.loads(made.to_json())) == (counted != "0")
