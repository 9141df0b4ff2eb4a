"""The recipe of a small Whisper that was trained: English digits, spoken in a row, in Whisper's own form."""
