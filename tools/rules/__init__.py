"""The rules that tools/tidy.py checks, one file a subject."""
