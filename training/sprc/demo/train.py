"""Three stages: the encoder learns attributes, the Q-Former learns queries, then both together."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from retrieval.preprocess.text import Tokenizer
from sprc.checkpoint import load_model, save_checkpoint
from sprc.demo.augment import augment
from sprc.demo.batches import Batch, Sampler
from sprc.demo.losses import AttributeHeads, contrastive, satisfies, token_spread
from sprc.demo.pictures import Families
from sprc.demo.plan import Plan, Stage
from sprc.model import Blip2QformerCirAlignPrompt, max_sim

REPORT_EVERY = 25
VIEW_BATCH = 256
HEAD_SCALE = 8.0
Losses = dict[str, Tensor]


class TrainingError(Exception):
    """Training cannot go on; nothing is published."""


class Trainer:
    """The model, its training-only heads and the families it learns from."""

    def __init__(
        self,
        model: Blip2QformerCirAlignPrompt,
        families: Families,
        tokenizer: Tokenizer,
        plan: Plan,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.model = model
        self.plan = plan
        self.families = families
        self.tokenizer = tokenizer
        self.pixels = torch.from_numpy(families.pixels)
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.encoder_heads = AttributeHeads(model.config.vit.width)
        self.vector_heads = AttributeHeads(model.config.embed_dim, HEAD_SCALE)
        self.history: list[dict[str, float]] = []

    def learn_attributes(self) -> None:
        """Stage 1: read the attributes off the mean of the encoder's tokens."""
        sampler = self._begin(1)
        groups = [*self._encoder_parameters(), *self.encoder_heads.parameters()]

        def step() -> Losses:
            batch = sampler.batch(self.plan.encoder.families)
            _, loss = self._encode(batch)
            return {"attributes": loss}

        self.model.train()
        self._run("encoder", self.plan.encoder, [(groups, 1.0)], step)

    def learn_queries(self) -> None:
        """Stage 2: encoder frozen, its tokens of a few augmented views kept in memory."""
        sampler = self._begin(2)
        views = [self._embed_all() for _ in range(self.plan.views)]

        def step() -> Losses:
            batch = sampler.batch(self.plan.queries.families)
            first, second = torch.randperm(len(views), generator=self.generator)[:2].tolist()
            gallery = views[first][batch.pictures].float()
            references = views[second][batch.pictures[batch.references]].float()
            return self._query_losses(batch, gallery, references)

        self.model.train()
        self._run("queries", self.plan.queries, [(self._query_parameters(), 1.0)], step)

    def learn_jointly(self) -> None:
        """Stage 3: everything, the encoder at a smaller rate."""
        sampler = self._begin(3)
        encoder = [*self._encoder_parameters(), *self.encoder_heads.parameters()]

        def step() -> Losses:
            batch = sampler.batch(self.plan.joint.families)
            embeds, attributes = self._encode(batch)
            losses = self._query_losses(batch, embeds, embeds[batch.references])
            return {**losses, "attributes": self.plan.attribute_weight * attributes}

        self.model.train()
        groups = [
            (self._query_parameters(), 1.0), (encoder, self.plan.joint_encoder_share),
        ]  # fmt: skip
        self._run("joint", self.plan.joint, groups, step)

    def _begin(self, stage: int) -> Sampler:
        """The same randomness whether the stages before ran just now or were found."""
        self.generator.manual_seed(self.plan.seed + stage)
        return Sampler(self.families, self.tokenizer, self.plan.seed + stage)

    def save(self, path: Path, stage: int) -> None:
        """Keep a finished stage: the checkpoint, and the heads beside it."""
        heads = {"encoder": self.encoder_heads, "vector": self.vector_heads}
        states = {name: module.state_dict() for name, module in heads.items()}
        torch.save(states, path.with_suffix(".heads"))
        save_checkpoint(self.model, path, epoch=stage)

    def load(self, path: Path) -> None:
        """Take up a finished stage. Raises `CheckpointError`."""
        states = torch.load(path.with_suffix(".heads"), weights_only=True)
        self.encoder_heads.load_state_dict(states["encoder"])
        self.vector_heads.load_state_dict(states["vector"])
        self.model.load_state_dict(load_model(path).state_dict())

    def _encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        pixels = augment(self.pixels[batch.pictures], self.generator)
        embeds = self.model.embed_image(pixels.to(memory_format=torch.channels_last))
        return embeds, self.encoder_heads(embeds.float().mean(1), batch.vectors)

    def _query_losses(self, batch: Batch, gallery: Tensor, references: Tensor) -> Losses:
        """Weighted losses; every picture of the batch, references too, is a candidate."""
        model, plan = self.model, self.plan
        tokens = model.image_tokens(gallery).float()
        hidden = model.first_pass(references, batch.edits.input_ids, batch.edits.attention_mask)
        queries = hidden[:, : model.query_tokens.shape[1]]
        composed = model.second_pass(queries, batch.edits.input_ids, batch.edits.attention_mask)
        text_only = model.embed_text(batch.words.input_ids, batch.words.attention_mask)
        composed, text_only = composed.float(), text_only.float()
        temperature = model.temp.clamp(min=plan.smallest_temperature)
        wanted = satisfies(batch.wishes, batch.vectors)
        described = satisfies(batch.words_wishes, batch.vectors)
        mean_token = functional.normalize(tokens.mean(1), dim=-1)
        heads = (
            self.vector_heads(mean_token, batch.vectors) + self.vector_heads(composed, batch.wishes)
        ) / 2
        prompts = model.prompt_tokens.detach().mean(1)
        align = functional.mse_loss(queries.float().mean(1), prompts.expand(len(queries), -1))
        return {
            "itc": contrastive(max_sim(composed, tokens), wanted, temperature),
            "rtc": plan.text_weight
            * contrastive(max_sim(text_only, tokens), described, temperature),
            "heads": plan.attribute_weight * heads,
            "align": plan.align_weight * align,
            "spread": plan.spread_weight * token_spread(tokens),
        }

    @torch.inference_mode()
    def _embed_all(self) -> Tensor:
        """Tokens [N, P, W] bfloat16 of one augmented view of every picture."""
        self.model.eval()
        parts = []
        for start in range(0, len(self.pixels), VIEW_BATCH):
            pixels = augment(self.pixels[start : start + VIEW_BATCH], self.generator)
            pixels = pixels.to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                parts.append(self.model.embed_image(pixels).bfloat16())
        return torch.cat(parts)

    def _encoder_parameters(self) -> list[nn.Parameter]:
        return [*self.model.visual_encoder.parameters(), *self.model.ln_vision.parameters()]

    def _query_parameters(self) -> list[nn.Parameter]:
        encoder = {id(parameter) for parameter in self._encoder_parameters()}
        rest = [p for p in self.model.parameters() if id(p) not in encoder]
        return [*rest, *self.vector_heads.parameters()]

    def _run(
        self,
        name: str,
        stage: Stage,
        groups: Iterable[tuple[Iterable[nn.Parameter], float]],
        step: Callable[[], Losses],
    ) -> None:
        optimizer = _optimizer(groups, stage.lr, self.plan.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _cosine(stage))
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        sums: dict[str, float] = defaultdict(float)
        started = time.monotonic()
        for index in range(1, stage.steps + 1):
            with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16):
                losses = step()
            total = torch.stack(list(losses.values())).sum()
            if not math.isfinite(float(total.detach())):
                raise TrainingError(f"{name}: the loss is {float(total.detach())} at step {index}")
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(total)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            for key, value in losses.items():
                sums[key] += float(value.detach())
            if index % REPORT_EVERY == 0 or index == stage.steps:
                count = (index - 1) % REPORT_EVERY + 1
                means = {key: value / count for key, value in sums.items()}
                self.history.append({"step": index, **means})
                _report(name, index, stage.steps, means, time.monotonic() - started)
                sums.clear()


def _optimizer(
    groups: Iterable[tuple[Iterable[nn.Parameter], float]], lr: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW; biases, norms, tokens and the temperature are not decayed."""
    options = []
    for parameters, share in groups:
        kept = list(parameters)
        for decayed in (True, False):
            chosen = [p for p in kept if (p.ndim in (2, 4)) == decayed]
            decay = weight_decay if decayed else 0.0
            options.append({"params": chosen, "lr": lr * share, "weight_decay": decay})
    return torch.optim.AdamW(options, betas=(0.9, 0.98), fused=True)


def _cosine(stage: Stage) -> Callable[[int], float]:
    def share(step: int) -> float:
        warm = min(1.0, (step + 1) / max(1, stage.warmup))
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / stage.steps)))

    return share


def _report(name: str, step: int, steps: int, means: dict[str, float], spent_s: float) -> None:
    left_s = spent_s / step * (steps - step)
    losses = "  ".join(f"{key} {value:.4f}" for key, value in means.items())
    print(f"{name} {step}/{steps}  {losses}  {spent_s:.0f} s, {left_s:.0f} s left", flush=True)
