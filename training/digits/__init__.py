"""The recipe of Auricle's own model: English digits, spoken in a row."""
