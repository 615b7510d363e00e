"""An object store in place of the coordinator, for who has one: S3, MinIO and what speaks like them.

Needs the extra `s3`; nothing else imports it. Credentials are the user's own, and only the endpoint of the user's
settings is ever spoken to, whatever server a file's description names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from colonies_edge.client.depot import Progress, TransferFailed
from colonies_edge.client.files import address
from colonies_edge.client.place import Arriving
from colonies_edge.protocol.errors import NoConnection, UsageError
from colonies_edge.protocol.model_files import S3, File, Reference, S3Object
from colonies_edge.transports.system import entropy

READ_BYTES = 2**18
PART_BYTES = 8 * 2**20  # of a large upload; two of them are in memory at a time
CONNECT_S, READ_S, TRIES = 10, 60, 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """The variables AWS_S3_*, as other Colonies tools read them."""

    endpoint: str  # host:port
    bucket: str
    accesskey: str
    secretkey: str
    region: str = ""
    tls: bool = False
    skipverify: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> S3Settings | None:
        """None when no endpoint is set. Raises UsageError when something is missing."""
        found = {name: environ.get(f"AWS_S3_{name.upper()}", "") for name in cls.__dataclass_fields__}
        if not found["endpoint"]:
            return None
        for name in ("bucket", "accesskey", "secretkey"):
            if not found[name]:
                raise UsageError(f"AWS_S3_ENDPOINT is set and AWS_S3_{name.upper()} is not: set both or none")
        return cls(
            endpoint=found["endpoint"].removeprefix("http://").removeprefix("https://").rstrip("/"),
            bucket=found["bucket"],
            accesskey=found["accesskey"],
            secretkey=found["secretkey"],
            region=found["region"],
            tls=found["tls"].lower() == "true",
            skipverify=found["skipverify"].lower() == "true",
        )

    def __repr__(self) -> str:
        return f"S3Settings(endpoint={self.endpoint!r}, bucket={self.bucket!r})"


class S3Depot:
    """A bucket. Its library waits; it does so in threads."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        with _explained(settings):
            self._s3, self._config = _client_of(settings)
        self._ready = asyncio.Lock()
        self._bucket_is_there = False

    async def _make_bucket(self) -> None:
        async with self._ready:
            if not self._bucket_is_there:
                await self._in_thread(self._create_bucket)
                self._bucket_is_there = True

    def _create_bucket(self) -> None:
        from botocore.exceptions import ClientError

        try:
            self._s3.head_bucket(Bucket=self._settings.bucket)
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code")) not in ("404", "NoSuchBucket"):
                raise
            self._s3.create_bucket(Bucket=self._settings.bucket)

    async def send(self, file: int, sha256: str, size: int, progress: Progress) -> Reference:
        """An object under a random name, as upstream does it; an empty file has a name only."""
        await self._make_bucket()
        key = entropy(32).hex()
        if size:
            loop = asyncio.get_running_loop()
            tell = lambda count: loop.call_soon_threadsafe(progress, count)  # noqa: E731
            await self._in_thread(self._upload, file, key, tell)
        return Reference(
            protocol=S3,
            s3object=S3Object(
                server=self._settings.endpoint,
                port=-1,
                tls=self._settings.tls,
                region=self._settings.region,
                object=key,
                bucket=self._settings.bucket,
            ),
        )

    def _upload(self, file: int, key: str, tell: Callable[[int], Any]) -> None:
        with open(os.dup(file), "rb") as body:
            body.seek(0)
            self._s3.upload_fileobj(body, self._settings.bucket, key, Callback=tell, Config=self._config)

    async def fetch(self, file: File, arriving: Arriving, progress: Progress) -> None:
        """From where it broke off."""
        if arriving.have > file.size:
            arriving.start_over()
        progress(arriving.have)
        if arriving.have < file.size:
            loop = asyncio.get_running_loop()
            tell = lambda count: loop.call_soon_threadsafe(progress, count)  # noqa: E731
            await self._in_thread(self._download, file, arriving, tell)

    def _download(self, file: File, arriving: Arriving, tell: Callable[[int], Any]) -> None:
        wanted = f"bytes={arriving.have}-{file.size - 1}"
        answer = self._s3.get_object(Bucket=self._bucket_of(file), Key=file.ref.s3object.object, Range=wanted)
        with contextlib.closing(answer["Body"]) as body:
            while data := body.read(READ_BYTES):
                arriving.write(data)
                tell(len(data))

    def _bucket_of(self, file: File) -> str:
        """The description's, if it means this endpoint; written by other clients it may name the host otherwise."""
        there = file.ref.s3object
        same = address(there.server, there.port) == self._settings.endpoint
        return there.bucket if same and there.bucket else self._settings.bucket

    async def forget(self, file: File) -> None:
        """Delete the object; one that is gone is no error."""
        if file.ref.s3object.object:
            await self._in_thread(
                lambda: self._s3.delete_object(Bucket=self._bucket_of(file), Key=file.ref.s3object.object)
            )

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        def run() -> T:
            with _explained(self._settings):
                return function(*arguments)

        return await asyncio.to_thread(run)


def _client_of(settings: S3Settings) -> tuple[Any, Any]:
    try:
        import boto3
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config
    except ImportError:
        raise UsageError(
            "AWS_S3_ENDPOINT is set, and the library for object stores is not installed:"
            " `pip install 'colonies-edge[s3]'`, or unset it and let the coordinator keep the files"
        ) from None
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"max_attempts": TRIES, "mode": "standard"},
        # Checksums of Amazon's own kind are refused by stores that only speak like S3; files have their SHA-256.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=f"{'https' if settings.tls else 'http'}://{settings.endpoint}",
        aws_access_key_id=settings.accesskey,
        aws_secret_access_key=settings.secretkey,
        region_name=settings.region or "us-east-1",
        verify=not settings.skipverify,
        config=config,
    )
    return client, TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=2)


@contextlib.contextmanager
def _explained(settings: S3Settings) -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
    except ImportError:
        yield  # `_client_of` says it
        return
    try:
        yield
    except (ConnectionError, HTTPClientError) as error:
        raise NoConnection(f"the object store {settings.endpoint} cannot be reached: {error}") from error
    except ClientError as error:
        said = error.response.get("Error", {})
        raise TransferFailed(
            f"the object store {settings.endpoint} refuses: {said.get('Message') or said.get('Code') or error}"
        ) from error
    except (BotoCoreError, Boto3Error) as error:
        raise TransferFailed(f"the object store {settings.endpoint}: {error}") from error
