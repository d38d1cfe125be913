"""``config.json`` beside a checkpoint: what the shapes of its tensors do not tell."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from sprc.config import (
    PUBLISHED_DROPOUT,
    PUBLISHED_QFORMER_HEADS,
    PUBLISHED_RATIO,
    PUBLISHED_TEXT_LENGTH,
    PUBLISHED_VIT_HEADS,
    ConfigError,
    ModelConfig,
)


class _Vit(BaseModel):
    num_heads: PositiveInt = PUBLISHED_VIT_HEADS


class _Bert(BaseModel):
    num_attention_heads: PositiveInt = PUBLISHED_QFORMER_HEADS
    hidden_dropout_prob: float = Field(PUBLISHED_DROPOUT, ge=0, lt=1)


class ConfigFile(BaseModel):
    """The entries that are read; others may stand beside them."""

    model_config = ConfigDict(frozen=True)

    vit: _Vit = _Vit()
    bert: _Bert = _Bert()
    max_txt_len: PositiveInt = PUBLISHED_TEXT_LENGTH
    target_ratio: float = Field(
        PUBLISHED_RATIO,
        ge=1,
        allow_inf_nan=False,
        description="ratio of sides that pictures were padded to in training; squarepad is 1",
    )

    @classmethod
    def of(cls, config: ModelConfig, target_ratio: float) -> Self:
        """What there is to say of a model."""
        return cls(
            vit=_Vit(num_heads=config.vit.heads),
            bert=_Bert(
                num_attention_heads=config.qformer.heads,
                hidden_dropout_prob=config.qformer.dropout,
            ),
            max_txt_len=config.text_length,
            target_ratio=target_ratio,
        )

    @classmethod
    def read(cls, checkpoint: Path) -> Self:
        """The file beside a checkpoint; without it, or an entry, the published values stand.

        SPRC's own checkpoints have no such file. Raises `ConfigError`.
        """
        path = checkpoint.with_name("config.json")
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ": ".join([str(path), *map(str, first["loc"])])
            raise ConfigError(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None

    def write(self, checkpoint: Path) -> None:
        """Put the file beside a checkpoint. Raises `OSError`."""
        checkpoint.with_name("config.json").write_text(self.model_dump_json(indent=1) + "\n")
