"""All parts of Recompose on one machine: `make up` and `make down`."""
