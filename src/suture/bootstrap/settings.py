"""What a deployment sets: `SUTURE_*` environment variables, or `suture.toml` in the working folder; the former win."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

SETTINGS_FILE = "suture.toml"
_PREFIX = "SUTURE_"
MASTER_KEY = "SUTURE_MASTER_KEY"
_MASTER_KEY_BYTES = 32

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class SettingsError(Exception):
    """A setting is missing or can't be used. The message names it and says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deployment's settings; each field is the variable ``SUTURE_<FIELD>`` and a key of `suture.toml`.

    `database_url` and `nats_url` name existing servers (several of NATS's separated by commas); where they are unset,
    embedded ones keep their files in `data_dir`: one PostgreSQL and `nats_nodes` of NATS. `nats_replicas` is how many
    copies the backbone keeps of an event; unless set, as many as `nats_nodes`.
    `metrics_port` (0: none) is where a role shows its metrics and health; run all at once, the gateway has this one,
    the console the next, and workers those after. `otlp_endpoint` gets traces (OTLP over HTTP), of a `trace_ratio` of
    all journeys. `private_webhooks` lets subscribers' webhooks go to addresses inside, and over plain HTTP.
    `console_url` is where browsers reach the console, where that isn't its own host and port: over https its cookies
    are for https alone. `oidc_issuer` lets people sign in through an identity provider, to which Suture is
    `oidc_client_id` (with the secret ``SUTURE_OIDC_CLIENT_SECRET``, if it has one) and which tells roles in
    `oidc_roles_claim`.
    `lease_seconds` is how long others wait before they take over a silent worker's processes.
    """

    data_dir: Path = Path(".suture")
    catalogue: Path = Path("catalogue.yaml")
    database_url: str | None = None
    nats_url: str | None = None
    nats_nodes: Literal[1, 3] = 1
    nats_replicas: Literal[1, 3, 5] | None = None
    host: str = "127.0.0.1"
    gateway_port: Port = 8600
    console_port: Port = 8601
    workers: Annotated[int, msgspec.Meta(ge=1)] = 1
    gateways: Annotated[int, msgspec.Meta(ge=1)] = 1
    slots: Annotated[int, msgspec.Meta(ge=1)] = 256
    lease_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    private_webhooks: bool = False
    console_url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str = "suture"
    oidc_roles_claim: str = "roles"
    metrics_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    otlp_endpoint: str | None = None
    trace_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0

    @property
    def replicas(self) -> int:
        """How many copies the backbone keeps of each event."""
        return self.nats_replicas or self.nats_nodes

    @property
    def console_address(self) -> str:
        """Where browsers reach the console."""
        return (self.console_url or f"http://{self.host}:{self.console_port}").rstrip("/")

    @classmethod
    def read(cls, environment: Mapping[str, str], folder: Path) -> "Settings":
        """Raises `SettingsError` with the name of the setting that can't be used."""
        told: dict[str, object] = {}
        file = folder / SETTINGS_FILE
        try:
            if file.exists():
                told = msgspec.toml.decode(file.read_bytes(), type=dict[str, object])
            for name in cls.__struct_fields__:
                value = environment.get(_PREFIX + name.upper())
                if value:
                    told[name] = value
            return msgspec.convert(told, cls, strict=False, dec_hook=lambda kind, value: kind(value))
        except (OSError, msgspec.DecodeError) as error:
            raise SettingsError(f"the settings are not valid: {error} (see {SETTINGS_FILE} and {_PREFIX}*)") from error

    def as_file(self) -> str:
        """These settings as a `suture.toml`."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
        return "".join(
            f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in plain.items() if value is not None
        )

    def as_environment(self) -> dict[str, str]:
        """These settings as variables, for the roles that a supervisor starts."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {_PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None}


class Secrets:
    """Secrets by the name of their environment variable; where it is unset, a file in ``<data_dir>/secrets/``."""

    def __init__(self, environment: Mapping[str, str], data_dir: Path) -> None:
        self._environment = environment
        self._folder = data_dir / "secrets"

    def get(self, name: str) -> str:
        """Raises `SettingsError` where it is not set."""
        value = self._environment.get(name) or self._from_file(name)
        if not value:
            raise SettingsError(f"the secret {name} is not set: set the variable, or write it to {self._folder / name}")
        return value

    def find(self, name: str) -> str | None:
        """The secret, or None where it is not set."""
        return self.get(name) if self.has(name) else None

    def has(self, name: str) -> bool:
        """Whether a secret is set."""
        return bool(self._environment.get(name) or self._from_file(name))

    def _from_file(self, name: str) -> str | None:
        try:
            return (self._folder / name).read_text().strip()
        except FileNotFoundError:
            return None

    def put(self, name: str, value: str) -> None:
        """Keep a secret in a file that only its owner can read; where there is one by now, that one stands."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=self._folder)  # for its owner alone, from the first moment
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(made, self._folder / name)  # never over one that another process has put there meanwhile
        except FileExistsError:
            pass
        finally:
            os.unlink(made)

    def master_key(self) -> bytes:
        """The key that wraps all data keys. Losing it loses every sealed payload, so none is ever made in its place
        (`make_master_key`). Raises `SettingsError` where it is missing or can't be used."""
        try:
            key = bytes.fromhex(self.get(MASTER_KEY))
        except ValueError as error:
            raise SettingsError(f"{MASTER_KEY} must be {_MASTER_KEY_BYTES} bytes in hexadecimal") from error
        if len(key) != _MASTER_KEY_BYTES:
            raise SettingsError(f"{MASTER_KEY} must be {_MASTER_KEY_BYTES} bytes in hexadecimal")
        return key

    def make_master_key(self) -> None:
        """Only for a database that is yet to be made: what one holds already opens with the key it was begun with."""
        self.put(MASTER_KEY, secrets.token_hex(_MASTER_KEY_BYTES))

    def where(self, name: str) -> Path:
        """The file in which a secret may stand."""
        return self._folder / name


def current() -> tuple[Settings, Secrets]:
    """The settings and secrets of this process."""
    settings = Settings.read(os.environ, Path.cwd())
    return settings, Secrets(os.environ, settings.data_dir)
