"""The gateway's settings: one frozen object, read from the environment once, at the start."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from retrieval.domain import FieldKind
from retrieval.image_fetch.hosts import HostAllowlist

_DEMO_FIELDS = {
    "category": FieldKind.KEYWORD,
    "color": FieldKind.KEYWORD,
    "brand": FieldKind.KEYWORD,
    "pattern": FieldKind.KEYWORD,
    "sleeve": FieldKind.KEYWORD,
    "length": FieldKind.KEYWORD,
    "print": FieldKind.KEYWORD,
    "hood": FieldKind.BOOL,
    "pocket": FieldKind.BOOL,
    "buttons": FieldKind.BOOL,
    "price": FieldKind.NUMBER,
}


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?")


class SettingsError(Exception):
    """A setting is missing or bad; the message is one sentence."""


class Settings(BaseSettings):
    """Each field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    http_host: str = Field("127.0.0.1", description="Address that the REST edge listens on.")
    http_port: int = Field(8080, ge=1, le=65535, description="Port of the REST edge.")
    grpc_host: str = Field("127.0.0.1", description="Address that the gRPC edge listens on.")
    grpc_port: int = Field(50051, ge=1, le=65535, description="Port of the gRPC edge.")
    health_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="A further port at HTTP_HOST, in plain text whatever TLS says, of /healthz, "
        "/readyz and /metrics alone: for probes, which show no certificate. None where unset.",
    )

    bundle_dir: Path = Field(
        Path("models"),
        description="Folder of the model bundle: the one to begin with where the index names none.",
    )
    bundles_dir: Path | None = Field(
        None,
        description="Folder of further bundles, each in a folder named by the first 12 digits of "
        "its digest, looked at while running; DATA_DIR/bundles where unset.",
    )
    model_refresh_s: float = Field(
        1.0, gt=0, le=60, description="Time after which every replica follows a model swap."
    )
    data_dir: Path = Field(
        Path(".data"), description="Folder of what the gateway keeps where IMAGE_STORE is unset."
    )
    image_store: str | None = Field(
        None,
        description="Where pictures are kept: a folder, or s3://BUCKET/PREFIX; DATA_DIR/images "
        "where unset. Credentials of S3 are found as AWS's tools find them (AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, a web identity, the machine's role).",
    )
    image_store_endpoint: str | None = Field(
        None, description="http(s)://HOST:PORT of S3-compatible storage; AWS's where unset."
    )
    image_store_region: str = Field("us-east-1", description="Region of the S3 storage.")
    storefront_dir: Path | None = Field(
        None,
        description="Folder of the built storefront, served at /; nothing is there where unset.",
    )
    ready_file: Path | None = Field(
        None, description="Not ready until this file exists (written after a first import)."
    )

    triton_url: str = Field("127.0.0.1:8001", description="host:port of Triton's gRPC API.")
    qdrant_url: str = Field(
        "http://127.0.0.1:6334", description="URL of Qdrant's gRPC port; https for TLS."
    )
    qdrant_api_key: SecretStr | None = Field(None, description="Qdrant's API key.")
    redis_url: SecretStr | None = Field(
        None, description="Redis that caches embeddings; without it everything is computed."
    )
    snapshot_redis_url: SecretStr | None = Field(
        None, description="Redis that keeps rankings for paging; REDIS_URL where unset."
    )
    cache_key: SecretStr = Field(
        SecretStr("recompose"), description="Secret that keys the names of cached entries."
    )

    filterable_fields: Annotated[dict[str, FieldKind], NoDecode] = Field(
        _DEMO_FIELDS,
        description="Attributes to filter by: name:kind, comma-separated; kinds are keyword, "
        "number and bool.",
    )
    prefetch_depth: int = Field(
        1000,
        ge=100,
        le=10_000,
        description="Candidates by pooled vector before rescoring, until an audit has chosen.",
    )
    ranking_depth: int = Field(
        200, ge=100, le=1000, description="Hits a query has at most, over all its pages."
    )
    image_uris: Literal["off", "allowlist", "public"] = Field(
        "off",
        description="Whether pictures are fetched by their address: off (IMAGE_URI_DISABLED), "
        "allowlist (from IMAGE_URI_HOSTS), public (from any host of the public internet). Private "
        "addresses, other ports than 80 and 443, and proxies of the environment are never used.",
    )
    image_uri_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validate_default=True,
        description="Hosts for IMAGE_URIS=allowlist, comma-separated: a name, or *.shop.example "
        "for all names below shop.example.",
    )
    image_uri_budget_s: float = Field(
        2.0,
        gt=0,
        le=60,
        description="Time for fetching one picture by its address, redirects included; a search "
        "that needs one has it beside SEARCH_BUDGET_S.",
    )

    tls_cert_file: Path | None = Field(
        None,
        description="PEM certificate of both edges, with TLS_KEY_FILE; without them they speak "
        "plain text. All TLS files are read again when they change.",
    )
    tls_key_file: Path | None = Field(None, description="PEM key of TLS_CERT_FILE.")
    tls_client_ca_file: Path | None = Field(
        None, description="PEM roots of callers' certificates: with it every caller needs one."
    )
    api_keys_file: Path | None = Field(
        None,
        description="File of API keys (gateway/access/key_file.py); without it everyone may do "
        "everything. It is read again when it changes.",
    )

    oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Issuer of OpenID Connect tokens that are taken as well as keys, as its "
        "tokens name it (RS256 or ES256; claims: gateway/access/tokens.py).",
    )
    oidc_audience: str | None = Field(
        None, min_length=1, description="Audience that a token must be for; with OIDC_ISSUER."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may call the REST edge from a browser, comma-separated, "
        "for example https://shop.example; none by default, and '*' is not offered.",
    )

    search_budget_s: float = Field(1.0, gt=0, le=60, description="Time for a search, in seconds.")
    rerank_budget_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Time for the second stage of a search that asks for it, which has it beside "
        "SEARCH_BUDGET_S; after it the first stage's order is the answer. It also ends "
        "QDRANT_BUDGET_S before a caller's own deadline, so that the page can still be read.",
    )
    import_budget_s: float = Field(
        120.0, gt=0, le=3600, description="Time for an import call, in seconds."
    )
    triton_budget_s: float = Field(0.3, gt=0, le=60, description="Time for one inference.")
    qdrant_budget_s: float = Field(0.2, gt=0, le=60, description="Time for one index read.")
    image_store_budget_s: float = Field(
        1.0, gt=0, le=60, description="Time for reading and checking one picture of the store."
    )
    redis_budget_s: float = Field(0.02, gt=0, le=5, description="Time for one cache command.")

    audit_sample: int = Field(
        50,
        ge=10,
        le=1000,
        description="Products that a recall audit asks about; each gives two questions.",
    )
    audit_budget_s: float = Field(
        600.0,
        ge=1,
        le=3600,
        description="Time for a recall audit, in seconds, of which the index rests three quarters.",
    )
    audit_quiet_s: float = Field(
        60.0, gt=0, le=3600, description="Time without an import before an audit begins by itself."
    )
    audit_change_share: float = Field(
        0.1,
        gt=0,
        le=10,
        description="Share of the products that must have changed since the last audit for another "
        "to begin by itself.",
    )
    tuning_refresh_s: float = Field(
        10.0, gt=0, le=600, description="Time after which every replica follows an audit's choice."
    )

    max_in_flight: int = Field(
        128,
        ge=1,
        description="Requests worked on at once at most; more get 429. Fewer are let in while "
        "searches take longer than SEARCH_TARGET_S.",
    )
    search_target_s: float = Field(
        0.1,
        gt=0,
        le=60,
        description="Time that half of the searches should stay under when there are too many; "
        "where the work alone takes longer, twice that time counts instead.",
    )
    max_loop_lag_s: float = Field(
        0.1,
        gt=0,
        le=60,
        description="Lateness of the event loop above which, once it lasts, all but one of the "
        "requests at once get 429.",
    )
    memory_limit_bytes: int | None = Field(
        None,
        ge=1 << 20,
        description="Memory of this process: above 85% of it all but one of the requests at once "
        "get 429. The control group's limit where unset.",
    )
    picture_workers: int = Field(2, ge=1, le=64, description="Threads that decode pictures.")
    embed_batch: int = Field(
        16,
        ge=1,
        le=32,
        description="Pictures in one inference of an import, or of a second stage's candidates, at "
        "most; fewer are sent where the encoder takes long for them, since searches wait behind "
        "them.",
    )
    probe_interval_s: float = Field(
        2.0,
        gt=0,
        le=60,
        description="Time between readiness probes; four times what a probe takes where that is "
        "longer, up to 10 s.",
    )
    drain_grace_s: float = Field(
        1.0, ge=0, le=30, description="Time between saying not ready and closing the doors."
    )
    drain_budget_s: float = Field(
        10.0, gt=0, le=120, description="Time that requests in flight get at a shutdown."
    )
    log_format: Literal["json", "text"] = Field("json", description="Form of the log lines.")

    @property
    def published_bundles(self) -> Path:
        """Where bundles of further models are found."""
        return self.bundles_dir or self.data_dir / "bundles"

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _parse_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(filter(None, (part.strip() for part in value.split(","))))
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("an origin is http://HOST or https://HOST, with :PORT or without")
        return origins

    @field_validator("image_uri_hosts", mode="before")
    @classmethod
    def _parse_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(filter(None, (part.strip() for part in value.split(","))))

    @field_validator("image_uri_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        HostAllowlist(hosts)
        mode = info.data.get("image_uris")
        if mode == "allowlist" and not hosts:
            raise ValueError("IMAGE_URIS=allowlist needs hosts")
        if mode == "public" and hosts:
            raise ValueError("a list of hosts needs IMAGE_URIS=allowlist, public fetches from any")
        return hosts

    @field_validator("filterable_fields", mode="before")
    @classmethod
    def _parse_fields(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        fields = {}
        for pair in filter(None, (part.strip() for part in value.split(","))):
            name, _, kind = pair.partition(":")
            fields[name.strip()] = kind.strip() or FieldKind.KEYWORD
        return fields


def read_settings() -> Settings:
    """The settings of this process. Raises SettingsError with one sentence, values left out."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        raise SettingsError(f"{name} is not a valid setting: {first['msg']}.") from None
