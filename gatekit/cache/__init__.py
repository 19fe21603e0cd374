"""The cache that the runners fill: what is in it, whether it is whole, how much room it takes, and what may go.

Read from names, manifests and digests alone: nothing here imports torch or the runners.
"""
