"""The image store in S3-compatible storage. Only this file and `s3_failures` import obstore.

    s3://BUCKET/PREFIX/ab/ab12….webp     pictures
    s3://BUCKET/PREFIX/trash/ab12….webp  pictures that nobody refers to, still found

A cancelled call drops its request: obstore's calls are futures that end with their task. Its own
retries are off, since they would know nothing of our deadlines.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore import exceptions
from obstore.store import S3Store

from retrieval.domain import Observe, PictureShelf, StoredPicture, ignore_observation
from retrieval.image_store.pictures import MAX_STORED_BYTES, MEDIA_TYPE, is_name
from retrieval.image_store.s3_failures import CLIENT_FAILURES, NO_BUCKET, code_of, failure_of
from retrieval.image_store.verified import ReportDamage, VerifiedImageStore, ignore_damage

if TYPE_CHECKING:
    from obstore.store import S3Config

SCHEME: Final = "s3://"

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*(/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*")
_KEY: Final = re.compile(r"(?:[0-9a-f]{2}|trash)/([0-9a-f]{64})\.webp")
_CONNECT_S: Final = 2.0
# Every call has a deadline of its own; this one only ends what nobody waits for any more.
_CLIENT_S: Final = 120.0


class S3ImageStore(VerifiedImageStore):
    """The `ImageStore` and `PictureTrash` ports over a bucket; several processes may share it.

    Credentials are found as AWS's tools find them: `AWS_ACCESS_KEY_ID` and
    `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`), a web identity token, or the machine's role.

    Args:
        url: `s3://BUCKET` or `s3://BUCKET/PREFIX`.
        executor: Threads for encoding, hashing and decoding.
        endpoint: `http://HOST:PORT` or `https://HOST:PORT` of the storage; AWS's where None.
        region: The storage's region.
        read_budget_s, write_budget_s, observe, report_damage: See `VerifiedImageStore`.

    Raises:
        ValueError: An address is none of these; the text says which setting.
    """

    def __init__(
        self,
        url: str,
        executor: Executor,
        *,
        endpoint: str | None = None,
        region: str = "us-east-1",
        read_budget_s: float = 1.0,
        write_budget_s: float = 10.0,
        observe: Observe = ignore_observation,
        report_damage: ReportDamage = ignore_damage,
    ) -> None:
        super().__init__(
            executor,
            read_budget_s=read_budget_s,
            write_budget_s=write_budget_s,
            observe=observe,
            report_damage=report_damage,
        )
        self._bucket = _connect(url, endpoint, region)

    async def _read(self, shelf: PictureShelf, sha256: str) -> bytes | None:
        with _translated():
            try:
                answer = await self._bucket.get_async(_key(shelf, sha256))
            except FileNotFoundError as error:
                if code_of(error) == NO_BUCKET:
                    raise
                return None
            if answer.meta["size"] > MAX_STORED_BYTES:
                return b""
            return bytes(await answer.bytes_async())

    async def _write(self, shelf: PictureShelf, sha256: str, content: bytes) -> None:
        with _translated():
            # One request, so that nothing is there before all of it is.
            await self._bucket.put_async(
                _key(shelf, sha256),
                content,
                attributes={"Content-Type": MEDIA_TYPE},
                use_multipart=False,
            )

    async def _list(self, shelf: PictureShelf) -> AsyncIterator[Sequence[StoredPicture]]:
        prefix = "trash/" if shelf is PictureShelf.TRASH else None
        parts = aiter(self._bucket.list(prefix))
        while True:
            with _translated():
                part = await anext(parts, None)
            if part is None:
                return
            yield [
                StoredPicture(key[1], item["last_modified"].timestamp())
                for item in part
                if (key := _KEY.fullmatch(item["path"])) and item["path"] == _key(shelf, key[1])
            ]

    async def _trash(self, sha256: str) -> None:
        # Not S3's own copy: some servers give a copy the age of its source, and the trash counts
        # by age.
        await self._move(PictureShelf.KEPT, PictureShelf.TRASH, sha256)

    async def _restore(self, sha256: str) -> None:
        await self._move(PictureShelf.TRASH, PictureShelf.KEPT, sha256)

    async def _expunge(self, sha256: str, before_s: float) -> None:
        key = _key(PictureShelf.TRASH, sha256)
        with _translated(), suppress(FileNotFoundError):
            if (await self._bucket.head_async(key))["last_modified"].timestamp() < before_s:
                await self._bucket.delete_async(key)

    async def _move(self, source: PictureShelf, target: PictureShelf, sha256: str) -> None:
        content = await self._read(source, sha256)
        if content is None:
            return
        await self._write(target, sha256, content)
        with _translated(), suppress(FileNotFoundError):
            await self._bucket.delete_async(_key(source, sha256))


def _connect(url: str, endpoint: str | None, region: str) -> S3Store:
    bucket, _, prefix = url.removeprefix(SCHEME).rstrip("/").partition("/")
    if (
        not url.startswith(SCHEME)
        or not _BUCKET.fullmatch(bucket)
        or (prefix and not _PREFIX.fullmatch(prefix))
    ):
        raise ValueError("IMAGE_STORE is a folder, or s3://BUCKET or s3://BUCKET/PREFIX")
    if endpoint is not None and not _is_origin(endpoint):
        raise ValueError("IMAGE_STORE_ENDPOINT is http://HOST:PORT or https://HOST:PORT")
    config: S3Config = {"region": region}
    if endpoint is not None:
        config["endpoint"] = endpoint.rstrip("/")
    try:
        return S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options={
                "allow_http": endpoint is not None and endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=_CONNECT_S),
                "timeout": timedelta(seconds=_CLIENT_S),
            },
            retry_config={"max_retries": 0},
        )
    except (exceptions.BaseError, ValueError):
        raise ValueError("IMAGE_STORE and the AWS_ variables do not name an S3 storage") from None


def _is_origin(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not parts.path.strip("/")
        and "@" not in parts.netloc
        and not parts.query
    )


def _key(shelf: PictureShelf, sha256: str) -> str:
    assert is_name(sha256)  # noqa: S101 - names come from our own hash, or were checked
    folder = "trash" if shelf is PictureShelf.TRASH else sha256[:2]
    return f"{folder}/{sha256}.webp"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except CLIENT_FAILURES as error:
        raise failure_of(error) from error
