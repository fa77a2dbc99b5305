"""Views of the pharmacy: prescriptions and what was handed out; the stock."""
