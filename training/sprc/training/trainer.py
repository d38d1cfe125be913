"""The loop: batches to losses to steps; validation, checkpoints and reports after each epoch."""

import math
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from sprc.datasets.loading import PairBatch
from sprc.evaluation.backends import BackendError
from sprc.evaluation.features import Loading
from sprc.metrics import BestCheckpoint
from sprc.schedule import build_optimizer, build_scheduler, step_schedule
from sprc.training.batches import Batch, Repeats, plan_epoch, seed_step, shorten, steps_per_epoch
from sprc.training.errors import TrainingError
from sprc.training.features import Features, load_pairs
from sprc.training.files import write_checkpoint
from sprc.training.interrupt import Interrupted, StopRequest
from sprc.training.journal import Journal
from sprc.training.objective import trained_state, training_mode
from sprc.training.pace import Pace, compare, measure_pace
from sprc.training.run import Lesson, Run
from sprc.training.state import Progress, Row, State, save_state

BEST = "best.pt"
LAST = "last.pt"
VALIDATION_BATCH = 32


class Trainer:
    """A model on its way through a recipe."""

    def __init__(self, lesson: Lesson, run: Run[Any]) -> None:
        self.lesson = lesson
        self.model = lesson.model
        self.run = run
        self.device = run.processes.device
        recipe = run.recipe
        self.repeats = Repeats(frozenset(recipe.rough_categories), recipe.rough_repeats)
        self.steps = steps_per_epoch(
            run.data.training, recipe.batch_size, run.processes.world, self.repeats
        )
        self.objective = lesson.objective.to(self.device)
        self.optimizer = build_optimizer(self.objective.parameters(), recipe.learning_rate)
        self.scheduler = build_scheduler(
            self.optimizer,
            run.data.schedule(recipe.num_epochs),
            learning_rate=recipe.learning_rate,
            steps_per_epoch=self.steps,
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=run.mixed.precision == "fp16")
        # What computes the losses: the objective, or several processes' agreement on its gradient.
        self.forward: nn.Module = (
            DistributedDataParallel(self.objective, find_unused_parameters=True)
            if run.processes.world > 1
            else self.objective
        )
        self.progress = Progress()

    def resume(self, state: State) -> None:
        """Go on from a state. Raises `TrainingError` where it belongs to another run."""
        differences = self.run.identity.differences(state.identity)
        if differences:
            raise TrainingError(f"the run in {self.run.output} has {' and '.join(differences)}")
        trained = trained_state(self.objective)
        with torch.no_grad():
            for name, value in state.trained.items():
                trained[name].copy_(value)
        self.optimizer.load_state_dict(state.optimizer)
        self.scheduler.load_state_dict(state.scheduler)
        self.scaler.load_state_dict(state.scaler)
        self.progress = state.progress

    def train(self, stop: StopRequest) -> None:
        """All epochs that are left, or until asked to stop.

        Raises `TrainingError`, `PictureError` or, with the state kept, `Interrupted`.
        """
        recipe, main = self.run.recipe, self.run.processes.main
        journal = Journal(self.run.output, self._position + 1) if main else None
        try:
            while self.progress.epoch < recipe.num_epochs:
                epoch = self.progress.epoch
                self._train_epoch(journal, stop)
                if journal is not None:
                    if epoch % recipe.validation_frequency == 0:
                        self._validate(epoch)
                    journal.epoch(
                        self.progress,
                        self.run.data.best_figure,
                        self._position,
                        last=epoch + 1 == recipe.num_epochs,
                    )
                self.progress.epoch, self.progress.step = epoch + 1, 0
                self.progress.sums = {}
                self._keep_state()
                self.run.processes.wait()
            if main and recipe.save_training:
                self._write_checkpoint(LAST, recipe.num_epochs - 1)
            if main:
                print(self._outcome(), flush=True)
        finally:
            if journal is not None:
                journal.close()

    def compare_pace(self) -> None:
        """Print how much faster kept features are, where the run has them."""
        run = self.run
        if run.plain is None:
            return
        kept, plain = self.pace(run.features), self.pace(run.plain)
        if run.processes.main:
            print(compare(kept, plain), flush=True)

    def pace(self, features: Features) -> Pace | None:
        """What a step costs with these features; none where too few steps are left to tell."""
        training_mode(self.objective, self.model)

        def step(features: Features, batch: Batch, rows: PairBatch) -> None:
            self._backward(self._losses(features, batch, rows))

        return measure_pace(
            features,
            self.run.data.training,
            self._plan(),
            step,
            workers=self.run.recipe.num_workers,
            device=self.device,
        )

    @property
    def _position(self) -> int:
        """Steps over all epochs."""
        return self.progress.epoch * self.steps + self.progress.step

    def _train_epoch(self, journal: Journal | None, stop: StopRequest) -> None:
        recipe, progress = self.run.recipe, self.progress
        training_mode(self.objective, self.model)
        kept = time.monotonic()
        with tqdm(
            total=self.steps,
            initial=progress.step,
            desc=f"epoch {progress.epoch + 1}/{recipe.num_epochs}",
            disable=journal is None,
            mininterval=0.1 if sys.stderr.isatty() else 30,
        ) as bar:
            for batch, rows in self._batches():
                losses = self._step(batch, rows)
                progress.step += 1
                progress.sums = {n: progress.sums.get(n, 0.0) + v for n, v in losses.items()}
                shown = {name: f"{mean:.4f}" for name, mean in progress.means.items()}
                bar.set_postfix(shown, refresh=False)
                bar.update()
                if journal is not None:
                    journal.step(self._reported(losses), self._position)
                self._heed(stop)
                due = time.monotonic() - kept >= 60 * recipe.state_minutes
                if due and progress.step < self.steps:
                    self._keep_state()
                    kept = time.monotonic()
        rate = self.optimizer.param_groups[0]["lr"]
        progress.training.append({"epoch": progress.epoch, **progress.means, "learning_rate": rate})

    def _outcome(self) -> str:
        progress, name = self.progress, self.run.data.best_figure
        best = (
            f"best {name} {progress.best:.2f} in epoch {progress.best_epoch + 1}"
            if progress.best_epoch >= 0
            else f"no epoch was kept as the best by {name}"
        )
        return f"{self.run.output}: {progress.epoch} epochs, {best}"

    def _heed(self, stop: StopRequest) -> None:
        """End the run where it was asked to; several processes end as torchrun ends them."""
        if stop.signum is None or self.run.processes.world > 1:
            return
        self._keep_state()
        raise Interrupted(
            f"stopped in epoch {self.progress.epoch + 1} after step {self.progress.step}; "
            "--resume goes on from there",
            stop.signum,
        )

    def _plan(self) -> list[Batch]:
        """This process's share of the epoch's batches that are left."""
        recipe, processes = self.run.recipe, self.run.processes
        plan = plan_epoch(
            self.run.data.training,
            seed=recipe.seed,
            epoch=self.progress.epoch,
            batch_size=recipe.batch_size,
            grouped=recipe.group_pictures,
            repeats=self.repeats,
        )
        return [b.share(processes.rank, processes.world) for b in plan[self.progress.step :]]

    def _batches(self) -> Iterator[tuple[Batch, PairBatch]]:
        """The batches that are left, with their pictures."""
        run, left = self.run, self._plan()
        rows = load_pairs(run.features, run.data.training, left, run.recipe.num_workers)
        return zip(left, rows, strict=True)

    def _step(self, batch: Batch, rows: PairBatch) -> Row:
        """One step of the optimiser; the losses, unweighted, as means over processes."""
        run, progress = self.run, self.progress
        losses = self._losses(run.features, batch, rows)
        means = run.processes.mean(losses.detach()).tolist()
        values: Row = dict(zip(self.objective.names, means, strict=True))
        if not all(math.isfinite(value) for value in values.values()):
            named = ", ".join(f"{name} {value}" for name, value in values.items())
            raise TrainingError(
                f"a loss is not finite in epoch {progress.epoch + 1}, step {progress.step + 1} "
                f"({named}); nothing is kept of this step"
            )
        self._backward(losses)
        if run.recipe.gradient_norm:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.objective.parameters(), run.recipe.gradient_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        step_schedule(self.scheduler)
        return values

    def _losses(self, features: Features, batch: Batch, rows: PairBatch) -> Tensor:
        """The losses of a batch, as `Objective` gives them, with the gradients cleared."""
        run, progress = self.run, self.progress
        seed_step(run.recipe.seed, progress.epoch, progress.step, run.processes.rank)
        ids, mask = (
            torch.from_numpy(array).to(self.device)
            for array in shorten(*run.tokenizer.encode_batch(batch.texts))
        )
        self.optimizer.zero_grad(set_to_none=True)
        with run.mixed.autocast():
            losses: Tensor = self.forward(features, rows, ids, mask)
        return losses

    def _backward(self, losses: Tensor) -> None:
        torch.autograd.backward(self.scaler.scale((losses * self.objective.weights).sum()))

    def _reported(self, losses: Row) -> Row:
        group = self.optimizer.param_groups[0]
        return {
            **losses,
            "learning_rate": group["lr"],
            "beta1": group["betas"][0],
        }

    def _validate(self, epoch: int) -> None:
        """Figures of an epoch, and its checkpoint where it is the best by the published rule."""
        run, progress = self.run, self.progress
        self._require_finite()
        loading = Loading(VALIDATION_BATCH, run.recipe.num_workers)
        try:
            figures = self.lesson.validate(loading)
        except BackendError as error:
            raise TrainingError(f"validation of epoch {epoch + 1} failed: {error}") from error
        progress.validation.append({"epoch": epoch, **figures})
        name = run.data.best_figure
        print(f"epoch {epoch + 1}: {name} {figures[name]:.2f}", flush=True)
        if epoch < run.recipe.first_best_epoch:
            return
        best = BestCheckpoint(name, progress.best)
        if best.improves(figures):
            progress.best, progress.best_epoch = best.value, epoch
            if run.recipe.save_training and run.recipe.save_best:
                self._write_checkpoint(BEST, epoch)

    def _write_checkpoint(self, name: str, epoch: int) -> None:
        run = self.run
        write_checkpoint(self.model, run.output / name, epoch=epoch, target_ratio=run.target_ratio)

    def _keep_state(self) -> None:
        if not (self.run.processes.main and self.run.recipe.save_training):
            return
        self._require_finite()
        save_state(
            self.run.output,
            State(
                identity=self.run.identity,
                recipe=self.run.recipe.model_dump(),
                progress=self.progress,
                trained={n: value.detach() for n, value in trained_state(self.objective).items()},
                optimizer=self.optimizer.state_dict(),
                scheduler=self.scheduler.state_dict(),
                scaler=self.scaler.state_dict(),
            ),
        )

    def _require_finite(self) -> None:
        for name, value in trained_state(self.objective).items():
            if not bool(torch.isfinite(value).all()):
                raise TrainingError(
                    f"{name} is not finite in epoch {self.progress.epoch + 1} after step "
                    f"{self.progress.step}; nothing is kept of it"
                )
