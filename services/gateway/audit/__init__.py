"""The recall audit of the index. Read `recall` first: what is asked, and how a route is chosen."""
