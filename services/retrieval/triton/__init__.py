"""Everything that speaks to Triton."""

from retrieval.triton.encoder import TritonEncoder
from retrieval.triton.repository import ModelLoadError, ModelRepository
from retrieval.triton.reranker import TritonReranker

__all__ = ["ModelLoadError", "ModelRepository", "TritonEncoder", "TritonReranker"]
