"""What the gates said along a branch, from git alone: each commit's evidence by the policies of its time."""
