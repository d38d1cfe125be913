"""How people ask: words for what garments show and what should change, and sentences of them."""
