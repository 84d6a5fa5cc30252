"""Settings of a home, and the only place that constructs adapters.

A home is one organisation's folder: keys, deployment file, the ledger's or store's data if it runs one, the node's
journal, and the paths of its datasets. The command line, ``testing`` and servers ask here for a client, a store or an
agent. Nothing here decides anything about a run.
"""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NotRequired, Self, TypedDict

from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import cards, encoding, policies
    from aicommons.ledger import client, deployments, relaying, rpc, sending
    from aicommons.node import agent, running, tables
    from aicommons.node.consents import keeping
    from aicommons.protocol import ports
    from aicommons.store import disk, http, server, transport

DEFAULT_RPC = "http://127.0.0.1:8545"
DEFAULT_STORE = "http://127.0.0.1:8546"
GWEI = 10**9
DEFAULT_AUDIENCE = "commons"
RPC_VARIABLE = "COMMONS_RPC"
PASSPHRASE_VARIABLE = "COMMONS_PASSPHRASE"  # noqa: S105  a name, not a secret
READER_TAG = b"AI Commons reader key, version 1"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a home, with their defaults; kept in ``<home>/config.json``."""

    name: str
    """Of the organisation."""
    rpc: str = DEFAULT_RPC
    """URL of the ledger's JSON-RPC, or several of one ledger with commas, the preferred first; ``COMMONS_RPC`` overrides it."""
    store: str = DEFAULT_STORE
    """URL of the store."""
    audience: str = DEFAULT_AUDIENCE
    """Name of the store in upload signatures."""
    chain_id: int = 6174001
    """Of the ledger."""
    ca_file: str | None = None
    """PEM file with the authorities to trust for HTTPS, or ``None`` for the system's."""
    tip_gwei: int = 50
    """Most that this home's wallets offer above the base fee for a unit of gas, in gwei (10^9 wei)."""
    relayer: str | None = None
    """URL of a relayer that pays for this home's calls, or ``None``: its own wallet and node key do."""
    confirmations: str | None = None
    """When a block counts here: so many blocks on top of it, ``safe`` or ``finalized``; ``None`` for what the deployment file says."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs of the ledger's JSON-RPC, the preferred first."""
        return split_urls(self.rpc)

    def to_json(self) -> str:
        """Return the text of the settings file."""
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, which: str) -> Self:
        """Read a settings file.

        Raises:
            errors.InputError: not JSON, an unknown setting, or a value of another type.
        """
        try:
            body = json.loads(text)
            settings = cls(**body)
        except (ValueError, TypeError) as err:
            raise errors.InputError("the settings cannot be read", which=which, got=str(err)) from err
        for field in dataclasses.fields(settings):
            value = getattr(settings, field.name)
            if not isinstance(value, int if field.type is int else str) and (
                value is not None or field.default is not None
            ):
                raise errors.InputError("a setting has another type", which=f"{which}: {field.name}", got=repr(value))
        return settings


def split_urls(text: str) -> tuple[str, ...]:
    """Return the URLs of a list with commas; one that is none stays one, so that whoever uses it can say so."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip())) or (text,)


class HowRead(TypedDict, total=False):
    """How an owner wants a dataset's source read; what is absent has its default."""

    source: dict[str, object]
    """Description of a source that a path alone does not describe (``data/sources``); never holds a password."""
    person: str
    """Column of person keys, in the source's own name."""
    unique: str
    """Column of identifiers that may each stand there once."""
    most_broken: float
    """Largest share of rows, 0 to 1, that may be left out because a cell does not fit."""
    policy: str
    """Digest of its use policy, hexadecimal; absent where consents alone say what is permitted."""
    card: str
    """Digest of its card, hexadecimal: what the ledger has to show; absent where an older version of this home wrote it."""
    content: str
    """SHA-256 of its file as it was published, hexadecimal; absent where it is not one file."""
    same_rows: str
    """Why its owner listed rows that are in another dataset of this home too."""
    asks_people: bool
    """Whether people's consents stand behind it, so that its rows are never read without their register."""


class KnownDataset(HowRead):
    """What a home remembers of a dataset of its own."""

    path: str
    """Where its table is: a file, or a described source in words."""
    title: str
    minimum_cohort: int
    """Fewest rows that its owner lets take part in anything."""
    version: NotRequired[int]
    """Version of the dataset that this is; 1 where none is written."""
    earlier: NotRequired[dict[str, "KnownDataset"]]
    """Version as text -> what is remembered of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """An organisation's folder and where things are in it."""

    path: pathlib.Path

    @property
    def settings_file(self) -> pathlib.Path:
        """Settings."""
        return self.path / "config.json"

    @property
    def wallet_file(self) -> pathlib.Path:
        """Keystore of the organisation's own key: memberships, consents, runs."""
        return self.path / "keys" / "wallet.json"

    @property
    def node_file(self) -> pathlib.Path:
        """Keystore of the node's key: messages of runs, uploads."""
        return self.path / "keys" / "node.json"

    @property
    def datasets_file(self) -> pathlib.Path:
        """Which file each dataset is; never leaves this home."""
        return self.path / "datasets.json"

    @property
    def node_folder(self) -> pathlib.Path:
        """What the node keeps: journal, blobs, prepared tables, log."""
        return self.path / "node"

    @property
    def consents_folder(self) -> pathlib.Path:
        """Registers of people's consents, notes of whose rows were used, data wallets; all of it encrypted."""
        return self.path / "consents"

    @property
    def documents_folder(self) -> pathlib.Path:
        """Own copies of policies, cards and profiles, by content."""
        return self.path / "documents"

    @property
    def journal_file(self) -> pathlib.Path:
        """The node's journal."""
        return self.node_folder / "journal.db"

    @property
    def signing_file(self) -> pathlib.Path:
        """What the node's key has signed, and epoch keys; backups leave it out."""
        return self.path / "secret" / "signing.db"

    @property
    def catalogue_file(self) -> pathlib.Path:
        """What ledger and store say, made searchable; it may be deleted at any time."""
        return self.path / "catalogue.db"

    @property
    def inbox_file(self) -> pathlib.Path:
        """What was decided at this home, its standing rules and its stop flag."""
        return self.path / "inbox.db"

    def deployment_file(self, chain_id: int) -> pathlib.Path:
        """Where the contracts stand."""
        return self.path / "deployments" / f"{chain_id}.json"

    def founding_file(self, chain_id: int) -> pathlib.Path:
        """What was begun when this home founded a commons on a chain; kept, so that it is never founded twice."""
        return self.path / "deployments" / f"{chain_id}.founding.json"

    def settings(self) -> Settings:
        """Return the settings.

        Raises:
            errors.InputError: there are none; ``commons init`` makes them.
        """
        if not self.settings_file.exists():
            raise errors.InputError(
                "this is not a home of the commons",
                which=str(self.path),
                next_step="no home is there; is the name right? A new one is made with `commons init --name NAME`",
            )
        kept = Settings.from_json(self.settings_file.read_text(), str(self.settings_file))
        return dataclasses.replace(kept, rpc=os.environ.get(RPC_VARIABLE) or kept.rpc)

    def datasets(self) -> dict[int, KnownDataset]:
        """Return dataset id -> what is known of it here (path, title)."""
        if not self.datasets_file.exists():
            return {}
        return {int(key): value for key, value in json.loads(self.datasets_file.read_text()).items()}

    def mapping_file(self, dataset_id: int, version: int | None = None) -> pathlib.Path:
        """How a dataset's own columns, codes and units become those of plans; of its newest version where none is named."""
        newest = self.datasets().get(dataset_id)
        if version is None or newest is None or newest.get("version", 1) == version:
            return self.path / "mappings" / f"{dataset_id}.json"
        return self.path / "mappings" / f"{dataset_id}.{version}.json"

    def keep_dataset(
        self, dataset_id: int, path: pathlib.Path | str, card: "cards.DatasetCard", *, how: HowRead | None = None
    ) -> None:
        """Remember which source a version of a dataset is, how it is read, and how many rows its owner wants anywhere.

        Earlier versions are kept beside it.

        Args:
            dataset_id: on the ledger.
            path: its file, or a described source in words.
            card: its public description.
            how: what its owner said beside.
        """
        entry: KnownDataset = {
            "path": path if isinstance(path, str) else str(path.resolve()),
            "title": card.title,
            "minimum_cohort": card.minimum_cohort,
            "version": card.dataset_version,
            "card": ids.digest(card.encode()).hex(),
        }
        entry.update(how or {})  # type: ignore[typeddict-item]  # it is a part of the same record
        self._keep_newest(dataset_id, entry)
        if card.dataset_version > 1:
            self.mapping_file(dataset_id).unlink(missing_ok=True)  # it was of the version before, and is kept with it

    def keep_policy(self, dataset_id: int, version: int, policy: bytes, *, card: bytes) -> None:
        """Remember that a dataset's newest version, with the source it had before, is published under a policy.

        A dataset that this home has not published is not remembered.

        Args:
            dataset_id: on the ledger.
            version: the new one.
            policy: digest of the use policy.
            card: digest of the card that it was published with.
        """
        before = self.datasets().get(dataset_id)
        if before is not None:
            entry: KnownDataset = {**before, "version": version, "policy": policy.hex(), "card": card.hex()}
            entry.pop("earlier", None)
            self._keep_newest(dataset_id, entry)

    def _keep_newest(self, dataset_id: int, entry: KnownDataset) -> None:
        """Make an entry the dataset's newest, with what was the newest kept beside it under its version."""
        known = self.datasets()
        before, mapped = known.get(dataset_id), self.mapping_file(dataset_id)
        if before is not None:
            earlier, version = before.pop("earlier", {}), before.get("version", 1)
            if before.get("asks_people"):
                entry["asks_people"] = True  # people are asked for the dataset, whatever version it is in
            entry["earlier"] = {**earlier, str(version): before}
            if mapped.exists() and version != entry.get("version", 1):
                write_private(mapped.with_name(f"{dataset_id}.{version}.json"), mapped.read_text(encoding="utf-8"))
        self._keep_datasets({**known, dataset_id: entry})

    def _keep_datasets(self, known: Mapping[int, KnownDataset]) -> None:
        kept = {str(number): entry for number, entry in known.items()}
        write_private(self.datasets_file, json.dumps(kept, indent=2, sort_keys=True) + "\n")

    def ask_people(self, dataset_id: int) -> None:
        """Remember that a dataset is read with the register of people's consents or not at all; this is never undone.

        A home that lost the register would else read everybody as soon as a ledger kept quiet about it.

        Raises:
            errors.InputError: this home has not published the dataset.
        """
        self._change(dataset_id, {"asks_people": True})

    def listed_rows(self, entry: KnownDataset, *, but: int | None = None) -> dict[int, bool]:
        """Return which datasets of this home, ``but`` one, were ever read from the same file or source -> whether people are asked.

        The same rows under another number have no register, no record of what they told, and noise of their own.
        """
        wanted, found = self._marks(entry), {}
        for number, newest in self.datasets().items():
            versions = [newest, *newest.get("earlier", {}).values()]
            if number != but and any(wanted & self._marks(each) for each in versions):
                found[number] = newest.get("asks_people", False)
        return found

    def _marks(self, entry: KnownDataset) -> frozenset[str]:
        """Return what tells the source of an entry: its files, their content, or a query; nothing of what lies in data wallets."""
        described = entry.get("source")
        if described is None:
            paths = [entry["path"]]
        else:
            named = described.get("files")
            paths = [str(each) for each in named.values()] if isinstance(named, dict) else []
            paths += [str(described["path"])] if "path" in described else []
        marks = {f"file {pathlib.Path(each).resolve()}" for each in paths}
        marks -= {f"file {(self.consents_folder / 'wallets').resolve()}"}
        if not paths:
            marks.add(f"source {json.dumps(described, sort_keys=True)}")
        if "content" in entry:
            marks.add(f"content {entry['content']}")
        return frozenset(marks)

    def _change(self, dataset_id: int, change: HowRead | dict[str, str]) -> None:
        known = self.datasets()
        if dataset_id not in known:
            raise errors.InputError("this home has not published this dataset", which=f"dataset {dataset_id}")
        known[dataset_id].update(change)  # type: ignore[typeddict-item]  # it is a part of the same record
        self._keep_datasets(known)

    def read_from_wallets(self, dataset_id: int) -> pathlib.Path:
        """Remember that a dataset's rows lie in data wallets; return their folder.

        Raises:
            errors.InputError: this home has not published the dataset.
        """
        folder = self.consents_folder / "wallets"
        self._change(dataset_id, {"path": str(folder.resolve())})
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def dataset_version(self, dataset_id: int, version: int) -> KnownDataset | None:
        """Return what is known here of one version of a dataset, ``None`` when it was published from elsewhere."""
        newest = self.datasets().get(dataset_id)
        if newest is None or newest.get("version", 1) == version:
            return newest
        return newest.get("earlier", {}).get(str(version))


def write_private(path: pathlib.Path, text: str) -> None:
    """Write a file for its owner only, whole or not at all; makes its folder, raises ``errors.StorageFull``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, text.encode(), mode=0o600)


def write_whole(path: pathlib.Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole or not at all, with the permissions ``mode`` less the process's umask.

    Raises:
        errors.StorageFull: no room; the old file is unchanged.
    """
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise errors.StorageFull("the file cannot be written", which=str(path), got=err.strerror) from err


def passphrase() -> str:
    """Return the passphrase of the home's keystores from the environment.

    Raises:
        errors.KeyRefused: it is not set.
    """
    value = os.environ.get(PASSPHRASE_VARIABLE)
    if value is None:
        raise errors.KeyRefused(
            "no passphrase was given", next_step=f"set {PASSPHRASE_VARIABLE}, or run on a terminal to be asked"
        )
    return value


def deployment_of(home: Home) -> "deployments.Deployment":
    """Return where the contracts stand.

    Raises:
        errors.InputError: no deployment file in this home.
    """
    from aicommons.ledger import deployments

    file = home.deployment_file(home.settings().chain_id)
    if not file.exists():
        raise errors.InputError(
            "this home does not know where the contracts stand",
            which=str(file),
            next_step="copy the file there that whoever runs the ledger gives you (deployments/<chain id>.json)",
        )
    return deployments.Deployment.from_json(file.read_text())


class Bystander:
    """Stands in for a wallet where nothing is signed: commands that only look need no passphrase."""

    def __init__(self, address: ids.Address) -> None:
        self.address = address

    def sign_digest(self, digest: bytes) -> bytes:
        """Refuse.

        Raises:
            errors.KeyRefused: always.
        """
        del digest
        raise errors.KeyRefused("this command signs nothing", which=ids.format_id(self.address))


def store_gate(home: Home) -> "server.Gate":
    """Return who may upload to the home's store: active members, by account or node key, asked of the ledger."""
    from aicommons.domain import encoding, signature
    from aicommons.store import server

    registry = connect(home, Bystander(ids.NOBODY))

    def recover(message: bytes, signed: bytes) -> ids.Address:
        return signature.recover(encoding.keccak(message), signed)

    return server.Gate(recover, registry.member_of)


def connect(home: Home, signer: "ports.Signer", tell: Callable[[str], None] | None = None) -> "client.Client":
    """Return a ledger client that acts with ``signer``; nothing is sent yet.

    Args:
        home: whose ledger.
        signer: acts.
        tell: what a person is told who waits; without it that is logged.
    """
    from aicommons.ledger import client

    settings, deployment = home.settings(), deployment_of(home)
    return client.Client(
        open_ledger(settings, deployment),
        deployment,
        signer,
        _relay(settings),
        habits=habits_of(home, deployment, signer, tell),
    )


def open_ledger(settings: Settings, deployment: "deployments.Deployment") -> "rpc.Rpc":
    """Return a connection to the ledger of a home: one endpoint, or several of which each is held against the deployment."""
    from aicommons.ledger import client

    return connection_to(settings.endpoints, settings, lambda one: client.check_place(one, deployment))


def connection_to(urls: tuple[str, ...], settings: Settings, vet: "Callable[[rpc.Rpc], None]") -> "rpc.Rpc":
    """Return a connection to one endpoint, or to several of which each is vetted before it is believed."""
    from aicommons.ledger import failover, rpc

    transports = [_transport(url, settings) for url in urls]
    if len(transports) == 1:
        return rpc.HttpRpc(transports[0])
    # By place and host: what comes behind the host is often a secret key.
    named = {f"endpoint {number} ({each.origin})": rpc.HttpRpc(each) for number, each in enumerate(transports, 1)}
    return failover.FailoverRpc(named, vet)


def habits_of(
    home: Home,
    deployment: "deployments.Deployment",
    signer: "ports.Signer",
    tell: Callable[[str], None] | None = None,
) -> "sending.Habits":
    """Return how a wallet of this home sends: what it pays, when a block counts, and one program at a time."""
    from aicommons.ledger import fees, finality, sending

    settings = home.settings()
    own = settings.confirmations
    made = sending.Habits(
        most_tip=settings.tip_gwei * GWEI,
        mark=int.from_bytes(os.urandom(2), "big") % (fees.MOST_MARK + 1),
        counted=deployment.confirmations if own is None else finality.Finality.parse(own),
        turn=lambda: _turn(home, signer.address),
    )
    return made if tell is None else dataclasses.replace(made, tell=tell)


@contextlib.contextmanager
def _turn(home: Home, wallet_address: ids.Address) -> Iterator[None]:
    """Hold a wallet of this home while one of its transactions is numbered: another program's waits until it is given."""
    import fcntl

    home.path.mkdir(parents=True, exist_ok=True)
    with (home.path / f".turn-{ids.format_id(wallet_address)[2:10]}").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _relay(settings: Settings) -> "relaying.Relay | None":
    if settings.relayer is None:
        return None
    from aicommons.ledger import relaying
    from aicommons.store import transport

    # Never sent twice by itself: the first may be carried out while the second is on its way.
    how = transport.Settings(read_seconds=relaying.READ_SECONDS, retries=0, ca_file=_ca_file(settings))
    return relaying.HttpRelay(
        transport.Transport(
            settings.relayer,
            settings=how,
            unreachable=errors.RelayUnreachable,
            unanswered=errors.RelayOutcomeUnknown,
        )
    )


def member_of_node_key(registry: "client.Client", node_key: ids.Address) -> ids.MemberId | None:
    """Return the active member whose node key this is now, if there is one."""
    found = registry.call("Membership", "memberOfNodeKey", node_key)[0]
    return ids.MemberId(found) if isinstance(found, int) and found else None


def _ca_file(settings: Settings) -> pathlib.Path | None:
    return pathlib.Path(settings.ca_file) if settings.ca_file is not None else None


def _transport(url: str, settings: Settings) -> "transport.Transport":
    from aicommons.store import transport

    how = transport.Settings(ca_file=_ca_file(settings))
    return transport.Transport(url, settings=how, unreachable=errors.LedgerUnreachable)


class StoreSigner:
    """Signs uploads with a key of the home."""

    def __init__(self, signer: "ports.Signer") -> None:
        self._signer = signer
        self.address: ids.Address = signer.address

    def sign(self, message: bytes) -> bytes:
        """Return the signature over keccak256 of ``message``."""
        from aicommons.domain import encoding

        return bytes(self._signer.sign_digest(encoding.keccak(message)))


def open_store(home: Home, signer: "ports.Signer | None") -> "http.HttpStore":
    """Return the store that the home is set to; without ``signer`` for reading only."""
    from aicommons.store import http, transport

    settings = home.settings()
    ca_file = pathlib.Path(settings.ca_file) if settings.ca_file is not None else None
    return http.HttpStore(
        settings.store,
        audience=settings.audience,
        signer=StoreSigner(signer) if signer is not None else None,
        clock=time.time,
        settings=transport.Settings(ca_file=ca_file),
    )


WIDTH = 4
"""Blobs that a node moves to or from its store at once, each over a kept connection (``transport.Settings.connections``)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time()


def reader_secret(signer: "ports.Signer") -> bytes:
    """Return the home's reader key: a scalar derived from a signature of its wallet, so that a restored wallet reads.

    RFC 6979 signatures are deterministic; nobody without the wallet's key can make this one.
    """
    from aicommons.domain import encoding
    from aicommons.learning.secagg import group, hashing

    proof = signer.sign_digest(encoding.keccak(READER_TAG))
    return group.reduce_wide(hashing.tagged_wide("aic/readerkey", proof))


def own_documents(home: Home) -> "disk.DiskStore":
    """Return this home's own copies of documents: the policies and cards that it published, and what it read to judge a run."""
    from aicommons.store import disk

    return disk.DiskStore(home.documents_folder)


def own_version(home: Home, part: "agent.Part") -> "tables.OwnTable | None":
    """Return one version of a dataset as its owner wants it read, ``None`` when this home does not know it."""
    known = home.dataset_version(part.dataset_id, part.version)
    return None if known is None else own_table(home, part.dataset_id, known)


def own_table(home: Home, dataset_id: int, known: KnownDataset) -> "tables.OwnTable":
    """Return what a home keeps of one dataset, as the node reads it and as its use policy wants it protected.

    Raises:
        errors.InputError: its description was changed to something that is none, or its policy is lost.
    """
    from aicommons.data import sources
    from aicommons.node import tables

    described = known.get("source")
    kept = home.mapping_file(dataset_id, known.get("version", 1))
    own = tables.OwnTable(
        source=pathlib.Path(known["path"]) if described is None else sources.from_document(described, home.path),
        minimum_cohort=known["minimum_cohort"],
        mapping_file=kept if kept.exists() else None,
        person=known.get("person"),
        most_broken=known.get("most_broken", 0.0),
        unique=known.get("unique"),
        asks_people=home.datasets()[dataset_id].get("asks_people", False)
        or any(home.listed_rows(known, but=dataset_id).values()),
        published=published_as(known),
        columns=_columns(home, known),
    )
    policy = known.get("policy")
    return own if policy is None else own.under(_own_policy(home, dataset_id, bytes.fromhex(policy)))


def published_as(known: KnownDataset) -> "agent.Published":
    """Return what a home published a version of a dataset with."""
    from aicommons.domain import policies
    from aicommons.node import agent

    card, policy = known.get("card"), known.get("policy")
    return agent.Published(
        card=None if card is None else bytes.fromhex(card),
        policy=policies.CONSENTS_ALONE if policy is None else bytes.fromhex(policy),
    )


def _columns(home: Home, known: KnownDataset) -> int | None:
    """Return how many columns the home's copy of a dataset's card offers, ``None`` where there is no copy or it names none."""
    card = own_card(home, known)
    return None if card is None else len(card.offered) or None


def own_card(home: Home, known: KnownDataset) -> "cards.DatasetCard | None":
    """Return the home's copy of a dataset's card, ``None`` where there is none that can be read."""
    from aicommons.domain import cards, encoding

    if "card" not in known:
        return None
    try:
        return cards.DatasetCard.decode(own_documents(home).get(bytes.fromhex(known["card"]), encoding.MAX_DOCUMENT))
    except (errors.BlobNotFound, errors.DigestMismatch, errors.DecodeError):
        return None


def _own_policy(home: Home, dataset_id: int, digest: bytes) -> "policies.UsePolicy":
    """Return the home's copy of a policy; what protects the rows is never guessed."""
    from aicommons.domain import encoding, policies

    try:
        return policies.UsePolicy.decode(own_documents(home).get(digest, encoding.MAX_DOCUMENT))
    except (errors.BlobNotFound, errors.DigestMismatch, errors.DecodeError) as err:
        raise errors.InputError(
            "this home's copy of the dataset's use policy is lost",
            which=f"dataset {dataset_id}",
            next_step=f"publish it again: `commons policy publish FILE {dataset_id}`",
        ) from err


def open_consents(home: Home, signer: "ports.Signer") -> "keeping.Keeping":
    """Return the home's registers of people's consents, which the wallet or the node's key opens."""
    from aicommons.node.consents import keeping

    return keeping.Keeping(home.consents_folder, signer, SystemClock())


def register_place(home: Home) -> "encoding.Place":
    """Return chain and ConsentRegister.

    Raises:
        errors.LedgerMismatch: this ledger was founded without one.
    """
    from aicommons.domain import encoding

    deployment = deployment_of(home)
    if "ConsentRegister" not in deployment.addresses:
        raise errors.LedgerMismatch(
            "this ledger has no register of consents", next_step="ask whoever runs it for a newer deployment"
        )
    return encoding.Place(deployment.chain_id, deployment.addresses["ConsentRegister"])


def reader_point(signer: "ports.Signer") -> bytes:
    """Return the public point of the home's reader key, 32 bytes; memberships and terms of runs name it."""
    from aicommons.learning.secagg import group

    return group.multiply_base(reader_secret(signer))


@contextlib.contextmanager
def open_node(
    home: Home, signer: "ports.Signer", member_id: ids.MemberId
) -> Iterator[tuple["agent.Agent", "running.ProcessRunner"]]:
    """Give the home's node with its real adapters, and what its child processes run in; only one process may at a time."""
    from aicommons.node import agent, inbox, journal, running, signing, standing, tables
    from aicommons.store import disk, inputs

    ledger, store = connect(home, signer), open_store(home, signer)
    runner = running.ProcessRunner(home.node_folder / "work")
    with (
        contextlib.closing(runner),
        contextlib.closing(journal.Journal(home.journal_file)) as kept,
        contextlib.closing(signing.SigningJournal(home.signing_file, signer, ledger.place)) as signed,
        contextlib.closing(inbox.Inbox(home.inbox_file)) as decided,
    ):
        made = agent.Agent(
            member_id=member_id,
            ledger=ledger,
            store=store,
            own=disk.DiskStore(home.node_folder / "blobs"),
            documents=own_documents(home),
            inputs=inputs.FolderInputs(home.node_folder / "inputs"),
            data=tables.OwnerTables(
                lambda part: own_version(home, part),
                home.node_folder / "prepared",
                consents=open_consents(home, signer),
            ),
            runner=runner,
            clock=SystemClock(),
            draw=os.urandom,
            journal=kept,
            signing=signed,
            width=WIDTH,
            held=inbox.held(decided),
            deny=standing.Denials(decided, store, member_id, lambda: home.datasets()).look,
        )
        yield made, runner


def configure_logging(level: str, path: pathlib.Path | None = None) -> None:
    """Log one line per event to ``path`` or standard error."""
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        filename=None if path is None else str(path),
        force=True,
    )
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what it retries is told by our own lines
