"""From options to a run that is ready to train, with everything checked before the first step."""

from itertools import compress
from typing import Any

import torch

from retrieval.preprocess.text import Tokenizer
from sprc.base import ImageTextModel
from sprc.datasets.pictures import Transform
from sprc.evaluation.backends import BackendError
from sprc.half import halve_encoder
from sprc.training.begin import TOKENIZER, weights_digest
from sprc.training.data import RunData, open_source, read_data
from sprc.training.errors import TrainingError
from sprc.training.feature_cache import cache_key, make_cache, open_cache
from sprc.training.features import (
    Features,
    Mixed,
    PictureFeatures,
    stream_dtype,
)
from sprc.training.files import write_text
from sprc.training.objective import freeze_encoder
from sprc.training.options import Options
from sprc.training.processes import Processes
from sprc.training.run import Lesson, M, R, Run, Stage
from sprc.training.run_recipe import RunRecipe
from sprc.training.state import Identity, State, latest_state
from sprc.training.views import Views

RECIPE = "recipe.json"
ENCODING_BATCH = 32


def prepare(
    options: Options[R], processes: Processes, stage: Stage[R, M]
) -> tuple[Lesson, Run[R], State | None]:
    """The lesson with its model on its device, the run, and the state to go on from.

    Raises `TrainingError`, `CheckpointError`, `WordsError`, `DataError` or `PictureError`.
    """
    recipe = _settle_precision(options, processes.device)
    state = _state(options, recipe)
    source = open_source(options.dataset, options.data_path)
    model, words = stage.begin(options, source)
    transform = Transform.named(recipe.transform, model.config.vit.image_size, recipe.target_ratio)
    data = read_data(source, transform, skip_broken=options.skip_broken)
    if not recipe.encoder_trains:
        freeze_encoder(model)
        if processes.device.type == "cuda" and recipe.precision == "fp16":
            halve_encoder(model)
    encoder = weights_digest(model.visual_encoder.state_dict())
    start = weights_digest(model.state_dict())
    model.to(processes.device)
    if processes.main:
        _describe(options, recipe, data)
        write_text(options.output / RECIPE, recipe.model_dump_json(indent=1) + "\n")
        write_text(options.output / TOKENIZER, words.to_str(pretty=True))
    mixed = Mixed(processes.device, recipe.precision)
    pictures = PictureFeatures(
        model, transform, mixed, trained=recipe.encoder_trains, keep=recipe.keep_pictures
    )
    features = _features(options, model, data, pictures, encoder, processes)
    run = Run(
        recipe=recipe,
        data=data,
        features=features,
        plain=pictures if features is not pictures else None,
        tokenizer=Tokenizer(words, model.config.text_length),
        target_ratio=transform.ratio,
        processes=processes,
        mixed=mixed,
        output=options.output,
        identity=Identity(
            encoder=encoder,
            start=start,
            data=data.digest(),
            features="computed" if features is pictures else "kept",
            processes=str(processes.world),
        ),
    )
    try:
        return stage.lesson(model, run), run, state
    except BackendError as error:
        raise TrainingError(str(error)) from error


def _settle_precision(options: Options[R], device: torch.device) -> R:
    """The published fp16 is for GPUs; without one, float32 unless the flag asks for it."""
    if device.type == "cuda" or "precision" in options.given or options.recipe.precision != "fp16":
        return options.recipe
    return options.recipe.model_copy(update={"precision": "float32"})


def _state(options: Options[R], recipe: R) -> State | None:
    """The state to go on from. Raises `TrainingError`."""
    if not options.resume:
        if options.output.is_dir() and any(options.output.glob("*.pt")):
            raise TrainingError(
                f"{options.output} holds a run already: go on with it by --resume, or name "
                "another folder with --output"
            )
        return None
    state = latest_state(options.output)
    if state is not None:
        differences = recipe.differences(type(recipe).model_validate(state.recipe))
        if differences:
            raise TrainingError(
                f"the run in {options.output} has another recipe: {'; '.join(differences)}"
            )
    return state


def _features(
    options: Options[Any],
    model: ImageTextModel,
    data: RunData,
    features: PictureFeatures,
    encoder: str,
    processes: Processes,
) -> Features:
    if options.cache is None:
        if options.recipe.views > 1:
            raise TrainingError("several views of pictures are kept, so give --cache-features")
        return features
    if features.trained:
        raise TrainingError("--cache-features is for a frozen encoder, and this one trains")
    pictures, recipe = data.pictures, options.recipe
    views = _views(recipe, data)
    key = cache_key(features, encoder, pictures, views)
    if processes.main:
        make_cache(
            options.cache,
            features,
            key,
            pictures,
            batch_size=ENCODING_BATCH,
            workers=recipe.num_workers,
            views=views,
        )
    processes.wait()
    names = [name for name, _ in pictures]
    dtype = stream_dtype(model, features.mixed)
    return open_cache(options.cache, key, names, processes.device, dtype, views)


def _views(recipe: RunRecipe, data: RunData) -> Views:
    training = data.training
    of_rough = training.pictures_of(recipe.rough_categories)
    rough = frozenset(compress(training.names, of_rough))
    return Views(recipe.views, rough, recipe.seed)


def _describe(options: Options[Any], recipe: RunRecipe, data: RunData) -> None:
    for name in options.ignored:
        print(
            f"--{name.replace('_', '-')} is ignored: SPRC's code sums {options.dataset}'s losses "
            "with the recipe's weights (--no-fixed-loss-weights changes that)"
        )
    for note in data.notes:
        print(note)
    queries = sum(len(evaluation.queries) for evaluation in data.evaluations)
    print(
        f"{options.dataset}: {len(data.training.queries)} training pairs, {queries} validation "
        f"queries; {recipe.num_epochs} epochs at {recipe.precision}",
        flush=True,
    )
