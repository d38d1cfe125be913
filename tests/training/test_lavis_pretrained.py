"""BLIP-2's weights through LAVIS: by its addresses and its download code, and strictly."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sprc.config import VIT
from sprc.lavis.library import LavisError, fetch, published_address, vocabulary
from sprc.lavis.pretrained import ENCODER_FILES, HEAD, PROMPTS, WORDS, load_blip2_pretrained
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import ModelType
from tests.training.lavis_files import (
    BLIP2_FILE,
    VOCABULARY,
    prepare_torchvision,
    random_model,
    tiny_blip2,
    write_blip2,
)

BACKBONES: list[tuple[ModelType, str]] = [("pretrain", "eva"), ("pretrain_vitL", "clip")]


@pytest.fixture(autouse=True)
def _lavis() -> None:
    prepare_torchvision()


@pytest.mark.parametrize(("backbone", "family"), BACKBONES)
def test_every_weight_arrives(tmp_path: Path, backbone: ModelType, family: str) -> None:
    source = random_model(tiny_blip2(family))
    path = write_blip2(tmp_path, source)
    model = Blip2QformerCirAlignPrompt(source.config)

    report = load_blip2_pretrained(model, backbone, address=str(path))

    assert report.new == (PROMPTS,)
    assert sorted(report.left_out) == [f"{VIT}blocks.3.norm1.weight", f"{VIT}norm.weight"]
    expected = source.state_dict()
    for name, value in model.state_dict().items():
        assert value.dtype == expected[name].dtype
        if name.startswith(VIT):
            assert torch.equal(value, expected[name].half().float()), name
        elif name != PROMPTS:
            assert torch.equal(value, expected[name]), name
    assert 0.01 < model.prompt_tokens.std() < 0.03
    assert model.Qformer.cls.predictions.decoder.weight is _words(model)


def test_prompts_are_drawn_by_the_seed(tmp_path: Path) -> None:
    path = str(write_blip2(tmp_path, random_model(tiny_blip2())))
    drawn = []
    for seed in (1, 1, 2):
        model = Blip2QformerCirAlignPrompt(tiny_blip2())
        load_blip2_pretrained(model, "pretrain", address=path, seed=seed)
        drawn.append(model.prompt_tokens)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_berts_words_get_one_more_row(tmp_path: Path) -> None:
    def cut(state: dict[str, Tensor]) -> None:
        for name in (WORDS, f"{HEAD}bias", f"{HEAD}decoder.bias", f"{HEAD}decoder.weight"):
            state[name] = state[name][:-1].clone()

    source = random_model(tiny_blip2())
    path = write_blip2(tmp_path, source, cut)
    model = Blip2QformerCirAlignPrompt(source.config)
    report = load_blip2_pretrained(model, "pretrain", address=str(path))

    assert report.new == (PROMPTS, f"{WORDS}[{len(VOCABULARY)}]")
    assert torch.equal(_words(model)[:-1], _words(source)[:-1])
    assert 0 < _words(model)[-1].abs().max() < 0.1
    assert model.Qformer.cls.predictions.bias[-1] == 0


def test_a_file_may_hold_its_encoder_and_no_buffer(tmp_path: Path) -> None:
    source = random_model(tiny_blip2())
    state = source.state_dict()
    del state["Qformer.bert.embeddings.position_ids"]
    torch.save({"model": state}, tmp_path / "all.pth")
    model = Blip2QformerCirAlignPrompt(source.config)
    report = load_blip2_pretrained(model, "pretrain", address=str(tmp_path / "all.pth"))
    assert report.new == report.left_out == ()
    assert all(torch.equal(v, source.state_dict()[n]) for n, v in model.state_dict().items())


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    def spoil(state: dict[str, Tensor]) -> None:
        del state["text_proj.bias"]
        state["vision_proj.weight"] = torch.zeros(5, 32)

    path = write_blip2(tmp_path, random_model(tiny_blip2()), spoil)
    model = Blip2QformerCirAlignPrompt(tiny_blip2())
    with pytest.raises(LavisError, match=r"1 missing: text_proj.bias; 1 misshapen: vision_proj"):
        load_blip2_pretrained(model, "pretrain", address=str(path))


def test_an_encoder_with_too_few_blocks_is_refused(tmp_path: Path) -> None:
    path = write_blip2(tmp_path, random_model(tiny_blip2()))
    encoder = torch.load(tmp_path / ENCODER_FILES["eva"])
    torch.save(
        {n: v for n, v in encoder.items() if not n.startswith("blocks.2.")},
        tmp_path / ENCODER_FILES["eva"],
    )
    with pytest.raises(LavisError, match=r"missing: visual_encoder.blocks.2"):
        load_blip2_pretrained(
            Blip2QformerCirAlignPrompt(tiny_blip2()), "pretrain", address=str(path)
        )


def test_what_is_not_finite_is_refused(tmp_path: Path) -> None:
    path = write_blip2(
        tmp_path, random_model(tiny_blip2()), lambda s: s["text_proj.bias"].fill_(float("nan"))
    )
    with pytest.raises(LavisError, match=r"text_proj.bias holds values that are not finite"):
        load_blip2_pretrained(
            Blip2QformerCirAlignPrompt(tiny_blip2()), "pretrain", address=str(path)
        )


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code ran",))


def test_files_of_no_use_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Blip2QformerCirAlignPrompt(tiny_blip2())
    path = write_blip2(tmp_path, model)
    (tmp_path / "cut.pth").write_bytes(path.read_bytes()[:5000])
    torch.save({"model": _Bomb()}, tmp_path / "code.pth")
    torch.save([1], tmp_path / "list.pth")
    (tmp_path / ENCODER_FILES["eva"]).unlink()
    for name, why in (
        ("none.pth", "does not exist"),
        ("cut.pth", "cut short"),
        ("code.pth", "carries code"),
        ("list.pth", "no state dict"),
        (BLIP2_FILE, f"{ENCODER_FILES['eva']} does not exist"),
    ):
        with pytest.raises(LavisError, match=why):
            load_blip2_pretrained(model, "pretrain", address=str(tmp_path / name))
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(("backbone", "family"), BACKBONES)
def test_addresses_are_laviss_own(backbone: ModelType, family: str) -> None:
    from lavis.models import clip_vit, eva_vit

    address = published_address(backbone)
    assert address.startswith("https://")
    assert address.endswith(".pth")
    build = eva_vit.create_eva_vit_g if family == "eva" else clip_vit.create_clip_vit_L
    beside = f"{address.rpartition('/')[0]}/{ENCODER_FILES[family]}"
    assert beside in build.__code__.co_consts, "LAVIS keeps the encoder beside BLIP-2's file"


def test_urls_come_out_of_laviss_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    source = random_model(tiny_blip2())
    write_blip2(cache, source)
    model = Blip2QformerCirAlignPrompt(source.config)
    load_blip2_pretrained(model, "pretrain")
    assert torch.equal(model.text_proj.weight, source.text_proj.weight)


def test_a_failed_download_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(LavisError, match=r"cannot be downloaded .*TORCH_HOME"):
        fetch("http://127.0.0.1:1/weights.pth")
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_words_come_from_a_folder_or_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bert-base-uncased"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    assert vocabulary() == VOCABULARY


def _words(model: Blip2QformerCirAlignPrompt) -> Tensor:
    return model.Qformer.bert.embeddings.word_embeddings.weight
