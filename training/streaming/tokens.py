"""`tokens.txt` of the kinds that exports come with, and the scores that a text is cut into pieces by (`bpe.vocab`)."""

from pathlib import Path

SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
LETTERS = "etaoinshrdlucmfwygpbvkxqjz"
# The mark that begins a word.
MARK = "\u2581"
SPECIAL = ["<blk>", "<sos/eos>", "<unk>"]
# How a byte is written where pieces are made of bytes: printable ones as they are, others as letters from U+0100 on that no
# normalisation takes apart.
COMPOSED = {0x132, 0x133, 0x13F, 0x140, 0x149, 0x17F}


def byte_letters() -> list[str]:
    others = iter(chr(code) for code in range(0x100, 0x200) if code not in COMPOSED)
    return [chr(byte) if 32 <= byte < 127 else next(others) for byte in range(256)]


def pieces(count: int) -> list[str]:
    """Letters, then syllables and pairs of them; with and without the mark in turn."""
    made = [MARK + letter for letter in LETTERS] + list(LETTERS) + [MARK]
    longer = SYLLABLES + [one + other for one in SYLLABLES for other in SYLLABLES]
    made += [(MARK if number % 3 == 0 else "") + text for number, text in enumerate(longer)]
    return made[:count]


def characters(count: int) -> list[str]:
    """Han characters, and a few words in Latin letters between them."""
    return [chr(0x4E00 + 7 * number) if number % 5 else MARK + SYLLABLES[number % len(SYLLABLES)] for number in range(count)]


def fallback(count: int) -> list[str]:
    """All bytes, as a tokenizer has them for what it has no piece for, and pieces."""
    return [f"<0x{byte:02X}>" for byte in range(256)] + pieces(count - 256)


def byte_pieces(count: int) -> list[str]:
    """Pieces of bytes: of Han characters, whole and in parts, and of Latin letters."""
    letters = byte_letters()

    def written(text: str) -> str:
        return "".join(letters[byte] for byte in text.encode())

    made = []
    for number in range(count):
        han = written(chr(0x4E00 + 11 * number))
        made.append([MARK + han, han[:2], han[2:], MARK + han[0], written(SYLLABLES[number % len(SYLLABLES)])][number % 5])
    return sorted(set(made), key=made.index)


def lines(symbols: list[str]) -> str:
    return "".join(f"{symbol} {number}\n" for number, symbol in enumerate(symbols))


def icefall(folder: Path, made: list[str], count: int, name: str = "tokens.txt") -> None:
    """The blank first."""
    symbols = SPECIAL + made[: count - len(SPECIAL)]
    symbols += [f"{MARK}{number}" for number in range(count - len(symbols))]
    (folder / name).write_text(lines(symbols), encoding="utf-8")


def nemo(folder: Path, made: list[str], count: int) -> None:
    """The blank last."""
    (folder / "tokens.txt").write_text(lines([*made[: count - 1], "<blk>"]), encoding="utf-8")


def vocabulary(folder: Path, made: list[str], count: int) -> None:
    """Scores that prefer longer pieces."""
    symbols = SPECIAL + made[: count - len(SPECIAL)]
    scores = [0 if symbol in SPECIAL else len(symbol) - 6 - number / 50 for number, symbol in enumerate(symbols)]
    scored = "".join(f"{symbol}\t{score:.4f}\n" for symbol, score in zip(symbols, scores, strict=True))
    (folder / "bpe.vocab").write_text(scored, encoding="utf-8")
