"""The floor of HTTP: a bare Django view that only runs the floor's SQL."""
