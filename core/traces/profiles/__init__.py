"""Profiler traces: events, the work that was launched, steps, and what their collectives cost.

Read in this order: `names` (what an event is), `events` (a file as arrays), `steps` (from where to where a step goes),
`costs` (exposed and blocking), `workers` (whose file it is); `other_tools` says what to give instead of another tool's.
"""
