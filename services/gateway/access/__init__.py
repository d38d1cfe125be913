"""Who may do what: keys, scopes, catalogs, rates, and a line for every write."""
