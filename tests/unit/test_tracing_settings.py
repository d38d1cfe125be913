"""Which OTEL_ variables switch traces on, and what is refused with a sentence."""

import os

import pytest

from gateway.settings import SettingsError
from gateway.tracing.export import Export
from gateway.tracing.settings import TracingSettings, read_tracing_settings

SOMEWHERE = "http://collector.example:4317"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def reading(monkeypatch: pytest.MonkeyPatch, **variables: str) -> TracingSettings | None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_{name}", value)
    return read_tracing_settings()


def wired(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Export:
    found = reading(monkeypatch, **variables)
    assert found is not None
    return Export(found, lambda outcome, spans: None)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"SERVICE_NAME": "shop", "EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        {"EXPORTER_OTLP_ENDPOINT": ""},
        {"EXPORTER_OTLP_ENDPOINT": SOMEWHERE, "SDK_DISABLED": "TRUE"},
        {"EXPORTER_OTLP_ENDPOINT": SOMEWHERE, "TRACES_EXPORTER": "none"},
    ],
)
def test_without_a_place_for_them_there_are_no_traces(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    assert reading(monkeypatch, **variables) is None


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({"TRACES_EXPORTER": "otlp"}, "http://localhost:4317"),
        ({"EXPORTER_OTLP_ENDPOINT": SOMEWHERE, "SDK_DISABLED": "false"}, SOMEWHERE),
        ({"EXPORTER_OTLP_ENDPOINT": "https://c.example/"}, "https://c.example:4317"),
        ({"EXPORTER_OTLP_TRACES_ENDPOINT": "http://[::1]"}, "http://[::1]:4317"),
        (
            {
                "EXPORTER_OTLP_ENDPOINT": "http://all.example:1",
                "EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces.example:2",
            },
            "http://traces.example:2",
        ),
    ],
)
def test_an_exporter_or_an_endpoint_switches_them_on(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], endpoint: str
) -> None:
    found = reading(monkeypatch, **variables)
    assert found is not None
    assert found.endpoint == endpoint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("TRACES_EXPORTER", "console"),
        ("EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
        ("EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4317/v1/traces"),
        ("EXPORTER_OTLP_TRACES_ENDPOINT", "http://user@collector:4317"),
        ("EXPORTER_OTLP_TIMEOUT", "soon"),
        ("EXPORTER_OTLP_COMPRESSION", "zip"),
        ("EXPORTER_OTLP_HEADERS", "secret"),
        ("EXPORTER_OTLP_HEADERS", "api key=secret"),
        ("EXPORTER_OTLP_CERTIFICATE", "/nonexistent.pem"),
        ("TRACES_SAMPLER", "sometimes"),
        ("TRACES_SAMPLER_ARG", "2"),
        ("PROPAGATORS", "b3"),
        ("RESOURCE_ATTRIBUTES", "production"),
        ("RESOURCE_ATTRIBUTES", "=production"),
        ("BSP_MAX_QUEUE_SIZE", "0"),
        ("BSP_MAX_EXPORT_BATCH_SIZE", "5000"),
        ("BSP_SCHEDULE_DELAY", "-1"),
        ("SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
    ],
)
async def test_a_bad_variable_is_refused_with_a_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        wired(monkeypatch, EXPORTER_OTLP_ENDPOINT=SOMEWHERE, **{name: value})
    sentence = str(refused.value)
    assert f"OTEL_{name}" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "secret" not in sentence


async def test_an_empty_variable_is_as_if_it_were_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("TRACES_TIMEOUT", "TIMEOUT", "HEADERS", "COMPRESSION", "CERTIFICATE", "INSECURE")
    empty = {f"EXPORTER_OTLP_{name}": "" for name in names}
    empty |= {"RESOURCE_ATTRIBUTES": "", "TRACES_SAMPLER": "", "SPAN_ATTRIBUTE_COUNT_LIMIT": ""}
    export = wired(monkeypatch, EXPORTER_OTLP_ENDPOINT=SOMEWHERE, **empty)
    assert export.provider.sampler.get_description().startswith("ParentBased{root:AlwaysOn")
    await export.close()


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "recompose-gateway"),
        ({"SERVICE_NAME": "search"}, "search"),
        ({"RESOURCE_ATTRIBUTES": "service.name=named,cloud.region=north"}, "named"),
        ({"RESOURCE_ATTRIBUTES": "service.name=named", "SERVICE_NAME": "search"}, "search"),
    ],
)
async def test_the_gateway_has_the_name_that_is_given_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], service: str
) -> None:
    export = wired(monkeypatch, EXPORTER_OTLP_ENDPOINT=SOMEWHERE, **variables)
    assert export.provider.resource.attributes["service.name"] == service
    await export.close()


@pytest.mark.parametrize(
    ("variables", "description"),
    [
        ({}, "ParentBased{root:AlwaysOnSampler"),
        ({"TRACES_SAMPLER": "always_off"}, "AlwaysOffSampler"),
        (
            {"TRACES_SAMPLER": "traceidratio", "TRACES_SAMPLER_ARG": "0.25"},
            "TraceIdRatioBased{0.25}",
        ),
        (
            {"TRACES_SAMPLER": "parentbased_traceidratio", "TRACES_SAMPLER_ARG": "0.5"},
            "ParentBased{root:TraceIdRatioBased{0.5}",
        ),
    ],
)
async def test_the_sampler_is_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], description: str
) -> None:
    export = wired(monkeypatch, EXPORTER_OTLP_ENDPOINT=SOMEWHERE, **variables)
    assert export.provider.sampler.get_description().startswith(description)
    await export.close()


def test_what_is_said_of_traces_alone_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(
        monkeypatch,
        EXPORTER_OTLP_ENDPOINT="http://metrics.example:4318/v1/metrics",
        EXPORTER_OTLP_TRACES_ENDPOINT=SOMEWHERE,
        EXPORTER_OTLP_PROTOCOL="http/protobuf",
        EXPORTER_OTLP_TRACES_PROTOCOL="grpc",
        EXPORTER_OTLP_COMPRESSION="gzip",
        EXPORTER_OTLP_TRACES_COMPRESSION="none",
        EXPORTER_OTLP_TIMEOUT="7000",
        EXPORTER_OTLP_TRACES_TIMEOUT="",
    )
    assert found is not None
    assert (found.endpoint, found.protocol) == (SOMEWHERE, "grpc")
    assert (found.compression, found.timeout) == ("none", 7000)
