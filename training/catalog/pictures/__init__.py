"""Pictures of products: read and checked, kept by content, recognised when they come again."""
