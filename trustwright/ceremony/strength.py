"""What a passphrase is worth to a guesser who knows how people choose, in bits.

The text is taken apart into tokens, and every token counts once, however often it stands there:

* a word counts 12.9 bits, the size of a Diceware list; of three or two letters less, since there
  are fewer; a letter by itself 4.7. Capitals inside part words: ``iLoveMyDog`` is four of them;
* a word that comes to everybody's mind counts 3 bits, also where digits stand for its letters;
* three or more words in a row out of a text that everybody knows count as one word;
* a year counts 7 bits, a date 15.5; other digits 3.3 each, 1 where they repeat or go on counting;
* a sign that is neither counts 5 bits, blanks nothing;
* a way over the keyboard with digits and letters in turn (``1q2w3e``) counts as one word.

A block that follows itself (``abcabc``) is read once. Four words that somebody rolled are enough;
whoever thinks some up needs more of them. Why no library: ``docs/adr/0018-passphrases.md``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from trustwright.ceremony import known

READ = 256
"""Characters that are looked at; what follows cannot make a passphrase weaker."""

_WORD_BITS = 12.9
_SHORT_WORDS = {2: 6.6, 3: 10.0}
_LONGEST_WORD = 16
_LETTER_BITS = math.log2(26)
_DIGIT_BITS = math.log2(10)
_SIGN_BITS = math.log2(33)
_YEAR_BITS = 7.0
_DATE_BITS = 15.5
_COMMON_BITS = 3.0
_LEAST_KNOWN = 3
_LEAST_WAY = 4
_LEET = str.maketrans("013457@$!", "oieastasi")

_BLOCK = re.compile(r"(.{2,}?)\1+", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(
    r"""
    (?P<date> (?<!\d) (?: (?:19|20)\d\d ([-./]?) (?:0[1-9]|1[0-2]) \2 (?:0[1-9]|[12]\d|3[01])
                        | (?:0[1-9]|[12]\d|3[01]) ([-./]?) (?:0[1-9]|1[0-2]) \3 (?:19|20)?\d\d
                        ) (?!\d) )
  | (?P<year> (?<!\d) (?:19|20)\d\d (?!\d) )
  | (?P<digits> \d+ )
  | (?P<word> [^\W\d_]+ )
  | (?P<signs> (?: [^\w\s] | _ )+ )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Token:
    """A part of a passphrase.

    Attributes:
        text: in lower case; what stands twice counts once.
    """

    text: str
    bits: float
    is_word: bool = False


def estimated_bits(passphrase: str) -> float:
    """Return what a guesser would need; see the module's docstring."""
    text = unicodedata.normalize("NFC", passphrase)[:READ]
    tokens = _without_known(list(_tokens(_BLOCK.sub(r"\1", text))))
    return sum({token.text: token.bits for token in tokens}.values())


def _tokens(text: str) -> Iterator[_Token]:
    for chunk in text.split():
        if _is_common(chunk):
            yield _Token(chunk.lower(), _COMMON_BITS, is_word=True)
            continue
        for part in _without_ways(chunk):
            if isinstance(part, _Token):
                yield part
                continue
            for found in _TOKEN.finditer(part):
                yield from _token(str(found.lastgroup), found[0])


def _token(kind: str, text: str) -> Iterator[_Token]:
    if kind == "word":
        yield from map(_word, _parted(text))
    elif kind == "digits":
        yield _Token(text, _novelty(text, _DIGIT_BITS))
    elif kind == "signs":
        yield _Token(text, _novelty(text, _SIGN_BITS))
    else:
        yield _Token(text, _DATE_BITS if kind == "date" else _YEAR_BITS)


def _without_ways(chunk: str) -> Iterator[str | _Token]:
    """Part a chunk into ways over the keyboard and what lies between them."""
    rest, place = "", 0
    while place < len(chunk):
        length = _way(chunk[place:].lower())
        if length < _LEAST_WAY:
            rest, place = rest + chunk[place], place + 1
            continue
        yield rest
        yield _Token(chunk[place : place + length].lower(), _WORD_BITS)
        rest, place = "", place + length
    yield rest


def _way(text: str) -> int:
    """Return how many characters at the beginning go over the keyboard, digits among letters."""
    length = 1
    while length <= len(text) and any(text[:length] in way for way in known.WAYS):
        length += 1
    way = text[: length - 1]
    return 0 if way.isalpha() or way.isdigit() else len(way)


def _parted(run: str) -> list[str]:
    """Return the words of a run of letters: a capital begins one, unless all are capitals."""
    if run.isupper():
        return [run]
    starts = [0, *(place for place in range(1, len(run)) if run[place].isupper())]
    return [run[start:end] for start, end in zip(starts, [*starts[1:], len(run)], strict=True)]


def _word(word: str) -> _Token:
    lower = word.lower()
    if lower in known.WORDS:
        return _Token(lower, _COMMON_BITS, is_word=True)
    whole = _SHORT_WORDS.get(len(word), _WORD_BITS * math.ceil(len(word) / _LONGEST_WORD))
    return _Token(lower, min(whole, _novelty(lower, _LETTER_BITS)), is_word=True)


def _is_common(chunk: str) -> bool:
    plain = chunk.lower().rstrip("0123456789.!?-_#").translate(_LEET)
    return plain in known.WORDS


def _novelty(text: str, first: float) -> float:
    """Return the worth of characters one by one, the next one of a row counting one bit."""
    following = (a + b for a, b in pairwise(text))
    return first + sum(1.0 if _goes_on(pair) else first for pair in following)


def _goes_on(pair: str) -> bool:
    in_row = any(pair in row or pair in row[::-1] for row in known.ROWS)
    return in_row or abs(ord(pair[1]) - ord(pair[0])) <= 1


def _without_known(tokens: list[_Token]) -> list[_Token]:
    """Put one word in the place of three or more that follow each other in a known text."""
    words = [token for token in tokens if token.is_word]
    left = [token for token in tokens if not token.is_word]
    start = 0
    while start < len(words):
        length = _known_length([token.text for token in words[start:]])
        if length < _LEAST_KNOWN:
            left.append(words[start])
            start += 1
            continue
        left.append(_Token("known", _WORD_BITS))
        start += length
    return left


def _known_length(words: list[str]) -> int:
    length = _LEAST_KNOWN
    while length <= len(words) and any(
        f" {' '.join(words[:length])} " in each for each in known.TEXTS
    ):
        length += 1
    return length - 1
