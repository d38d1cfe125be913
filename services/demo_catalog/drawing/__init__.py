"""How a garment is drawn: shapes, cloth, light, and who wears it where."""
