"""What stands beside a bound number and makes another number of it: digits, signs, factors, units of scale.

A reader takes `9` and `0.21` for 90.21, `0.21` and `e-3` for 0.00021, `0.21` and `Prozent` for 0.0021. The words are
those of the languages that papers are written in; a factor in other words is not found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatekit.claims.plain_letters import plain
from gatekit.claims.prose import EDGE, PICTURE, SLOT, Piece, is_letter, visible

_LOOK = 40
"""Characters around a bound number that are looked at."""
_GROUPING = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
"""Spaces that stand between the digits of one number."""
_MINUS = "\u2212\u207b\u02d7\u2796\ufe63\uff0d"
"""What is a minus sign and nothing else, in every width and place."""
_SIGNS = f"+\\-{_MINUS}\u207a\u2795\ufe62\uff0b"
_DASHES = (
    "\u00af\u02c9\u2010-\u2015\u203e\u2043\u23af\u2500\u2501\u2574\u2576\u2578\u257a\u2e3a\u2e3b\u3030"
    "\ufe31\ufe32\ufe58\uffe3\u058a\u05be\u1400\u1806\u2e17\u2e1a\u2e40\u30a0"
)
"""What is drawn as a line and, where it starts a word, read as a minus sign."""
_FIRST_POINTS = ".,\u00b7\u066b\u066c\u2024\uff0e"
"""What a number may begin with."""
_POINTS = f"{_FIRST_POINTS}'\u2019\u2022\u2027\u30fb\uff61"
"""What stands between the digits of one number."""
_TIMES = "*/x\u00b7\u00d7\u00f7\u2044\u2215\u2217\u2219\u22c5\u2715\u2716\u2a2f\uff0f"
_SHORT_CODE = r":[a-z0-9_+\-]{1,40}:"
"""What GitHub draws as a picture: `:heavy_minus_sign:`, `:nine:`."""
_DRAWN = r":(?:zero|one|two|three|four|five|six|seven|eight|nine|100|keycap_ten|heavy_(?:minus|plus)_sign):"
_FRACTIONS = "\u00bc-\u00be\u2150-\u215f\u2189"
_KEYCAP = "[0-9]\ufe0f?\u20e3"


def _both(pattern: str) -> str:
    """Return a pattern for words as they are written, and in plain letters."""
    return f"{pattern}|{plain(pattern).text}"


PER_CENT = _both(
    r"per[ -]?cent(?:s|um)?|pour[ -]?cents?|por[ -]?cient[oa]s?|por[ -]?cento|per[ -]?cento|percentage[ -]?points?"
    r"|pro[zc]ent(?:punkte?n?|a)?|prosent|procenta|(?:per|pro|pour|por)[ -]?mil(?:le?)?|permill?e?|promill?[ei]?"
    r"|pct|p\.?[ ]?p(?!\.?[ ]?[0-9])|bps?|basis[ -]?points?|basispunkte?n?|ppm|ppb|процент\w{0,4}|промилле"
)
"""Words for shares of a hundred and less, without regard to case."""
PER_CENT_UNSPACED = _both(
    r"[个個箇]?\s?百分|千分|パーセント|プロミル|퍼센트|प्रतिशत|في[ ]المئة|بالمئة|في[ ]المائة|بالمائة"
)
"""The same in scripts that part no words."""
UNSPACED = "\u1100-\u11ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
"""Letters of scripts that part no words, for a character class: a number stands between them as it is."""
_SCALES = _both(
    r"tenths?|hundredths?|thousandths?|millionths?|and[ ](?:a|one)[ ]half|dozen|hundred|thousand|million|billion"
    r"|trillion|zehntel|hundert(?:stel)?|tausend(?:stel)?|millionen|milliarden?|mille|milliards?|dixi[eè]mes?"
    r"|centi[eè]mes?|milli[eè]mes?|mil|millones|mila|milioni|тысяч\w?|миллион\w{0,3}|тыс|млн|млрд|mio|mrd|bn|mn|tn"
    r"|parts[ ]per"
)
_WORDS_BEHIND = rf"(?:(?i:{PER_CENT}|{_SCALES})|[Kk](?![ ]?=|-)|M)(?!\w)"
_SIGNS_BEHIND = _both(r"[厘万萬億亿兆千百]|割(?!合)|만|억|천|백|할|프로(?!\w)") + f"|{PER_CENT_UNSPACED}"
_WORDS_BEFORE = _both(
    r"minus|negative|neg\.|moins|menos|meno|n[eé]gati(?:f|ve)|negativ|минус|y[uü]zde|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundred|thousand"
)
_SIGNS_BEFORE = _both(r"マイナス|[負负]の?|负的|마이너스|[十百千万萬]分[之の]")
_COPULA = (
    r"[=<>\u2248\u2264\u2265(\[:,]|\b(?:is|was|are|were|by|of|to|at|about|from|than|and|or|only|just|nearly|equals)"
)
"""What a sign may follow, but no dash."""
_MAY_TOUCH = re.compile("[\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
"""Those that may stand right beside a number; a letter of Katakana may be taken for a sign or digit."""
_COUNTING = frozenset(
    "一二三四五六七八九十百千万萬億亿兆京零〇両两壹贰貳叁參肆伍陆陸柒捌玖拾佰仟壱弐参廿卅卌半割分厘釐毛成折倍点點負负減减正加乘乗除"
    "丨丶丿乀乁乂乙亅亠士土干卜口工百분십백천만억조할푼"
)
"""Those of them that count, turn a sign or look like a digit or a sign."""

_BEFORE = re.compile(
    rf"[{SLOT}{_SIGNS}{_FIRST_POINTS}{_FRACTIONS}^_\u00ac\u221a-\u221c{PICTURE}}}]\Z|{_SHORT_CODE}\Z"
    rf"|[0-9{SLOT}]\s*[{_SIGNS}]\s*\Z|[{_SIGNS}][{_GROUPING}]+\Z|[{_MINUS}]\s*[(\[]*\Z|\(\s*[{_SIGNS}]\s*\)\s*\Z"
    rf"|(?:\A|[^\w{SLOT}])[-{_DASHES}](?:[{_GROUPING}]*|[(\[]+)\Z|[0-9{SLOT}]-[(\[]+\Z"
    rf"|(?:\A|[{EDGE}]|{_COPULA})\s*[-{_DASHES}]\s+\Z|(?:{_DRAWN}|{_KEYCAP}|[{_FRACTIONS}])\s*\Z"
    rf"|[0-9{SLOT}](?:[{_GROUPING}{_POINTS}]|\s*[{_TIMES}]\s*)\Z|[\w{SLOT}][*_~`]+\Z"
    rf"|(?<!\w)(?i:{_WORDS_BEFORE})[\s*_~`-]+\Z|(?:{_SIGNS_BEFORE})\s*\Z"
    r"|\S\$\Z|(?:[+\-\u2212]|\\times|\\cdot)\s*\$\s*\Z"  # the end of mathematics
    r"|\\[A-Za-z]+\s*\{?\Z|\}\{\Z"
)
_NEAR = (
    rf"[\s-]*{_WORDS_BEHIND}|\s*(?:{_SIGNS_BEHIND})|\s*[%\u066a\u2030\u2031\u2100\ufe6a\uff05]"
    rf"|\s*[{_TIMES}X]\s*[0-9]|\s*[eE][+\-\u2212]?[0-9]|[{_GROUPING}][0-9{SLOT}]|\s*[{_SIGNS}]\s*[0-9{SLOT}]"
    rf"|\s*(?:{_DRAWN}|{_KEYCAP}|[{_FRACTIONS}])|\s+(?i:divided[ ]by|times[ ](?:ten|[0-9]|a[ ]))"
    rf"|\s*\$+\s*\\(?:times|cdot)"
)
"""Behind a number, also behind the bracket that it stands in."""
_AFTER = re.compile(
    rf"[{SLOT}{_FRACTIONS}^_\u207a\u207b\u208a\u208b$\u00d7\u2032\u2033{PICTURE}{{]|{_SHORT_CODE}|[{_POINTS}:][0-9{SLOT}]"
    rf"|(?:\.\.+|\u2026)[0-9]|[-\u2212][0-9]|\\[A-Za-z]|\}}\{{|[*_~`]+[\w{SLOT}]|{_NEAR}"
    rf"|[)\]]+(?:[0-9^\u00b2\u00b3\u00b9\u2070-\u2079]|{_NEAR})"
)
_THREE_DIGITS = re.compile(r"[0-9]{3}(?![0-9])")
_UP_TO_THREE = re.compile(r"(?<![0-9.,])[0-9]{1,3}[ \uff0c]\Z")
_MORE_DIGITS = re.compile(r"[ \uff0c][0-9]{3}(?![0-9])")


def glued(pieces: Sequence[Piece], values: Sequence[tuple[int, int]]) -> list[tuple[int, str]]:
    """Return the bound numbers that are shown as part of another number or word.

    Args:
        pieces: of a document.
        values: first and last piece of each bound number, in order.

    Returns:
        Index into `values`, and what touches the number.
    """
    parts: list[str] = []
    places: list[int] = []
    shown: list[str] = []
    at = length = 0
    for first, last in values:
        before = "".join(map(visible, pieces[at:first]))
        parts += [before, SLOT]
        length += len(before)
        places.append(length)
        shown.append("".join(map(visible, pieces[first:last])).strip())
        length += 1
        at = last + 1
    parts += list(map(visible, pieces[at:]))
    text = "".join(parts)
    found = []
    for index, place in enumerate(places):
        left = text[max(0, place - _LOOK) : place]
        right = text[place + 1 : place + 1 + _LOOK]
        touching = _touching(left, right, shown[index])
        if touching is not None:
            found.append((index, touching))
    return found


def makes_another(left: str, number: str, right: str) -> bool:
    """Whether the text before a number, or behind it, makes another number of it; all in plain letters."""
    return _touching(left[-_LOOK:], right[:_LOOK], number) is not None


def _touching(left: str, right: str, number: str) -> str | None:
    """Return what makes another number of one, with the text before and behind it; None where nothing does."""
    is_group = _THREE_DIGITS.match(number) is not None and _UP_TO_THREE.search(left) is not None
    if left and (_touches(left[-1]) or is_group or _BEFORE.search(left)):
        return f"'{_shown(left).split()[-1][-10:]}' before it" if left.split() else "space before it"
    is_group = number.isdigit() and _MORE_DIGITS.match(right) is not None
    if right and (_touches(right[0]) or is_group or _AFTER.match(right)):
        return f"'{_shown(right).split()[0][:10]}' behind it" if right.split() else "space behind it"
    return None


def _shown(text: str) -> str:
    return text.replace(EDGE, " ").replace(SLOT, "{}").replace(PICTURE, "(picture)")


def _touches(character: str) -> bool:
    return is_letter(character) and (character in _COUNTING or _MAY_TOUCH.match(character) is None)
