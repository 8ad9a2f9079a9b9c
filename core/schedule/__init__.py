"""When everything happened in some runs, and what follows from it: figures, tables, parts of a large run."""
