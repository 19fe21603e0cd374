"""Checkpoints of other libraries, read into (and for SAELens written from) our own form.

Read is what the declared class says, in canonical orientation and float32; anything that the file's own library would
do differently with it, such as another normalisation, is refused with the reason.
"""
