"""Data sets for composed image retrieval: annotations, pictures, and what training reads."""
