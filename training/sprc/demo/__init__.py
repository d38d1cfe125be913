"""The demo model: drawn garments, generated sentences, half an hour on two CPU cores."""
