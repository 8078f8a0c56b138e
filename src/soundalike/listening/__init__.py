"""Your own ears: a blind test over the tracks of a library, whose answers become weights to search with.

Read in this order: `excerpts` (what is heard, and its name in a file), `answers` (the library's file of judgments),
`gaps` (answers as differences between facets), `pool` (what can be asked), `session` (the test), `players` (how it is
heard); then `outcome` (from the answers to weights).
"""
