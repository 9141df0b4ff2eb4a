"""Tokenizers in Whisper's order of ids: byte-level BPE, then what is not text.

The published vocabularies are not needed: the texts are Python's own documentation and library. Multilingual vocabularies
have an empty token before `<|endoftext|>`, English ones do not; both have the languages' tokens.
"""

from collections.abc import Iterable, Iterator
import json
from pathlib import Path
import sysconfig
import tempfile

from tokenizers import ByteLevelBPETokenizer
from transformers import AddedToken, WhisperTokenizerFast
from transformers.models.whisper.tokenization_whisper import LANGUAGES as NAMES

from whisper.sizes import LANGUAGES, TIMESTAMPS

END = "<|endoftext|>"
LANGUAGE_TOKENS = [f"<|{code}|>" for code in list(NAMES)[:LANGUAGES]]
CONTROL_TOKENS = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
TIMESTAMP_TOKENS = [f"<|{0.02 * number:.2f}|>" for number in range(TIMESTAMPS)]

# What is not said but written: such tokens are suppressed.
SIGNS = '" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』'.split()
GROUPS = "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split()
NOTES = "♩ ♪ ♫ ♬ ♭ ♮ ♯".split()


def texts(words: int) -> Iterator[str]:
    """Python's documentation of the language; where that is too little, the whole library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    files = ["pydoc_data/topics.py"] if words < 10_000 else sorted(library.rglob("*.py"))
    for file in files:
        if "site-packages" not in Path(file).parts:
            yield (library / file).read_text(encoding="utf-8", errors="ignore")


def tokenizer(words: int, multilingual: bool, written: Iterable[str] | None = None) -> WhisperTokenizerFast:
    """One with this many tokens of text, for what is in `written` or else in `texts`."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(written or texts(words), vocab_size=words, min_frequency=2, show_progress=False)
    if bpe.get_vocab_size() != words:
        raise ValueError(f"the texts give {bpe.get_vocab_size()} tokens, not {words}")
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, merges = (Path(file) for file in bpe.save_model(folder))
        ids = json.loads(vocabulary.read_text(encoding="utf-8"))
        if multilingual:
            ids[""] = len(ids)
        ids[END] = len(ids)
        vocabulary.write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
        made = WhisperTokenizerFast(str(vocabulary), str(merges))
    special = ["<|startoftranscript|>", *LANGUAGE_TOKENS, *CONTROL_TOKENS]
    made.add_tokens([AddedToken(token, special=True, normalized=False) for token in special], special_tokens=True)
    made.add_special_tokens({"additional_special_tokens": [END, *special]}, replace_additional_special_tokens=True)
    made.add_tokens([AddedToken(token, special=False, normalized=False) for token in TIMESTAMP_TOKENS])
    made.set_prefix_tokens(predict_timestamps=False)
    return made


def suppressed(made: WhisperTokenizerFast) -> list[int]:
    """Tokens that are never decoded, as the published models' generation_config.json has them."""
    first = lambda text: made.encode(text, add_special_tokens=False)
    found = {first(" -")[0], first(" '")[0]}
    for sign in SIGNS + GROUPS + NOTES:
        for ids in (first(sign), first(" " + sign)):
            if len(ids) == 1 or sign in NOTES:
                found.add(ids[0])
    found.update(made.convert_tokens_to_ids(["<|startoftranscript|>", *CONTROL_TOKENS[:-1]]))
    return sorted(found)


def generation(made: WhisperTokenizerFast, multilingual: bool, alignment: list[list[int]], **other) -> dict:
    """The fields of generation_config.json; `other` ones are not as in the published models."""
    number = made.convert_tokens_to_ids
    end = number(END)
    fields = {
        "alignment_heads": alignment,
        "begin_suppress_tokens": [made.encode(" ", add_special_tokens=False)[0], end],
        "bos_token_id": end,
        "decoder_start_token_id": number("<|startoftranscript|>"),
        "eos_token_id": end,
        "is_multilingual": multilingual,
        "max_initial_timestamp_index": 50,
        "max_length": 448,
        "no_timestamps_token_id": number("<|notimestamps|>"),
        "pad_token_id": end,
        "prev_sot_token_id": number("<|startofprev|>"),
        "return_timestamps": False,
        "suppress_tokens": suppressed(made),
    }
    if multilingual:
        fields["lang_to_id"] = {token: number(token) for token in sorted(LANGUAGE_TOKENS)}
        fields["task_to_id"] = {task: number(f"<|{task}|>") for task in ("transcribe", "translate")}
    return fields | other
