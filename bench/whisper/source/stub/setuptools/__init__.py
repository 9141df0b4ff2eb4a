"""Stands in for the sdist's build backend while pip downloads it: see ../../requirements.txt."""
