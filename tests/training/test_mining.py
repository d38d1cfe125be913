"""Hard negatives: what is drawn, how often, and by which scores."""

import torch

from sprc.mining import draw_negatives
from sprc.reranker import Blip2QformerCirRerank
from tests.training.tiny import tiny_config, tiny_model

OTHERS = ~torch.eye(4, dtype=torch.bool)
TARGETS = torch.arange(4)


def test_one_is_drawn_as_often_as_its_score_says() -> None:
    torch.manual_seed(3)
    scores = torch.zeros(4, 4)
    # The right one is by far the best, which is of no account.
    scores[0] = torch.tensor([50.0, 0.0, 1.0, 2.0])
    drawn = torch.stack([draw_negatives(scores, OTHERS, TARGETS).candidates for _ in range(3000)])
    shares = torch.bincount(drawn[:, 0], minlength=4) / len(drawn)
    expected = torch.tensor([-torch.inf, 0.0, 1.0, 2.0]).softmax(0)
    assert torch.allclose(shares, expected, atol=0.03)
    assert not (drawn == TARGETS).any()


def test_a_target_gets_the_query_that_likes_it_most() -> None:
    """Columns are read for the second kind: query 3 is mad about target 1, and about no other."""
    scores = torch.zeros(4, 4)
    scores[3, 1] = 1000.0
    for _ in range(20):
        negatives = draw_negatives(scores, OTHERS, TARGETS)
        assert negatives.queries[1] == 3
        assert negatives.candidates[3] == 1
        assert not (negatives.queries == TARGETS).any()


def test_what_is_right_for_all_leaves_nothing_to_draw() -> None:
    """Pictures 0 and 1 answer both queries; a third is wrong for the first query alone."""
    right = torch.tensor([[True, True, False], [True, True, True]])
    negatives = draw_negatives(torch.zeros(2, 3), ~right, torch.tensor([0, 1]))
    assert negatives.candidates.tolist() == [2, -1]
    assert negatives.queries.tolist() == [-1, -1]


def test_what_was_not_drawn_is_left_out_of_the_loss() -> None:
    """Without any negative, the loss is that of the right pairs."""
    model = Blip2QformerCirRerank.after(tiny_model()).eval()
    references, targets = torch.randn(2, 3, model.config.vit.tokens, 32).unbind(0)
    words = torch.randint(5, 10, (3, 6)), torch.ones(3, 6, dtype=torch.int64)
    nothing = torch.zeros(3, 3, dtype=torch.bool)
    negatives = draw_negatives(torch.zeros(3, 3), nothing, torch.arange(3))
    loss = model.match_loss(references, targets, torch.arange(3), *words, negatives)
    fits = model.match_logits(torch.cat((references, targets), dim=1), *words)
    assert torch.allclose(loss, -fits.log_softmax(1)[:, 1].mean(), atol=1e-6)


@torch.inference_mode()
def test_it_begins_as_the_first_stage_and_shares_its_encoder() -> None:
    first = tiny_model()
    model = Blip2QformerCirRerank.after(first).eval()
    assert model.visual_encoder is first.visual_encoder
    embeds = torch.randn(3, tiny_config().vit.tokens, 32)
    words = torch.randint(5, 10, (3, 6)), torch.ones(3, 6, dtype=torch.int64)
    asked = first.compose(embeds, *words)
    assert torch.allclose(model.miner.compose(embeds, *words), asked, atol=1e-6)
    tokens = first.image_tokens(embeds)
    assert torch.allclose(model.image_tokens(embeds), tokens, atol=1e-6)
    mined = model.miner.scores(embeds, embeds, *words, composed=True)
    expected = torch.einsum("qd,nkd->qnk", asked, tokens).amax(-1)
    assert torch.allclose(mined, expected, atol=1e-6)
    # Copies: what trains the one leaves the others as they are.
    model.query_tokens += 1
    model.text_proj.weight += 1
    model.Qformer.bert.embeddings.word_embeddings.weight += 1
    assert torch.equal(model.miner.compose(embeds, *words), first.compose(embeds, *words))
