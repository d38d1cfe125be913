"""Everything that speaks to Triton."""

from retrieval.triton.encoder import TritonEncoder
from retrieval.triton.repository import ModelLoadError, ModelRepository

__all__ = ["ModelLoadError", "ModelRepository", "TritonEncoder"]
