"""The shared controls: what they are, their values, the address bar that carries them, and their widgets."""
