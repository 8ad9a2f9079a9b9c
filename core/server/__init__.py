"""The queue at a parameter server: pushes that are served one after the other."""
