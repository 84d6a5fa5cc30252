"""Homes and their keys: made whole or not at all, never overwritten, restored from a backup."""

import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from aicommons import app
from aicommons.cli import output

if TYPE_CHECKING:
    from tests.cli.conftest import Said

    Call = Callable[..., Said]


def _mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_makes_a_private_home(call: "Call", tmp_path: pathlib.Path) -> None:
    """A home is readable for its owner only and says its addresses and the next steps."""
    home = tmp_path / "home"
    said = call(home, "init", "--name", "A hospital", "--json")
    assert said.code == 0
    assert set(said.json) == {"home", "name", "chain_id", "wallet", "node", "next"}
    assert said.json["wallet"] != said.json["node"]
    assert _mode(home) == 0o700
    assert {_mode(path) for path in home.rglob("*") if path.is_file()} == {0o600}
    assert app.Home(home).settings().name == "A hospital"
    shown = call(home, "key", "show", "--json").json
    assert shown == {"wallet": said.json["wallet"], "node": said.json["node"]}


def test_next_steps_name_the_home_of_the_call(call: "Call", tmp_path: pathlib.Path) -> None:
    """A command that a person is told to run holds ``--home``, unless the home is the usual one; quoted for a shell."""
    home = tmp_path / "my home"
    assert (
        f"Next: no home is there; is the name right? A new one is made with `commons --home '{home}' init --name NAME`"
        in call(home, "run", "list").err
    )
    assert call(home, "init", "--name", "a", "--json").json["next"][0] == (
        f"commons --home '{home}' key backup --out FILE"
    )
    assert output.Call().command("run list") == "commons run list"


def test_init_never_overwrites(call: "Call", tmp_path: pathlib.Path) -> None:
    """A second init of the same home fails and changes nothing."""
    home = tmp_path / "home"
    call(home, "init", "--name", "first")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = call(home, "init", "--name", "second")
    assert again.code == 1
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


BAD_INITS = {
    "no name": (["--name", ""], "--name"),
    "a name with control characters": (["--name", "a\x1b[2J"], "--name"),
    "not a URL": (["--name", "a", "--rpc", "example.org"], "--rpc"),
    "another scheme": (["--name", "a", "--store", "ftp://example.org"], "--store"),
    "no audience": (["--name", "a", "--audience", ""], "audience"),
    "no such deployment": (["--name", "a", "--deployment", "nowhere.json"], "nowhere.json"),
}


@pytest.mark.parametrize("row", BAD_INITS)
def test_bad_init_makes_nothing(call: "Call", tmp_path: pathlib.Path, row: str) -> None:
    """A wrong option is named, and no file is left behind."""
    arguments, named = BAD_INITS[row]
    home = tmp_path / "home"
    said = call(home, "init", *arguments)
    assert said.code == 1
    assert named in said.err
    assert not home.exists()


def test_init_refuses_a_deployment_of_another_chain(call: "Call", tmp_path: pathlib.Path) -> None:
    """A deployment file must be one, and of the chain that was asked for."""
    file = tmp_path / "deployment.json"
    file.write_text(json.dumps({"chain_id": 1}))
    said = call(tmp_path / "home", "init", "--name", "a", "--deployment", str(file))
    assert said.code == 1
    assert "not a deployment file" in said.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("passphrase", [None, "short"])
def test_init_needs_a_passphrase(call: "Call", tmp_path: pathlib.Path, passphrase: str | None) -> None:
    """Without a terminal the passphrase comes from the environment; a missing or short one is refused."""
    kept = os.environ.pop(app.PASSPHRASE_VARIABLE)
    try:
        if passphrase is not None:
            os.environ[app.PASSPHRASE_VARIABLE] = passphrase
        said = call(tmp_path / "home", "init", "--name", "a")
    finally:
        os.environ[app.PASSPHRASE_VARIABLE] = kept
    assert said.code == 1
    assert "passphrase" in said.err
    assert not (tmp_path / "home").exists()


def test_key_backup_restores_and_init_keeps_it(call: "Call", tmp_path: pathlib.Path) -> None:
    """A backup brings the same key back; ``init`` then makes the rest of the home around it."""
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "backup.txt"
    wallet = call(old, "init", "--name", "a", "--json").json["wallet"]
    assert call(old, "key", "backup", "--out", str(file), "--json").json["address"] == wallet
    assert _mode(file) == 0o600
    assert call(old, "key", "backup", "--out", str(file)).code == 1
    assert call(new, "key", "restore", str(file), "--json").json["address"] == wallet
    made = call(new, "init", "--name", "a", "--json").json
    assert made["wallet"] == wallet
    assert any("is this wallet a member already?" in step for step in made["next"])
    assert call(new, "key", "restore", str(file)).code == 1


def typed(home: pathlib.Path, *arguments: str, text: str) -> dict[str, Any]:
    """Run a command in a process of its own, whose standard input is ``text``, and return what it printed."""
    command = ["commons", "--home", str(home), *arguments, "--json"]
    script = f"import sys; from aicommons.cli import main; sys.argv = {command!r}; main.main()"
    done = subprocess.run([sys.executable, "-c", script], input=text, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout))


def test_a_port_that_is_taken_is_said_before_anything_starts(call: "Call", tmp_path: pathlib.Path) -> None:
    """Neither ``up`` nor the page starts a part when the page's port is taken; the refusal names another one."""
    home = tmp_path / "home"
    call(home, "init", "--name", "a")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = call(home, "up", "--port", str(port))
    assert said.code == 1
    assert "taken; nothing was started" in said.err
    assert f"up --port {port + 1}`" in said.err
    assert not list(home.glob("*.log"))


@pytest.mark.slow("each answer is typed into a process of its own")
def test_words_restore_a_key_in_another_home(call: "Call", tmp_path: pathlib.Path) -> None:
    """Words that were written down are checked, bring the key back under a new passphrase, and a wrong one is named."""
    old, new = tmp_path / "old", tmp_path / "new"
    wallet = call(old, "init", "--name", "a", "--json").json["wallet"]
    shown = call(old, "key", "backup", "--words")
    words = " ".join(re.findall(r"^ .*$", shown.out, re.MULTILINE)).split()[1::2]
    assert typed(old, "key", "check-words", text=" ".join(words))["address"] == wallet
    assert typed(old, "key", "check-words", "--node", text=" ".join(words))["error"] == "KeyRefused"
    assert "word 3" in typed(new, "key", "restore", "--words", text=" ".join([*words[:2], "x", *words[3:]]))["message"]
    assert "24 words are needed, 23 given" in typed(old, "key", "check-words", text=" ".join(words[1:]))["message"]
    assert not new.exists()
    assert typed(new, "key", "restore", "--words", text=" ".join(words))["address"] == wallet
    assert call(old, "key", "backup", "--words", "--out", str(tmp_path / "file")).code == 2


def test_backup_as_a_code_is_drawn_on_the_terminal(call: "Call", tmp_path: pathlib.Path) -> None:
    """--qr draws the encrypted text below it."""
    home = tmp_path / "home"
    call(home, "init", "--name", "a")
    plain, drawn = call(home, "key", "backup"), call(home, "key", "backup", "--qr")
    assert drawn.out.startswith(plain.out)
    assert len(drawn.out.splitlines()) > len(plain.out.splitlines()) + 40


def test_damaged_backup_is_refused(call: "Call", tmp_path: pathlib.Path) -> None:
    """One changed character in a backup is noticed, and nothing is written."""
    home = tmp_path / "home"
    call(home, "init", "--name", "a")
    text = call(home, "key", "backup", "--node", "--json").json["backup"]
    place = text.index("\n") + 20
    file = tmp_path / "backup.txt"
    file.write_text(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :])
    said = call(tmp_path / "new", "key", "restore", str(file), "--node")
    assert said.code == 1
    assert "damaged" in said.err
    assert not app.Home(tmp_path / "new").node_file.exists()


def test_settings_with_another_type_are_named(call: "Call", tmp_path: pathlib.Path) -> None:
    """A setting that was edited to another type is named with its file."""
    home = tmp_path / "home"
    call(home, "init", "--name", "a")
    file = app.Home(home).settings_file
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chain_id": "six"}))
    said = call(home, "run", "list")
    assert said.code == 1
    assert "config.json: chain_id" in said.err
