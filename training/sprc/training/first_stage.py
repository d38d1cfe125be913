"""The first stage: composed queries that are compared with every product."""

import tokenizers
import torch

from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.evaluation.features import Loading
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.training.attributes import AttributeHead
from sprc.training.begin import begin
from sprc.training.objective import Objective
from sprc.training.options import Options
from sprc.training.recipe import Recipe
from sprc.training.run import Lesson, Run, Stage
from sprc.training.validate import rank_queries


class FirstStage(Stage[Recipe, Blip2QformerCirAlignPrompt]):
    """SPRC itself."""

    def begin(
        self, options: Options[Recipe], source: Cirr | FashionIq
    ) -> tuple[Blip2QformerCirAlignPrompt, tokenizers.Tokenizer]:
        """See `Stage`."""
        return begin(options, source)

    def lesson(self, model: Blip2QformerCirAlignPrompt, run: Run[Recipe]) -> Lesson:
        """See `Stage`."""
        return ComposedQueries(model, run)


class ComposedQueries(Lesson):
    """SPRC's three losses, and the published ranking."""

    def __init__(self, model: Blip2QformerCirAlignPrompt, run: Run[Recipe]) -> None:
        """Raises `TrainingError` where the recipe reads attributes that are not known."""
        self.model = self._composing = model
        self.run = run
        recipe = run.recipe
        head = _attribute_head(model, run) if recipe.loss_attributes else None
        rough = None
        if recipe.rough_categories:
            rough = torch.tensor(run.data.training.pictures_of(recipe.rough_categories))
        self.objective = Objective(model, run.processes, recipe, head, rough)

    def validate(self, loading: Loading) -> dict[str, float]:
        """See `Lesson`."""
        run = self.run
        return run.data.figures(
            [
                rank_queries(self._composing, evaluation, run.features, run.tokenizer, loading)
                for evaluation in run.data.evaluations
            ]
        )


def _attribute_head(model: Blip2QformerCirAlignPrompt, run: Run[Recipe]) -> AttributeHead:
    """The head that the recipe asks for, its weights drawn by the seed. Raises `TrainingError`."""
    training = run.data.training
    torch.manual_seed(run.recipe.seed)
    sizes = model.config
    return AttributeHead(training.names, training.attributes, sizes.vit.width, sizes.embed_dim)
