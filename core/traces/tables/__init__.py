"""Tables of times and exports of other tools.

Read in this order: `delimited` and `records` (text as columns of text), or `sections`, `prometheus`, `logs`, `arrays`
and `markup` (texts of other kinds as such columns), `cells` (fields as numbers with units),
`headings` and `exports` (what a column is), `wide` (a column per worker), `keys` (whose row, of which step), `times`
(how long), `several_rows` (more than one row for a step); `table` puts them together.
"""
