"""The image store: products' normalised pictures by content.

`pictures` says how a picture is named and encoded, `verified` what holds for every store (time,
counting, integrity, the trash), `folder` and `s3` where the bytes lie. Only `s3` imports obstore,
and only the wiring imports `s3`.
"""

from retrieval.image_store.folder import FolderImageStore
from retrieval.image_store.pictures import MEDIA_TYPE, content_sha256, decode_stored

__all__ = ["MEDIA_TYPE", "FolderImageStore", "content_sha256", "decode_stored"]
