"""Makes a CLIP with random weights whose picture side has the shape of a bundle's image encoder.

    .venv-peers/bin/python make_clip.py BUNDLE_DIR FOLDER

Picture size, patches, width, blocks, heads and embedding are the demo model's; SPRC's convolutional
stem and its Q-Former have no place in a CLIP, so that this one computes less. Its text side has the
fusion encoder's length, width and layers. Words are BPE of CLIP's kind, learned from the bundle's
own vocabulary. Nothing is downloaded.
"""

import json
import math
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizerFast,
    CLIPVisionConfig,
)

BLOCKS, HEADS = 4, 4
TEXT_WIDTH, TEXT_LAYERS = 128, 4
START, END = "<|startoftext|>", "<|endoftext|>"


def main() -> None:
    """Make it as the command line says."""
    bundle_dir, folder = Path(sys.argv[1]), Path(sys.argv[2])
    sizes = json.loads((bundle_dir / "bundle.json").read_text())["sizes"]
    tokenizer = _tokenizer(bundle_dir / "tokenizer.json", folder, sizes["text_length"])
    side, width = sizes["image_size"], sizes["vision_width"]
    vision = CLIPVisionConfig(
        image_size=side,
        patch_size=side // math.isqrt(sizes["patches"] - 1),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=BLOCKS,
        num_attention_heads=HEADS,
    )
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=sizes["text_length"],
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        projection_dim=sizes["embed_dim"],
    )
    CLIPModel(config).save_pretrained(folder)
    square = {"height": side, "width": side}
    pictures = CLIPImageProcessor(size={"shortest_edge": side}, crop_size=square)
    CLIPProcessor(pictures, tokenizer).save_pretrained(folder)


def _tokenizer(known: Path, folder: Path, length: int) -> CLIPTokenizerFast:
    words = [word for word in json.loads(known.read_text())["model"]["vocab"] if word.isalpha()]
    learned = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8192,
        special_tokens=[START, END],
        initial_alphabet=[*alphabet],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    # Each twice: BPE merges no pair that it saw once.
    learned.train_from_iterator(words * 2, trainer)
    vocabulary = learned.get_vocab()
    for letter in alphabet:
        vocabulary.setdefault(f"{letter}</w>", len(vocabulary))
    folder.mkdir(parents=True, exist_ok=True)
    learned.model.save(str(folder))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    return CLIPTokenizerFast(
        vocab_file=str(folder / "vocab.json"),
        merges_file=str(folder / "merges.txt"),
        model_max_length=length,
    )


if __name__ == "__main__":
    main()
