"""Who is let in, by the settings: the part of the wiring that is about access."""

import ipaddress
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from gateway.access.credentials import Credentials
from gateway.access.guard import Access, Guard, OpenAccess
from gateway.access.key_file import KeyFileError
from gateway.access.keys import ApiKeys
from gateway.access.rate import CallerLimits
from gateway.access.tokens import IssuedTokens, Issuer
from gateway.settings import Settings, SettingsError
from gateway.tls import Certificates, TlsError, TlsFiles
from retrieval.domain import Observe
from retrieval.rate_limit import LocalRateLimit, RedisRateLimit
from retrieval.redis_link import RedisLink


@dataclass(frozen=True, slots=True)
class AccessParts:
    """What the edges stand behind."""

    guard: Access
    certificates: Certificates | None
    watchers: tuple[Callable[[], Coroutine[None, None, None]], ...]
    """What follows files and issuers, to be run until the end."""


def access_of(settings: Settings, link: RedisLink, observe: Observe) -> AccessParts:
    """Access by the settings, with its buckets in this Redis. Raises SettingsError."""
    keys, tokens = _api_keys(settings), _tokens(settings, observe)
    if keys is None and tokens is None and not _is_loopback(settings.http_host, settings.grpc_host):
        raise SettingsError(
            "HTTP_HOST or GRPC_HOST is reached by other machines: say who may call, by "
            "API_KEYS_FILE or OIDC_ISSUER, or listen on 127.0.0.1."
        )
    certificates = _certificates(settings)
    followed = [part for part in (keys, tokens, certificates) if part is not None]
    return AccessParts(
        _guard(keys, tokens, link), certificates, tuple(part.watch for part in followed)
    )


def _certificates(settings: Settings) -> Certificates | None:
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if certificate is None and key is None and settings.tls_client_ca_file is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("TLS needs both TLS_CERT_FILE and TLS_KEY_FILE.")
    try:
        return Certificates(TlsFiles(certificate, key, settings.tls_client_ca_file))
    except TlsError as error:
        raise SettingsError(str(error)) from None


def _api_keys(settings: Settings) -> ApiKeys | None:
    try:
        return None if settings.api_keys_file is None else ApiKeys(settings.api_keys_file)
    except KeyFileError as error:
        raise SettingsError(str(error)) from None


def _tokens(settings: Settings, observe: Observe) -> IssuedTokens | None:
    issuer, audience = settings.oidc_issuer, settings.oidc_audience
    if issuer is None and audience is None:
        return None
    if issuer is None or audience is None:
        raise SettingsError("Tokens need both OIDC_ISSUER and OIDC_AUDIENCE.")
    return IssuedTokens(Issuer(issuer, audience), observe=observe)


def _guard(keys: ApiKeys | None, tokens: IssuedTokens | None, link: RedisLink) -> Access:
    if keys is None and tokens is None:
        return OpenAccess()
    limits = CallerLimits(RedisRateLimit(link), LocalRateLimit())
    return Guard(Credentials(keys, tokens), limits)


def _is_loopback(*hosts: str) -> bool:
    return all(host == "localhost" or _address(host).is_loopback for host in hosts)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:  # a name, which may stand for any
        return ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - nothing listens there
