"""What each page says, tables and draws of an answer: worked out once, with it, and kept with it."""
