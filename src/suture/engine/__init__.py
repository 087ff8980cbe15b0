"""What a durable process is and what becomes of it, whatever happens. Pure: no room here does input or output.

definition   the grammar: steps, waits for events, timers, approvals, parallel branches
process      the state of one process, and the journal of its steps
decide       what a worker does next with a process that it has in hand
steer        what an event or a person does to a process, whoever has it
port         what an engine does for the rest of the house, and what it asks of its store
memory       an engine's store in memory, for tests and dry runs; the durable one is `store.processes`
"""
