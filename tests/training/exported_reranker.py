"""A second stage of random weights through the real exporter, into a tiny bundle.

Run with training's Python, which has torch; `tests.support.tiny_bundle` has the sizes.

    training/.venv/bin/python tests/training/exported_reranker.py BUNDLE
"""

import json
import sys
from pathlib import Path

import torch

from retrieval.bundle import RERANKER, compute_reranker_digest
from sprc import onnx_graph
from sprc.config import ModelConfig, QFormerConfig, VitConfig
from sprc.export import _round_to_half, _to_onnx
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.reranker import Blip2QformerCirRerank
from sprc.served_reranker import served_reranker
from sprc.triton_config import write_config
from tests.support.tiny_bundle import SIZES, VOCABULARY

_CONFIG = ModelConfig(
    VitConfig(
        image_size=SIZES.image_size,
        patch_size=SIZES.image_size // 2,
        width=SIZES.vision_width,
        depth=1,
        heads=2,
        mlp_hidden=16,
    ),
    QFormerConfig(
        hidden=16,
        layers=2,
        heads=2,
        intermediate=32,
        vocab=VOCABULARY,
        positions=SIZES.text_length,
        query_tokens=SIZES.query_tokens,
        vision_width=SIZES.vision_width,
        cross_layers=(0,),
        dropout=0.0,
    ),
    embed_dim=SIZES.embed_dim,
    text_length=SIZES.text_length,
)


def main(bundle_dir: Path) -> None:
    """Give a float16 bundle the reranker."""
    torch.set_num_threads(1)
    first = Blip2QformerCirAlignPrompt(_CONFIG).eval()
    initialise(first, 1)
    second = Blip2QformerCirRerank.after(first).eval()
    with torch.no_grad():
        # Weights as they begin hardly tell one picture from another.
        for parameter in second.Qformer.parameters():
            parameter.add_(torch.randn_like(parameter) / 4)
        second.ln_vision.weight.add_(0.5)
        second.itm_head.weight.normal_()
    _round_to_half(second)
    exported = onnx_graph.tidy(_to_onnx(served_reranker(first, second, torch.float16)), half=True)
    onnx_graph.write(exported, bundle_dir / RERANKER / "1" / "model.onnx")
    write_config(exported.model, bundle_dir / RERANKER / "config.pbtxt")
    path = bundle_dir / "bundle.json"
    contents = json.loads(path.read_text())
    digest = compute_reranker_digest(bundle_dir, contents["digest"])
    path.write_text(json.dumps(contents | {"reranker": {"digest": digest}}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
