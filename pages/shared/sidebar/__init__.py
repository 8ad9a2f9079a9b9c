"""The sidebar: every shared control, what a page hands over to the controls, and a link to take away."""
