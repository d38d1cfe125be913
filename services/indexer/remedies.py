"""What a shop's staff do about a row that failed, by the reason it failed for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ROW_UNREADABLE": "Export the row anew as the feed's format wants it, in UTF-8.",
        "ROW_TOO_LARGE": "Shorten the row's texts, or leave out fields that no shopper needs.",
        "PRODUCT_ID_INVALID": "Give the row a short id of plain characters in the field 'id'.",
        "TITLE_INVALID": "Shorten the title, or retype it where it holds odd characters.",
        "ATTRIBUTES_INVALID": "Look for a price that is no number, a field name with spaces or "
        "other odd characters, a list within a list, or very long texts, and mend it.",
        "IMAGE_REQUIRED": "Name the product's picture in the field 'image'.",
        "IMAGE_FILE_MISSING": "Check the spelling of the picture's name, and put the file where "
        "the feed says it is.",
        "IMAGE_EMPTY": "Upload the picture again: its file has nothing in it.",
        "IMAGE_NOT_AN_IMAGE": "Put a picture in place of the file: it is something else, such as "
        "a web page that was saved under a picture's name.",
        "IMAGE_CORRUPT": "Upload the picture again from the original.",
        "IMAGE_TRUNCATED": "Upload the picture again: the last transfer stopped on the way.",
        "IMAGE_TOO_SMALL": "Use a larger picture of the product.",
        "IMAGE_ASPECT_RATIO": "Crop the picture to the product.",
        "IMAGE_TOO_MANY_PIXELS": "Save the picture in a smaller size; 2,000 pixels a side are "
        "plenty.",
        "IMAGE_TOO_MANY_BYTES": "Save the picture in a smaller size or as JPEG.",
        "IMAGE_METADATA_TOO_LARGE": "Save the picture without its metadata ('export for web').",
        "IMAGE_FORMAT_UNSUPPORTED": "Save the picture as JPEG, PNG or WebP.",
        "IMAGE_URI_DISABLED": "Put the picture's file beside the feed and name it instead of an "
        "address.",
        "IMAGE_URI_INVALID": "Write the picture's address out in full, as a browser shows it: "
        "http:// or https://, the host's name, and the path.",
        "IMAGE_URI_REFUSED": "Put the picture where the search service may fetch it from, or have "
        "whoever runs the service allow its host.",
        "IMAGE_HOST_UNREACHABLE": "Check the spelling of the address's host, and that the host is "
        "up; then import the row again.",
        "IMAGE_HOST_TIMEOUT": "Import the row again when the picture's host is less busy, or save "
        "the picture in a smaller size.",
        "IMAGE_HOST_REFUSED": "Open the address in a browser: it must show the picture to anybody, "
        "without a login and without a page around it.",
    }
)
_OTHER: Final = "Show this line to whoever runs the search service."


def remedy(reason: str) -> str:
    """A sentence for ``reason``; a service newer than this indexer may know others."""
    return REMEDIES.get(reason, _OTHER)
