"""What the demo model learns from: drawn garments and generated sentences, in FashionIQ's format.

Like any data set, it knows nothing of the model that learns from it.
"""
