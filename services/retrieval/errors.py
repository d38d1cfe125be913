"""Everything that can go wrong, as one tree and one table.

    RecomposeError                  reason, kind, field, retry_after_s
     +- CallerError                 the caller can mend it
     |   +- InvalidArgument         422  a value breaks a rule
     |   |   +- InvalidText
     |   |   +- InvalidImage
     |   +- MalformedRequest        400  the request cannot be read at all
     |   +- ImageTooLarge           413
     |   +- UnsupportedImage        415
     |   +- NotFound                404
     |   +- FailedPrecondition      424  something the caller named did not deliver
     +- Unauthenticated             401  nobody knows who is asking
     +- PermissionDenied            403  this caller may not
     +- RateLimited                 429  this caller asks too often
     +- Overloaded                  429  refused before any work was done
     +- DeadlineExceeded            504
     +- DependencyError             names the dependency
         +- DependencyUnavailable   503
         +- DependencyTimeout       504
         +- DependencyExhausted     429
         +- DependencyBroken        502  an answer that cannot be used

A reason has one fixed sentence. Nothing a caller or a dependency sent becomes part of a message:
queries and pictures are personal data. ``field`` names a field of the API, never its value.
The edges turn a ``kind`` into a status; see ``gateway/error_table.py``.
"""

from enum import Enum, StrEnum, unique
from typing import ClassVar, Final


@unique
class Kind(Enum):
    """What class of failure an error is; each edge has one status for each kind."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    NOT_FOUND = "not_found"
    PRECONDITION = "precondition"
    EXHAUSTED = "exhausted"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    BROKEN = "broken"


@unique
class Reason(StrEnum):
    """Machine-readable cause, sent as ``google.rpc.ErrorInfo.reason`` (AIP-193)."""

    # the request as a whole
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    MEDIA_TYPE_UNSUPPORTED = "MEDIA_TYPE_UNSUPPORTED"
    FIELD_INVALID = "FIELD_INVALID"
    FIELD_UNKNOWN = "FIELD_UNKNOWN"
    QUERY_EMPTY = "QUERY_EMPTY"
    CATALOG_INVALID = "CATALOG_INVALID"
    PAGE_SIZE_INVALID = "PAGE_SIZE_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105 - a reason, no secret
    PAGE_TOKEN_EXPIRED = "PAGE_TOKEN_EXPIRED"  # noqa: S105 - a reason, no secret
    VIEW_INVALID = "VIEW_INVALID"
    GROUP_FIELD_UNKNOWN = "GROUP_FIELD_UNKNOWN"
    DIVERSITY_INVALID = "DIVERSITY_INVALID"
    RERANK_DEPTH_INVALID = "RERANK_DEPTH_INVALID"
    RERANK_QUERY_INCOMPLETE = "RERANK_QUERY_INCOMPLETE"
    RERANK_WITH_DIVERSITY = "RERANK_WITH_DIVERSITY"
    RERANK_NOT_SERVED = "RERANK_NOT_SERVED"
    TOO_MANY_PRODUCTS = "TOO_MANY_PRODUCTS"
    # access
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    CREDENTIALS_INVALID = "CREDENTIALS_INVALID"
    SCOPE_MISSING = "SCOPE_MISSING"
    CATALOG_FORBIDDEN = "CATALOG_FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    # text
    TEXT_INVALID = "TEXT_INVALID"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    # products
    PRODUCT_ID_INVALID = "PRODUCT_ID_INVALID"
    PRODUCT_NOT_FOUND = "PRODUCT_NOT_FOUND"
    TITLE_INVALID = "TITLE_INVALID"
    ATTRIBUTES_INVALID = "ATTRIBUTES_INVALID"
    IMAGE_REQUIRED = "IMAGE_REQUIRED"
    # filters
    FILTER_INVALID = "FILTER_INVALID"
    FILTER_FIELD_UNKNOWN = "FILTER_FIELD_UNKNOWN"
    FILTER_TOO_DEEP = "FILTER_TOO_DEEP"
    FILTER_TOO_LARGE = "FILTER_TOO_LARGE"
    FILTER_RANGE_INVALID = "FILTER_RANGE_INVALID"
    FILTER_VALUE_INVALID = "FILTER_VALUE_INVALID"
    FACET_FIELD_UNKNOWN = "FACET_FIELD_UNKNOWN"
    # pictures
    IMAGE_EMPTY = "IMAGE_EMPTY"
    IMAGE_NOT_AN_IMAGE = "IMAGE_NOT_AN_IMAGE"
    IMAGE_CORRUPT = "IMAGE_CORRUPT"
    IMAGE_TRUNCATED = "IMAGE_TRUNCATED"
    IMAGE_TOO_SMALL = "IMAGE_TOO_SMALL"
    IMAGE_ASPECT_RATIO = "IMAGE_ASPECT_RATIO"
    IMAGE_TOO_MANY_PIXELS = "IMAGE_TOO_MANY_PIXELS"
    IMAGE_TOO_MANY_BYTES = "IMAGE_TOO_MANY_BYTES"
    IMAGE_METADATA_TOO_LARGE = "IMAGE_METADATA_TOO_LARGE"
    IMAGE_FORMAT_UNSUPPORTED = "IMAGE_FORMAT_UNSUPPORTED"
    IMAGE_ENCODING_INVALID = "IMAGE_ENCODING_INVALID"
    IMAGE_URI_DISABLED = "IMAGE_URI_DISABLED"
    IMAGE_URI_INVALID = "IMAGE_URI_INVALID"
    IMAGE_URI_REFUSED = "IMAGE_URI_REFUSED"
    IMAGE_HOST_UNREACHABLE = "IMAGE_HOST_UNREACHABLE"
    IMAGE_HOST_TIMEOUT = "IMAGE_HOST_TIMEOUT"
    IMAGE_HOST_REFUSED = "IMAGE_HOST_REFUSED"
    # the service
    OVERLOADED = "OVERLOADED"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    MODEL_MISMATCH = "MODEL_MISMATCH"
    DEPENDENCY_UNAVAILABLE = "DEPENDENCY_UNAVAILABLE"
    DEPENDENCY_TIMEOUT = "DEPENDENCY_TIMEOUT"
    DEPENDENCY_EXHAUSTED = "DEPENDENCY_EXHAUSTED"
    DEPENDENCY_BROKEN = "DEPENDENCY_BROKEN"


SENTENCES: Final[dict[Reason, str]] = {
    Reason.REQUEST_MALFORMED: "The request cannot be read: it is not valid JSON, form data or "
    "protobuf.",
    Reason.REQUEST_TOO_LARGE: "The request is larger than this service accepts.",
    Reason.MEDIA_TYPE_UNSUPPORTED: "Send application/json in UTF-8, or multipart/form-data.",
    Reason.FIELD_INVALID: "A field has a value of the wrong type or out of range.",
    Reason.FIELD_UNKNOWN: "The request has a field that this call does not know.",
    Reason.QUERY_EMPTY: "Give a reference, a modification text, or both.",
    Reason.CATALOG_INVALID: "A catalog name is 1 to 64 of a-z, 0-9, '-' and '_', beginning with a "
    "letter or digit.",
    Reason.PAGE_SIZE_INVALID: "page_size is a whole number from 1 to 100.",
    Reason.PAGE_TOKEN_INVALID: "The page token does not belong to this query; send the query that "
    "it came from, or leave the token out.",
    Reason.PAGE_TOKEN_EXPIRED: "The page token belongs to a ranking of a model that is no longer "
    "served; send the query without it.",
    Reason.VIEW_INVALID: "The view is none that this service knows.",
    Reason.GROUP_FIELD_UNKNOWN: "group_by names a field that is not a filterable keyword.",
    Reason.DIVERSITY_INVALID: "diversity is a number from 0 to 1.",
    Reason.RERANK_DEPTH_INVALID: "rerank.depth is a whole number from 1 to 100.",
    Reason.RERANK_QUERY_INCOMPLETE: "rerank needs both a reference and a modification in words.",
    Reason.RERANK_WITH_DIVERSITY: "rerank and diversity exclude each other: both order the first "
    "hits.",
    Reason.RERANK_NOT_SERVED: "The model that is served has no second stage: leave rerank out.",
    Reason.TOO_MANY_PRODUCTS: "Send at most 256 products in one import call.",
    Reason.CREDENTIALS_MISSING: "Send a key: Authorization: Bearer KEY.",
    Reason.CREDENTIALS_INVALID: "The key is not one that this service knows, or its time is over.",
    Reason.SCOPE_MISSING: "The key is not for this call.",
    Reason.CATALOG_FORBIDDEN: "The key is not for this catalog.",
    Reason.RATE_LIMITED: "The key's calls come too fast; try again shortly.",
    Reason.QUOTA_EXHAUSTED: "The key's calls for now are used up.",
    Reason.TEXT_INVALID: "The text holds characters that no text has: a lone surrogate or a NUL.",
    Reason.TEXT_TOO_LONG: "The text is longer than 1,000 characters.",
    Reason.PRODUCT_ID_INVALID: "A product id is 1 to 256 printable characters without '/' and "
    "'\\', and neither '.' nor '..'.",
    Reason.PRODUCT_NOT_FOUND: "The catalog has no product with this id.",
    Reason.TITLE_INVALID: "A title is at most 500 characters of text.",
    Reason.ATTRIBUTES_INVALID: "Attributes are at most 64 named values: text, finite numbers, "
    "booleans, or lists of these, 16 KiB in all; a filterable one has the type of its filter.",
    Reason.IMAGE_REQUIRED: "A new product needs an image.",
    Reason.FILTER_INVALID: "A filter is one of all, any, not, or a field with any_of or with "
    "min and max.",
    Reason.FILTER_FIELD_UNKNOWN: "A filter names a field that is not filterable.",
    Reason.FILTER_TOO_DEEP: "A filter is nested deeper than 4.",
    Reason.FILTER_TOO_LARGE: "A filter has more than 32 conditions.",
    Reason.FILTER_RANGE_INVALID: "A range needs a finite min or max, and min not over max.",
    Reason.FILTER_VALUE_INVALID: "A filter value does not have the type of its field.",
    Reason.FACET_FIELD_UNKNOWN: "A facet names a field that is not filterable.",
    Reason.IMAGE_EMPTY: "The image is empty.",
    Reason.IMAGE_NOT_AN_IMAGE: "The image is not a picture.",
    Reason.IMAGE_CORRUPT: "The image is damaged.",
    Reason.IMAGE_TRUNCATED: "The image is cut short.",
    Reason.IMAGE_TOO_SMALL: "Each side of an image needs 16 pixels or more.",
    Reason.IMAGE_ASPECT_RATIO: "The image is too long for its width.",
    Reason.IMAGE_TOO_MANY_PIXELS: "The image has more than 25 megapixels.",
    Reason.IMAGE_TOO_MANY_BYTES: "The image is larger than 10 MiB.",
    Reason.IMAGE_METADATA_TOO_LARGE: "The image carries more metadata than a picture needs.",
    Reason.IMAGE_FORMAT_UNSUPPORTED: "Send the image as JPEG, PNG or WebP.",
    Reason.IMAGE_ENCODING_INVALID: "The image content is not valid base64.",
    Reason.IMAGE_URI_DISABLED: "This service does not fetch image URIs; send the image itself.",
    Reason.IMAGE_URI_INVALID: "An image URI is http:// or https:// with a plain host, no user, and "
    "no port but 80 or 443.",
    Reason.IMAGE_URI_REFUSED: "The image URI leads to a host that this service may not fetch from.",
    Reason.IMAGE_HOST_UNREACHABLE: "The host of the image URI cannot be reached.",
    Reason.IMAGE_HOST_TIMEOUT: "The host of the image URI did not deliver the image in time.",
    Reason.IMAGE_HOST_REFUSED: "The host of the image URI did not hand the image out.",
    Reason.OVERLOADED: "The service is at its limit; try again shortly.",
    Reason.SHUTTING_DOWN: "This replica is shutting down; try again.",
    Reason.DEADLINE_EXCEEDED: "The time given to this request ran out.",
    Reason.MODEL_MISMATCH: "The index was built with another model than the one being served.",
    Reason.DEPENDENCY_UNAVAILABLE: "A part of the service is not reachable; try again shortly.",
    Reason.DEPENDENCY_TIMEOUT: "A part of the service did not answer in time.",
    Reason.DEPENDENCY_EXHAUSTED: "A part of the service is at its limit; try again shortly.",
    Reason.DEPENDENCY_BROKEN: "A part of the service gave an answer that cannot be used.",
}


class RecomposeError(Exception):
    """Base of all errors that a caller may see.

    Args:
        reason: the cause; fixes the message.
        field: path of the offending field in the request, such as ``filter.all[0].min``.
        retry_after_s: hint in seconds for the caller's next try.
    """

    kind: ClassVar[Kind]

    def __init__(
        self, reason: Reason, *, field: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason
        self.field = field
        self.retry_after_s = retry_after_s

    @property
    def sentence(self) -> str:
        """The fixed sentence for a person."""
        return SENTENCES[self.reason]


class CallerError(RecomposeError):
    """The caller can mend it."""


class MalformedRequest(CallerError):
    kind = Kind.MALFORMED


class InvalidArgument(CallerError):
    kind = Kind.INVALID


class InvalidText(InvalidArgument):
    """TEXT_INVALID or TEXT_TOO_LONG."""


class InvalidImage(InvalidArgument):
    """The picture is damaged, too small or no picture."""


class ImageTooLarge(CallerError):
    kind = Kind.TOO_LARGE


class RequestTooLarge(CallerError):
    kind = Kind.TOO_LARGE

    def __init__(self) -> None:
        super().__init__(Reason.REQUEST_TOO_LARGE)


class UnsupportedImage(CallerError):
    kind = Kind.UNSUPPORTED


class UnsupportedMediaType(CallerError):
    kind = Kind.UNSUPPORTED

    def __init__(self) -> None:
        super().__init__(Reason.MEDIA_TYPE_UNSUPPORTED)


class NotFound(CallerError):
    kind = Kind.NOT_FOUND


class FailedPrecondition(CallerError):
    kind = Kind.PRECONDITION


class Unauthenticated(RecomposeError):
    """CREDENTIALS_MISSING or CREDENTIALS_INVALID."""

    kind = Kind.UNAUTHENTICATED


class PermissionDenied(RecomposeError):
    """SCOPE_MISSING or CATALOG_FORBIDDEN."""

    kind = Kind.FORBIDDEN


class RateLimited(RecomposeError):
    """RATE_LIMITED or QUOTA_EXHAUSTED."""

    kind = Kind.EXHAUSTED


class Overloaded(RecomposeError):
    """Refused before any work was done."""

    kind = Kind.EXHAUSTED

    def __init__(self, *, retry_after_s: float = 1.0) -> None:
        super().__init__(Reason.OVERLOADED, retry_after_s=retry_after_s)


class ServiceUnavailable(RecomposeError):
    """This replica cannot serve now: SHUTTING_DOWN or MODEL_MISMATCH."""

    kind = Kind.UNAVAILABLE


class DeadlineExceeded(RecomposeError):
    """The caller's time ran out."""

    kind = Kind.TIMEOUT

    def __init__(self) -> None:
        super().__init__(Reason.DEADLINE_EXCEEDED)


class DependencyError(RecomposeError):
    """Triton, Qdrant, Redis, the image store or an image host failed; ``dependency`` says which.

    The dependency's name goes to metrics and logs, not to the caller.
    """

    fixed_reason: ClassVar[Reason]

    def __init__(self, *, dependency: str, retry_after_s: float | None = None) -> None:
        super().__init__(self.fixed_reason, retry_after_s=retry_after_s)
        self.dependency = dependency


class DependencyUnavailable(DependencyError):
    """Down, refusing, or restarting."""

    kind = Kind.UNAVAILABLE
    fixed_reason = Reason.DEPENDENCY_UNAVAILABLE


class DependencyTimeout(DependencyError):
    """No answer within the budget."""

    kind = Kind.TIMEOUT
    fixed_reason = Reason.DEPENDENCY_TIMEOUT


class DependencyExhausted(DependencyError):
    """Its queue, memory or disk is full."""

    kind = Kind.EXHAUSTED
    fixed_reason = Reason.DEPENDENCY_EXHAUSTED


class DependencyBroken(DependencyError):
    """It answered with something that cannot be used: NaN, a wrong shape, a zero norm."""

    kind = Kind.BROKEN
    fixed_reason = Reason.DEPENDENCY_BROKEN
