"""A hospital as one YAML file: checked, compared, loaded, exported. ``operations`` is the way in."""
