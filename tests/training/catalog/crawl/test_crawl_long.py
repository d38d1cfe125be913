"""What takes longer: many random kills, and a shop behind TLS."""

import os
import random
import signal
import ssl
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from catalog.products import read_products
from tests.training.catalog.shop.crawler import arguments, crawl, start, write_profile
from tests.training.catalog.shop.expected import crawled_products, expected_products
from tests.training.catalog.shop.server import Shop, open_shop
from tests.training.catalog.shop.stock import STOCK

pytestmark = pytest.mark.skipif(
    not os.environ.get("RECOMPOSE_TEST_LONG"),
    reason="many crawls: only with RECOMPOSE_TEST_LONG=1 (make test-long)",
)
AT_ONCE = 4
KILLS = 5


@pytest.mark.parametrize("seed", range(4))
def test_random_ends_with_several_requests_under_way(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    with open_shop() as shop:
        profile = write_profile(tmp_path, shop, AT_ONCE)
        options = arguments(shop, profile, tmp_path / "catalog")
        for _ in range(KILLS):
            number = source.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            _end_after(shop, options, source.randint(3, 25), number)
        ended = crawl(*options)
        assert ended.returncode == 0, ended.stderr
        expected = expected_products(shop.site.address, STOCK)
        assert crawled_products(tmp_path / "catalog", STOCK) == expected
        answered = Counter(each.target for each in shop.log if 0 < each.status < 429)
        assert sum((answered - Counter(set(answered))).values()) <= KILLS * AT_ONCE


def _end_after(shop: Shop, options: list[str], requests: int, number: signal.Signals) -> None:
    process = start(*options)
    until, at = time.monotonic() + 60, len(shop.log) + requests
    while len(shop.log) < at and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=60)


def test_a_certificate_that_nobody_trusts(tmp_path: Path, tls: tuple[ssl.SSLContext, Path]) -> None:
    with open_shop(tls=tls[0]) as shop:
        profile = write_profile(tmp_path, shop)
        ended = crawl(*arguments(shop, profile, tmp_path / "catalog"))
        assert ended.returncode == 1
        assert "not one page of test-shop could be read" in ended.stderr
        assert shop.log == []


def test_a_shop_behind_tls(
    tmp_path: Path, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    with open_shop(tls=tls[0]) as shop:
        profile = write_profile(tmp_path, shop)
        ended = crawl(*arguments(shop, profile, tmp_path / "catalog"))
        assert ended.returncode == 0, ended.stderr
    assert len(read_products(tmp_path / "catalog")) == len(STOCK)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side for localhost, and the file of its certificate, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = tmp_path / "key.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return context, path
