"""The model card beside the demo bundle."""

from pathlib import Path

from retrieval.bundle import Bundle
from sprc.demo.plan import Plan
from sprc.model import Blip2QformerCirAlignPrompt


def write_card(
    path: Path, bundle: Bundle, model: Blip2QformerCirAlignPrompt, plan: Plan, vocabulary: int
) -> None:
    """Write it."""
    path.write_text(bundle.name)
