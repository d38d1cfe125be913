"""The model card beside the demo bundle, written from what was measured."""

from pathlib import Path

from retrieval.bundle import Bundle
from sprc.demo.plan import Plan
from sprc.model import Blip2QformerCirAlignPrompt

ROWS = {
    "composed": "composed (picture and words)",
    "image_only": "image only",
    "text_only": "text only (the edit's words)",
    "late_fusion": "late fusion of the two, best weight picked on this very set",
    "composed_1_changes": "composed, 1 change",
    "composed_2_changes": "composed, 2 changes",
    "composed_3_changes": "composed, 3 changes",
    "composed_unseen_words": "composed, 1 change, phrased as no training sentence is",
    "composed_with_reference": "composed, the reference itself left in the gallery",
}

CARD = """# The demo model

`{name}` {digest}: SPRC's architecture at small size, trained from
scratch on drawn garments. It is here so that `make up` has a real composed search to show. It
knows the demo catalog's garments and the way this project talks about them; it is no model for a
shop's photographs.

`make demo-model` makes it again from nothing. Pictures, sentences and initial weights come from
fixed seeds; figures may differ in the last digits between machines.

## Files

| file | what it is |
|---|---|
| `image_encoder/`, `fusion_encoder/`, `text_encoder/` | served graphs, {precision} weights |
| `tokenizer.json` | WordPiece, {vocabulary} entries with `[DEC]`, in BERT's uncased form |
| `bundle.json` | digest, sizes, preprocessing, the figures below |
| `checkpoint.pt`, `config.json` | the same weights with SPRC's names, head counts |

## Model

{parameters:.2f} million parameters. {image} px pictures through {stem} strided stem convolutions
with batch norm (a deviation from SPRC, whose patch embedding is one convolution) and {depth} ViT
blocks of {width} to {patches} patches and a class token; a Q-Former of {layers} layers of {hidden}
with {queries} query tokens, cross-attention in layers {cross}, separate query and text
feed-forwards. A composed query is SPRC's two passes and one vector of {dim}; a text-only query is
the no-image pass with the learned prompt tokens. Everything else is as in the published model.

## Data

{families} families of {members} garments drawn by `services/demo_catalog` at 320 px ({pictures}
pictures); the members of a family are one to three attributes apart. Edits are generated
sentences with synonyms, fillers, politeness, comparisons ("darker", "longer") and now and then a
typing error or a word that means nothing. Held-out garments come from other seeds, drawn and
phrased by the same generators: the figures say how well the task is learned. One row asks in
phrases of its own ("i'd rather have ...", "skip the ..."), with words that the model has to
spell. No photograph was used.

## Recipe

One CPU thread, bf16 autocast, AdamW, cosine, gradient norm 1. The encoder learns to name
attributes ({encoder_steps} steps); frozen, with {views} cached augmented views, the Q-Former
learns ({query_steps} steps); then both together ({joint_steps} steps). Losses: contrastive over
MaxSim with every candidate that satisfies the edit a positive and the reference a negative; the
same for text alone ({text_weight}); attribute heads ({attribute_weight}, not served); SPRC's
alignment of prompts ({align_weight}); a term against query tokens that are alike
({spread_weight}).

## Held-out figures

Gallery of {gallery} drawn pictures, {asked} queries of one to three changes, recall in percent.
An item counts when it satisfies the edit: every edited attribute is as asked, and every other
visible attribute (category, color, pattern, its color, sleeve, length, hood, pocket, buttons,
print) is as in the reference; where an edit leaves open what follows from it (the color of new
stripes, the sleeves of what was a skirt) any value does. Background, pose, cut and shade do not
count. The reference is left out of its own results, as the search does.

| query | R@1 | R@5 | R@10 | R@50 |
|---|---|---|---|---|
{rows}

Descriptions ("a red striped dress with long sleeves") by text alone: precision at 10
{description} %, of what could be there. Mean cosine between the {queries} tokens of a picture:
{cosine}.

## Limits

- Drawn garments only; photographs, other categories and other colors are outside of what it saw.
- English, and the words of its generator; an unknown word is spelled out and mostly ignored.
- It cannot say that it does not understand: a text without meaning gives a neighbour all the same.

## Licence

Apache-2.0, as the project: weights trained here from scratch on the project's own pictures.
"""


def write_card(
    path: Path, bundle: Bundle, model: Blip2QformerCirAlignPrompt, plan: Plan, vocabulary: int
) -> None:
    """Write the card of a bundle whose metrics hold `held_out`."""
    figures = bundle.metrics["held_out"]
    config = model.config
    vit, qformer = config.vit, config.qformer
    rows = "\n".join(
        f"| {label} | "
        + " | ".join(f"{figures[f'{key}_recall_at{k}']}" for k in (1, 5, 10, 50))
        + " |"
        for key, label in ROWS.items()
    )
    text = CARD.format(
        name=bundle.name,
        digest=bundle.short_digest,
        precision=bundle.precision,
        vocabulary=vocabulary,
        parameters=sum(parameter.numel() for parameter in model.parameters()) / 1e6,
        image=vit.image_size,
        stem=len(vit.stem),
        depth=vit.depth,
        width=vit.width,
        patches=vit.tokens - 1,
        layers=qformer.layers,
        hidden=qformer.hidden,
        queries=qformer.query_tokens,
        cross=" and ".join(map(str, qformer.cross_layers)),
        dim=config.embed_dim,
        families=f"{plan.train_families:,}",
        members=plan.family_size,
        pictures=f"{plan.train_families * plan.family_size:,}",
        encoder_steps=plan.encoder.steps,
        query_steps=plan.queries.steps,
        joint_steps=plan.joint.steps,
        views=plan.views,
        text_weight=plan.text_weight,
        attribute_weight=plan.attribute_weight,
        align_weight=plan.align_weight,
        spread_weight=plan.spread_weight,
        gallery=f"{figures['gallery']:,}",
        asked=f"{figures['queries']:,}",
        rows=rows,
        description=figures["description_precision_at10"],
        cosine=figures["token_cosine"],
    )
    path.write_text(text)
