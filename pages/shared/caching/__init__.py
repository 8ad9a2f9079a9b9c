"""Results worth keeping between reruns and visitors, and the memory that they take."""
