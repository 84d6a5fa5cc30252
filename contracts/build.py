"""Compile the contracts and write ABI, bytecode and typed access as parts of ``aicommons.ledger``.

Run by whoever changes a contract (``python contracts/build.py``) and by the checks (``--check``). It exists so that a
plain ``pip install`` needs no compiler: the compiled contracts are committed, and ``sourceDigest`` tells without Node
whether they still belong to the sources. It compiles with the pinned Foundry and solc of ``package-lock.json`` and
leaves tests, deployment and addresses alone.
"""

import argparse
import hashlib
import json
import pathlib
import re
import subprocess
import sys

import rfc8785

sys.path.append(str(pathlib.Path(__file__).resolve().parent))
import bindings  # it lies beside this script, whoever loads it

CONTRACTS = (
    *("Forwarder", "TimelockController", "Membership", "CommonsGovernor", "Attestations", "Vault", "Bonds"),
    *("DataRegistry", "Problems", "Enrolment", "TrainingRuns", "Verdicts", "ModelRegistry"),
    *("Guardianships", "ConsentRegister", "Requests", "CoopMembers", "CoopGovernor"),
)
ROOT = pathlib.Path(__file__).resolve().parent
ARTIFACTS = ROOT.parent / "src" / "aicommons" / "ledger" / "artifacts"
BINDINGS = ARTIFACTS.parent / "bindings"
INSTALL_HINT = "run 'make contracts-test' first: it installs Foundry"


def source_files(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Everything that decides the bytecode: sources, compiler settings and the pinned compiler and libraries."""
    return sorted([*(root / "src").rglob("*.sol"), root / "foundry.toml", root / "package-lock.json"])


def source_digest(root: pathlib.Path = ROOT) -> str:
    """SHA-256 over path, length and bytes of every source file, in path order; hexadecimal."""
    digest = hashlib.sha256()
    for path in source_files(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def compile_contracts(root: pathlib.Path = ROOT) -> None:
    """Runs ``forge build`` over ``src``; raises ``SystemExit`` with the compiler's words if it fails."""
    if not (root / "node_modules").is_dir():
        raise SystemExit(f"contracts/build.py: the compiler is not installed; {INSTALL_HINT}")
    done = subprocess.run([root / "forge", "build", "src"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"contracts/build.py: {done.stdout}{done.stderr}")


def artifact(name: str, root: pathlib.Path = ROOT) -> bytes:
    """The canonical JSON of one compiled contract, from Foundry's output."""
    output = json.loads((root / "out" / f"{name}.sol" / f"{name}.json").read_bytes())
    lock = json.loads((root / "package-lock.json").read_bytes())
    return rfc8785.dumps(
        {
            "contract": name,
            "abi": output["abi"],
            "bytecode": _bytecode(name, output["bytecode"]),
            "deployedBytecode": _bytecode(name, output["deployedBytecode"]),
            "immutableReferences": _immutables(output["deployedBytecode"]),
            "solc": lock["packages"]["node_modules/solc"]["version"],
            "sourceDigest": source_digest(root),
        }
    )


def _bytecode(name: str, output: dict[str, object]) -> str:
    code = output["object"]
    if not isinstance(code, str) or re.fullmatch(r"0x(?:[0-9a-f]{2})+", code) is None:
        raise SystemExit(f"contracts/build.py: {name} has no linked bytecode")
    return code


def _immutables(output: dict[str, dict[str, list[dict[str, int]]]]) -> list[list[int]]:
    """[start, length] of every place in the deployed code that the constructor fills, in their order."""
    found = output.get("immutableReferences", {})
    return sorted([place["start"], place["length"]] for places in found.values() for place in places)


def written(root: pathlib.Path = ROOT) -> dict[pathlib.Path, bytes]:
    """Every file that the sources give: each contract's artifact and its typed access."""
    files = {}
    for name in CONTRACTS:
        files[ARTIFACTS / f"{name}.json"] = artifact(name, root)
        files[BINDINGS / f"{bindings.snake(name)}.py"] = bindings.render(name, root).encode()
    return files


def differing(files: dict[pathlib.Path, bytes]) -> list[str]:
    """Names of the committed files that are not what the sources give now."""
    return [path.name for path, content in files.items() if not path.is_file() or path.read_bytes() != content]


def main(arguments: list[str]) -> int:
    """Compiles, then writes artifacts and bindings or, with ``--check``, compares them; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    compile_contracts()
    files = written()
    stale = differing(files)
    if check and stale:
        print(f"contracts/build.py: not made from these sources: {', '.join(stale)}; run contracts/build.py")
        return 1
    if not check:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
