"""Make the demo model from nothing: draw, train, evaluate, export.

python -m sprc.demo --output ../models
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc.checkpoint import load_model, save_checkpoint
from sprc.demo.card import write_card
from sprc.demo.evaluate import evaluate, make_benchmark
from sprc.demo.pictures import load_or_draw
from sprc.demo.plan import Plan, demo_config
from sprc.demo.train import Trainer, TrainingError
from sprc.demo.vocabulary import build_vocabulary
from sprc.export import ExportError, export
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt

BUNDLE_NAME = "recompose-demo"


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="sprc.demo", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=Path("../models"), help="folder of the bundle"
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/demo"),
        help="folder for pictures and checkpoints; a stage found there is not repeated",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="CPU threads (default 1: a model this small gains little from two)",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        make(options.output, options.run, Plan())
    except (TrainingError, ExportError) as error:
        print(f"sprc.demo: {error}", file=sys.stderr)
        return 1
    return 0


def make(output: Path, run: Path, plan: Plan) -> None:
    """The whole recipe; `output` is touched at the very end only."""
    started = time.monotonic()
    run.mkdir(parents=True, exist_ok=True)
    tokenizer_file = run / "tokenizer.json"
    vocabulary = build_vocabulary()
    bert_tokenizer(vocabulary[:-1]).save(str(tokenizer_file))
    config = demo_config(len(vocabulary))
    tokenizer = Tokenizer.from_file(tokenizer_file, config.text_length)
    side = config.vit.image_size
    test = load_or_draw(
        run / "test.npz", seed=plan.test_seed, count=plan.test_pairs, size=2, side=side
    )
    validation = load_or_draw(
        run / "validation.npz",
        seed=plan.validation_seed,
        count=plan.validation_pairs,
        size=2,
        side=side,
    )
    train = load_or_draw(
        run / "train.npz",
        seed=plan.train_seed,
        count=plan.train_families,
        size=plan.family_size,
        side=side,
    )
    model = Blip2QformerCirAlignPrompt(config)
    initialise(model, plan.seed)
    trainer = Trainer(model, train, tokenizer, plan)
    benchmark = make_benchmark(validation, plan.validation_seed)
    for number, stage in enumerate(
        (trainer.learn_attributes, trainer.learn_queries, trainer.learn_jointly), start=1
    ):
        path = run / f"stage-{number}.pt"
        if path.is_file():
            trainer.load(path)
            print(f"stage {number} found in {path}", flush=True)
            continue
        stage()
        trainer.save(path, number)
        figures = evaluate(model, benchmark, tokenizer)
        print(f"validation after stage {number}: {figures}", flush=True)

    checkpoint = run / "checkpoint.pt"
    save_checkpoint(model, checkpoint, epoch=number, half=True)
    final = load_model(checkpoint)
    figures = evaluate(final, make_benchmark(test, plan.test_seed), tokenizer)
    print(f"held out: {figures}", flush=True)
    minutes = round((time.monotonic() - started) / 60, 1)
    bundle = export(
        final, tokenizer_file, output, "float16", name=BUNDLE_NAME, metrics={"held_out": figures}
    )
    for name in ("checkpoint.pt", "config.json"):
        (output / f".{name}.partial").write_bytes((run / name).read_bytes())
        (output / f".{name}.partial").replace(output / name)
    write_card(output / "README.md", bundle, final, plan, len(vocabulary))
    print(f"{output}: {bundle.name} {bundle.short_digest} after {minutes} minutes", flush=True)


if __name__ == "__main__":
    sys.exit(main())
