"""The sidebar: every shared control, presets, what a page hands over to the controls, and a link to take away."""
