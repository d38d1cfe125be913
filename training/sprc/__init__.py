"""SPRC: composed image retrieval with sentence-level prompts (Bai et al., ICLR 2024).

Own modules that carry the published state-dict names. The model is in `model`, checkpoints
in `checkpoint`, the served graphs in `export`, and the demo model's recipe in `demo`.
"""
