"""What a pull request changes, and the verdict on it: read from git objects, judged by the base branch."""
