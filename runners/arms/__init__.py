"""Arms: SAEs of one role, the candidate or a control, one per seed."""
