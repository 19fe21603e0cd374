"""Readers of one's own texts, a form of file each, imported when a file of that form is read and not before."""
