"""The folder of a final candidate: the verdict, what may be said because of it, and everything that it rests on."""
