"""From raw pictures and words to the arrays the model reads.

Three named steps: `upload` turns bytes into an 8-bit RGB picture, `targetpad` turns a picture into
the image encoder's pixels, `text` turns a modification text into token ids. Serving and training
import the same functions, so both see the same numbers.
"""
