"""One table of knobs: type, unit (last in the name), default, bounds, a sentence.

Each is set by the environment variable `OBSERVATORY_<NAME>`; a bad value stops the start.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from observatory.errors import SettingsError

MIB = 1 << 20
Port = Annotated[int, Field(ge=0, le=65_535)]
Days = Annotated[int, Field(ge=1, le=3_650)]


class Settings(BaseSettings):
    """Every knob of the server."""

    model_config = SettingsConfigDict(env_prefix="OBSERVATORY_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("var/observatory"), description="Folder of the embedded stores and of open intents.")
    store_dsn: str = Field("", description="Telemetry store: chdb:///path or clickhouse://…; empty: below data_dir.")
    state_url: str = Field("", description="Control store as an SQLAlchemy URL; empty: SQLite below data_dir.")

    backup_dir: Path | None = Field(None, description="Folder of backups; unset: below data_dir.")

    pseudonym_key_file: Path | None = Field(
        None,
        description="File with the key of users' pseudonyms; unset: pseudonym.key below data_dir, made if missing.",
    )

    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless set.")
    port: Port = Field(8600, description="Main port: API, pages and OTLP/HTTP. 0 takes a free one.")
    otlp_http_port: Port = Field(4318, description="Second port, OTLP/HTTP only. 0 takes a free one.")
    otlp_grpc_port: Port = Field(4317, description="OTLP/gRPC port. 0 takes a free one.")

    max_body_bytes: int = Field(64 * MIB, ge=1_024, le=1_024 * MIB, description="Largest body, packed or unpacked.")
    read_body_s: int = Field(30, ge=1, le=600, description="Longest time that a body over HTTP may take to arrive.")
    queue_bytes: int = Field(256 * MIB, ge=MIB, le=16_384 * MIB, description="Bodies held in memory until committed.")
    batch_bytes: int = Field(32 * MIB, ge=1_024, le=1_024 * MIB, description="Bodies joined into one commit.")
    traces_linger_ms: int = Field(0, ge=0, le=10_000, description="Wait for company before a commit of traces.")
    logs_linger_ms: int = Field(200, ge=0, le=10_000, description="Wait for company before a commit of logs.")
    metrics_linger_ms: int = Field(1_000, ge=0, le=10_000, description="Wait for company before a commit of metrics.")
    duplicate_window_s: int = Field(600, ge=0, le=86_400, description="How long an identical body is known again.")
    oldest_s: int = Field(35 * 86_400, ge=60, le=3_650 * 86_400, description="Telemetry older than this is rejected.")
    ahead_s: int = Field(600, ge=0, le=86_400, description="Telemetry further in the future than this is rejected.")
    attributes: int = Field(128, ge=8, le=4_096, description="Attributes kept of one span, point or record.")
    attribute_bytes: int = Field(65_536, ge=64, le=MIB, description="Bytes kept of one attribute value.")

    readers: int = Field(4, ge=1, le=64, description="Connections that read the telemetry store.")
    query_timeout_s: int = Field(20, ge=1, le=600, description="Longest run of one read.")
    query_memory_bytes: int = Field(2_048 * MIB, ge=64 * MIB, le=1 << 40, description="Most memory of one read.")
    query_rows: int = Field(100_000, ge=1_000, le=100_000_000, description="Most rows one read may return.")

    environments: int = Field(32, ge=1, le=1_000, description="Environments that are judged; later ones are counted.")
    tick_s: float = Field(5.0, ge=0.2, le=300.0, description="Time between two rounds of indicators and health.")

    fast_s: float = Field(0.2, ge=0.0, le=60.0, description="Least time between two looks after commits; 0: none.")
    fast_share: float = Field(0.1, gt=0.0, le=1.0, description="Most of the time that looks after commits may take.")
    rules_dir: Path | None = Field(
        None, description="Folder of rule files (YAML), read again when one changes; only these may hold SQL."
    )

    replay_s: float = Field(30.0, ge=1.0, le=600.0, description="Longest replay of a rule that the API may ask for.")

    channels_file: Path | None = Field(
        None, description="YAML file of the channels of notifications, read again when it changes; unset: none."
    )
    channel_networks: str = Field(
        "", description="Networks that webhooks may reach beside the public one, as 10.0.0.0/8, 127.0.0.1."
    )
    public_url: str = Field("", description="Address of this server as people reach it, for links in messages.")
    group_wait_s: float = Field(1.0, ge=0.0, le=600.0, description="Wait of a trouble's first message for others.")
    group_interval_s: float = Field(
        30.0, ge=0.0, le=86_400.0, description="Least time between two messages of one trouble that gets no worse."
    )
    repeat_s: float = Field(
        14_400.0, ge=0.0, le=604_800.0, description="What still fires is told again after this; 0: never."
    )
    send_timeout_s: float = Field(10.0, ge=0.1, le=60.0, description="Longest time of one attempt to send a message.")
    deadman_url: SecretStr = Field(
        SecretStr(""), description="Address asked every deadman_s while rounds go on: who misses it raises the alarm."
    )
    deadman_url_file: Path | None = Field(None, description="File that holds deadman_url instead.")
    deadman_s: float = Field(60.0, ge=1.0, le=3_600.0, description="Time between two asks of deadman_url.")

    digest_hour: int = Field(7, ge=-1, le=23, description="Hour of the day, UTC, of the daily digest; -1: none.")

    collectors_file: Path | None = Field(
        None, description="YAML file of what the collectors look at; unset: nothing is collected."
    )

    prices_file: Path | None = Field(
        None, description="YAML file of prices that hold instead of the listed ones, read again when it changes."
    )

    insight_url: str = Field(
        "", description="Base of an OpenAI-compatible API that may put summaries into words; empty: none is asked."
    )
    insight_model: str = Field("", max_length=200, description="Name of the model there.")
    insight_key_file: Path | None = Field(None, description="File with the key of that API; unset: none is presented.")
    insight_timeout_s: float = Field(20.0, ge=0.1, le=120.0, description="Longest wait for one summary by the model.")

    retain_raw_days: Days = Field(14, description="Days that otel_traces and otel_logs are kept, late rows too.")
    retain_metrics_days: Days = Field(30, description="Days that the otel_metrics_* tables are kept.")
    retain_facts_days: Days = Field(90, description="Days that the narrow fact tables are kept.")
    retain_rollup_10s_days: Days = Field(7, description="Days that the 10 s rollups are kept.")
    retain_rollup_1m_days: Days = Field(400, description="Days that the 1 m rollups are kept.")
    retain_history_10s_days: Days = Field(2, description="Days that indicators and snapshots are kept at 10 s.")
    retain_history_1m_days: Days = Field(35, description="Days that indicators and snapshots are kept at 1 m.")
    retain_history_1h_days: Days = Field(400, description="Days that indicators are kept at 1 h.")

    @field_validator("channel_networks")
    @classmethod
    def _networks(cls, text: str) -> str:
        for each in text.split(","):
            if each.strip():
                ipaddress.ip_network(each.strip())
        return text

    @field_validator("public_url", "insight_url")
    @classmethod
    def _address(cls, text: str) -> str:
        if text and not text.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        return text.rstrip("/")

    @property
    def dsn(self) -> str:
        """The telemetry store in force."""
        return self.store_dsn or f"chdb://{self.data_dir.absolute() / 'store'}"

    @property
    def embedded(self) -> bool:
        """True when the telemetry store runs inside this process."""
        return self.dsn.startswith("chdb:")

    @property
    def backups(self) -> Path:
        """The folder of backups in force."""
        return (self.backup_dir or self.data_dir / "backups").absolute()

    @property
    def pseudonym_key(self) -> Path:
        """The file of the key of pseudonyms in force."""
        return self.pseudonym_key_file or self.data_dir / "pseudonym.key"

    @property
    def state_dsn(self) -> str:
        """The control store in force, as an SQLAlchemy URL."""
        return self.state_url or f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'state.db'}"


def load(**overrides: object) -> Settings:
    """Read the knobs from the environment; `overrides` win.

    Raises:
        SettingsError: naming each knob, its value and what is allowed.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_complaints(error))) from None


def _complaints(error: ValidationError) -> list[str]:
    return [
        f"OBSERVATORY_{'.'.join(map(str, issue['loc'])).upper()} = {issue['input']!r}: {issue['msg']}"
        for issue in error.errors()
    ]
