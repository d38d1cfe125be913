"""Attention written out, as it stands in the code that SPRC was published with."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from torch import Tensor
from torch.nn import functional


def plain_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
) -> Tensor:
    """softmax(Q K^T / sqrt(d) + mask) V, every score held in memory.

    [B, heads, N, d] over [B, heads, M, d]; the mask is additive. Under autocast the products are
    in the reduced precision and the softmax in float32.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if attn_mask is not None:
        scores = scores + attn_mask
    weights = functional.dropout(scores.softmax(-1), dropout_p)
    return weights @ value


@contextmanager
def written_out() -> Iterator[None]:
    """Have every model here use `plain_attention` instead of PyTorch's fused one."""
    with mock.patch.object(functional, "scaled_dot_product_attention", plain_attention):
        yield
