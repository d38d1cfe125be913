"""What the demo model learns from: drawn garments, real photos and generated sentences.

All of it in FashionIQ's format. Like any data set, it knows nothing of the model that learns from
it.
"""
