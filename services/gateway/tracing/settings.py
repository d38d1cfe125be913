"""The usual OTEL_ variables, as far as they are about traces
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

Headers, certificates and resource attributes are checked here, and read by the SDK itself.
"""

import os
import re
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.settings import SettingsError

DEFAULT_PORT: Final = 4317
"""Of OTLP over gRPC."""
_HEADER: Final = re.compile(r"[A-Za-z0-9_.-]+\s*=.*")
_SERVICE_NAME: Final = "recompose-gateway"

Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


def _of_otlp(name: str) -> AliasChoices:
    """Of the two variables of an exporter's setting, the one for traces counts."""
    return AliasChoices(f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")


class TracingSettings(BaseSettings):
    """Each field is an environment variable of the same name in capitals, after ``OTEL_``; where
    the exporter goes and how, after ``OTEL_EXPORTER_OTLP_``."""

    model_config = SettingsConfigDict(
        env_prefix="OTEL_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    traces_exporter: Literal["otlp"] = Field(
        "otlp", description="Where spans go; also 'none', which is as if no variable were set."
    )
    endpoint: str = Field(
        f"http://localhost:{DEFAULT_PORT}",
        validation_alias=_of_otlp("ENDPOINT"),
        description="http://HOST:PORT or https://HOST:PORT of the collector's gRPC receiver.",
    )
    protocol: Literal["grpc"] = Field(
        "grpc", validation_alias=_of_otlp("PROTOCOL"), description="No other is offered."
    )
    timeout: int = Field(
        10_000,
        ge=1,
        le=60_000,
        validation_alias=_of_otlp("TIMEOUT"),
        description="Time for sending a batch, in milliseconds.",
    )
    headers: SecretStr = Field(
        SecretStr(""),
        validation_alias=_of_otlp("HEADERS"),
        description="KEY=VALUE, comma-separated: what the collector is sent with each batch.",
    )
    compression: Literal["none", "gzip"] = Field(
        "none", validation_alias=_of_otlp("COMPRESSION"), description="Of batches."
    )
    certificate: FilePath | None = Field(
        None,
        validation_alias=_of_otlp("CERTIFICATE"),
        description="Certificates (PEM) that the collector's is checked by, with https.",
    )
    traces_sampler: Sampler = Field(
        "parentbased_always_on", description="Which requests are traced."
    )
    traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="The share of them, for the samplers by ratio."
    )
    propagators: str = Field(
        "tracecontext", description="W3C Trace Context; baggage may be named and is not passed on."
    )
    service_name: str | None = Field(
        None, description=f"What the gateway is called; {_SERVICE_NAME} where nothing says so."
    )
    resource_attributes: str = Field(
        "", description="KEY=VALUE, comma-separated: what is said of this gateway in each trace."
    )
    bsp_max_queue_size: int = Field(
        2048, ge=1, le=1 << 20, description="Spans that may wait to be sent; more are dropped."
    )
    bsp_max_export_batch_size: int = Field(512, ge=1, description="Spans in one batch.")
    bsp_schedule_delay: int = Field(
        5000, ge=1, le=600_000, description="Time between two batches, in milliseconds."
    )

    @property
    def own_attributes(self) -> dict[str, str]:
        """What this gateway says of itself beside what the SDK reads."""
        pairs = (pair.split("=", 1)[0].strip() for pair in self.resource_attributes.split(","))
        named = self.service_name is not None or "service.name" in pairs
        return {} if named else {"service.name": _SERVICE_NAME}

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        wrong = "it is http://HOST:PORT or https://HOST:PORT of a receiver of OTLP over gRPC"
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(wrong)
        if parts.path.strip("/") or parts.query or parts.username is not None:
            raise ValueError(wrong)
        # Without a port gRPC would take that of HTTP.
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port or DEFAULT_PORT}"

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: SecretStr) -> SecretStr:
        pairs = filter(None, (pair.strip() for pair in value.get_secret_value().split(",")))
        if not all(map(_HEADER.fullmatch, pairs)):
            raise ValueError("it is KEY=VALUE, comma-separated")
        return value

    @field_validator("propagators")
    @classmethod
    def _is_w3c(cls, value: str) -> str:
        names = {name.strip() for name in value.split(",")}
        if "tracecontext" not in names or names - {"tracecontext", "baggage"}:
            raise ValueError("only tracecontext is offered")
        return value

    @field_validator("resource_attributes")
    @classmethod
    def _are_pairs(cls, value: str) -> str:
        if value and any(
            not pair.partition("=")[0].strip() or "=" not in pair for pair in value.split(",")
        ):
            raise ValueError("it is KEY=VALUE, comma-separated")
        return value

    @model_validator(mode="after")
    def _batches_fit(self) -> Self:
        if self.bsp_max_export_batch_size > self.bsp_max_queue_size:
            raise ValueError("OTEL_BSP_MAX_EXPORT_BATCH_SIZE is more than OTEL_BSP_MAX_QUEUE_SIZE")
        return self


def read_tracing_settings() -> TracingSettings | None:
    """The settings of this process, None where nothing asks for traces.

    Raises SettingsError with one sentence, values left out.
    """
    if not _wanted():
        return None
    try:
        return TracingSettings()
    except ValidationError as error:
        first = error.errors()[0]
        why = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise SettingsError(f"{why}.") from None
        name = str(first["loc"][0]).upper()
        if not name.startswith("OTEL_"):
            name = f"OTEL_{name}"
        if not os.environ.get(name):  # of two, pydantic names the one for traces
            name = name.replace("_TRACES_", "_")
        raise SettingsError(f"{name} is not a valid setting: {why}.") from None


def _wanted() -> bool:
    def of(name: str) -> str:
        return os.environ.get(f"OTEL_{name}", "").strip()

    if of("SDK_DISABLED").lower() == "true" or of("TRACES_EXPORTER").lower() == "none":
        return False
    places = ("TRACES_EXPORTER", "EXPORTER_OTLP_ENDPOINT", "EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(map(of, places))
