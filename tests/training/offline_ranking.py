"""Rank a folder of pictures by PyTorch and exact MaxSim, with no service at all.

Run by the training environment's Python, for comparison with what is served:

    offline_ranking.py CHECKPOINT TOKENIZER QUESTIONS.json ANSWERS.json

QUESTIONS: {"gallery": [[id, path], ...], "sizes": {...}, "ratio": 1.25, "max_words": 50,
"queries": [[reference id or "", words], ...]}. ANSWERS: for each query its ids, best first, and
their scores; the reference is left out.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from retrieval.preprocess.targetpad import targetpad
from retrieval.preprocess.text import Tokenizer
from retrieval.preprocess.upload import normalise_upload
from sprc.checkpoint import load_model
from sprc.model import max_sim

BATCH = 64


@torch.inference_mode()
def main(checkpoint: str, tokenizer_path: str, questions_path: str, answers_path: str) -> None:
    questions = json.loads(Path(questions_path).read_text())
    sizes = questions["sizes"]
    model = load_model(Path(checkpoint)).float().eval()
    tokenizer = Tokenizer.from_file(
        Path(tokenizer_path), sizes["text_length"], questions["max_words"]
    )
    ids = [product_id for product_id, _ in questions["gallery"]]
    paths = [path for _, path in questions["gallery"]]

    embeds, tokens = [], []
    for start in range(0, len(paths), BATCH):
        pixels = np.stack(
            [
                targetpad(
                    normalise_upload(Path(path).read_bytes()),
                    size=sizes["image_size"],
                    ratio=questions["ratio"],
                )
                for path in paths[start : start + BATCH]
            ]
        )
        part = model.embed_image(torch.from_numpy(pixels))
        embeds.append(part)
        tokens.append(model.image_tokens(part))
    gallery_embeds, gallery_tokens = torch.cat(embeds), torch.cat(tokens)

    answers = []
    for reference, words in questions["queries"]:
        place = ids.index(reference) if reference else None
        input_ids, mask = (torch.from_numpy(part) for part in tokenizer.encode_batch([words]))
        if place is None:
            scores = max_sim(model.embed_text(input_ids, mask), gallery_tokens)[0]
        elif words:
            query = model.compose(gallery_embeds[place][None], input_ids, mask)
            scores = max_sim(query, gallery_tokens)[0]
        else:
            # The mean over the reference's tokens of each one's best match.
            scores = max_sim(gallery_tokens[place], gallery_tokens).mean(0)
        order = torch.argsort(scores, descending=True, stable=True).tolist()
        order = [index for index in order if index != place]
        answers.append([[ids[index], float(scores[index])] for index in order])
    Path(answers_path).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
