"""What the pages share: controls, answers, views, and what a visit remembers."""
