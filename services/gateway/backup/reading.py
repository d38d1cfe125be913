"""Reading a backup, each file checked against its sum."""

import hashlib
from dataclasses import dataclass

from gateway.backup.failures import BackupDamaged, BackupRefused
from gateway.backup.folder import BackupFolder
from gateway.backup.manifest import MANIFEST, Manifest, Part, read
from gateway.backup.records import F16Array, SavedProduct, read_products, read_tokens
from retrieval.image_store.pictures import holds


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPart:
    """Some products; tokens [N, K, D] float16 where they were asked for."""

    products: list[SavedProduct]
    tokens: F16Array | None


class OpenBackup:
    """One backup of a folder; every method blocks.

    Attributes:
        name: of the backup.
        manifest: what it holds.
        seal: the sha256 that stands for all of it but the pictures.
    """

    def __init__(self, folder: BackupFolder, name: str | None = None) -> None:
        """Open the backup of that name, else the newest.

        Raises:
            BackupRefused: there is none, or it is of a format that this version does not know.
            BackupDamaged: its manifest is.
        """
        names = folder.names()
        if not names:
            raise BackupRefused(f"{folder.root} holds no backup")
        self.name = name or names[-1]
        if self.name not in names:
            raise BackupRefused(
                f"{folder.root} holds no backup {name}; it holds {', '.join(names)}"
            )
        self._path = folder.path(self.name)
        self._pictures = folder.pictures
        self.manifest, self.seal = self._read_manifest()

    def _read_manifest(self) -> tuple[Manifest, str]:
        return read(self._content(MANIFEST), self.name)

    def part(self, number: int, *, tokens: bool) -> LoadedPart:
        """The products of a part, with their tokens or without. Raises BackupDamaged."""
        parts, model = self.manifest.parts[number], self.manifest.model
        loaded = None
        try:
            name = parts.products.name
            products = read_products(self._checked(parts.products))
            if len(products) != parts.count:
                raise ValueError
            if tokens and parts.tokens is not None:
                name = parts.tokens.name
                shape = (parts.count, model.query_tokens, model.embed_dim)
                loaded = read_tokens(self._checked(parts.tokens), shape)
        except ValueError:
            raise self._damaged(name, "does not hold what it should") from None
        return LoadedPart(products, loaded)

    def picture(self, sha256: str) -> bytes:
        """A picture's file. Raises BackupDamaged where it is not whole."""
        name = f"pictures/{sha256[:2]}/{sha256}.webp"
        try:
            content = self._pictures.read(sha256)
        except FileNotFoundError:
            raise self._damaged(name, "is missing") from None
        except ValueError:
            raise self._damaged(name, "is no picture's name") from None
        if not holds(content, sha256):
            raise self._damaged(name, "is not the picture that it was")
        return content

    def _checked(self, part: Part) -> bytes:
        content = self._content(part.name)
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise self._damaged(part.name, "is not as it was written")
        return content

    def _content(self, name: str) -> bytes:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            raise self._damaged(name, "is missing") from None

    def _damaged(self, name: str, how: str) -> BackupDamaged:
        return BackupDamaged(f"backup {self.name} is damaged: {name} {how}")
