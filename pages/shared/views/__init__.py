"""How answers are laid out: charts, tiles, downloads, and the parts of pages that are more than a call."""
