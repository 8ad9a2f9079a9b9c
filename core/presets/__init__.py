"""The cards of the gallery: scenarios that make a point, each with its question, guesses and answer."""
