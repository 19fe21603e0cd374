"""What stands beside a bound number and makes another one of it, and what may stand there."""

from __future__ import annotations

import pytest
from claims.registered import readme, value

R2 = value("evidence/a.json r2 estimate .2f", "0.83")
N = value("evidence/a.json r2 n d", "5")
THREE = value("evidence/a.json r2 n d", "210")


def glued(text: str) -> bool:
    return "claims.glued" in [error.error_id for error in readme(f"so {text} is\n").errors]


@pytest.mark.parametrize(
    "unit",
    [
        *("percents", "Percent", "PER CENT", "per centum", "percentage points", "pct", "pct.", "p.p.", "pp", "bps"),
        *("Prozent", "Prozentpunkte", "pour cent", "por ciento", "per cento", "por cento", "процентов", "パーセント"),
        *("per mille", "Promille", "pour mille", "permille", "промилле", "ppm", "basis points", "hundredths", "tenths"),
        *("hundred", "Tausend", "mille", "тысяч", "млн", "bn", "Mio.", "Mrd.", "k", "M", "万", "億", "억", "个百分点"),
        *("퍼센트", "प्रतिशत", "بالمئة", "\u00bd", "\u2153", "9\ufe0f\u20e3", ":nine:", "\u2100", "and a half"),
    ],
)
def test_a_unit_of_scale_or_a_fraction_behind_a_bound_number_makes_another_of_it(unit: str) -> None:
    assert glued(f"{R2} {unit}")
    assert glued(f"{R2}\n{unit}")
    assert glued(f"({R2}) {unit}")


@pytest.mark.parametrize(
    "sign", ["minus", "Minus", "negative", "moins", "menos", "минус", "マイナス", "负", "負の", "마이너스", "百分之"]
)
def test_a_sign_in_words_before_a_bound_number_makes_another_of_it(sign: str) -> None:
    assert glued(f"{sign} {R2}")
    assert glued(f"{sign} **{R2}**")


@pytest.mark.parametrize(
    "text",
    [
        f"\u2212 {R2}",
        f"&minus; {R2}",
        f"\u2796 {R2}",
        f":heavy_minus_sign: {R2}",
        f"= - {R2}",
        f"by \u2013 {R2}",
        f"-({R2})",
        f"\u2212 ({R2})",
        f"1-({R2})",
        f"(\u2212) {R2}",
        f"9\ufe0f\u20e3 {R2}",
        f"\u00bd {R2}",
        *(
            f"\u00b7{R2}",
            f"1\u30fb{R2}",
            f"1\u2003{R2}",
            f"1\u3000{R2}",
            f"1 {THREE}",
            f"12\uff0c{THREE}",
            f"twenty {R2}",
        ),
        f"{N} 000",
        f"{N}\uff0c000",
        f"{R2}\u2005500",
        f"{R2}\u30fb5",
        f"{R2}\u20225",
        f"{R2}...9",
        f"{R2}\u20269",
        f"{R2} + 1",
        f"{R2} \u2212 1",
        f"{R2}\n%",
        f"{R2}<br>%",
        f"({R2})%",
        f"({R2})<sup>2</sup>",
        f"[{R2}]9",
        f"{R2} divided by two",
        f"{R2} times ten",
        f"{R2}\\times10",
        f"$\\frac{{{R2}}}{{2}}$",
        f"$\\sqrt{{{R2}}}$",
        f"{R2}五",
        f"九{R2}",
        f"{R2}万",
        f"{R2}百",
        f"负{R2}",
        f"{R2}십",
        f"{R2}カ",
        f"{R2}\u0e01",
    ],
)
def test_signs_digits_and_factors_through_spaces_brackets_and_commands_make_another_of_it(text: str) -> None:
    assert glued(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"差は{R2}である。",
            f"差は{R2}で、95 % 信頼下限は{R2}だった。",
            f"差异为{R2}，高于对照。",
            f"在2025年，{R2}。",
        ),
        *(
            f"차이는 {R2}이다.",
            f"차이는 {R2}로 나타났다.",
            f"「{R2}」",
            f"（{R2}）",
            f"{R2}、{R2}",
            f"{R2}，{R2}",
            f"{R2} 割合",
        ),
        f"l\u2019accord vaut {R2} : plus",
        f"pr\u00e8s d\u2019{R2} ; ici",
        f"\u00ab {R2} \u00bb",
        f"'{R2}'",
        f"\u2018{R2}\u2019",
        f"im Mittel {R2} mehr",
        f"это {R2} больше",
        f"الفرق {R2} هنا",
        f"הפרש {R2} כאן",
        f"{R2} promising",
        f"{R2} process",
        f"{R2} milestones",
        f"{R2} percentile",
        f"{R2} tensors",
        f"{R2} MMCS",
        *(
            f"{R2} k-sparse probes",
            f"{R2}, k = 5",
            f"{R2} k = 5",
            f"{R2} pp. 3",
            f"{R2} times as often",
            f"{R2} K-means",
        ),
        f"a - {R2}",
        f"a \u2014 {R2}",
        f"a\u2014({R2})",
        f"({R2}), ({R2})",
        f"PW-MCC ({R2})",
        f"{R2} \u00b1 0.01",
        f"{R2} [12]",
        f"[12] {R2}",
        f"| {R2} | % |",
        f"{N} 12-layer models",
        f"{R2} 768 times",
        f"in 2025 {R2}",
        *(
            f"false negatives: {R2}",
            f"$k=5$: {R2}",
            f"{R2} for $k=5$",
            f"{R2} over 5 seeds",
            f"\u2191 {R2}",
            f"{R2} \U0001f389",
        ),
    ],
)
def test_words_citations_other_numbers_and_scripts_without_spaces_may_stand_beside_it(text: str) -> None:
    assert readme(f"so {text} is\n").errors == ()


@pytest.mark.parametrize(
    "text", [f"~~{R2}~~ 0.99", f"~{R2}~", f"<del>{R2}</del>", f"<s>{R2}</s>", f"<strike>{R2}</strike>"]
)
def test_a_bound_number_is_not_struck_out(text: str) -> None:
    assert "claims.covered" in [error.error_id for error in readme(f"so {text}\n").errors]


@pytest.mark.parametrize("text", [f"~~0.99~~ {R2}", f"<del>0.99</del> <ins>{R2}</ins>"])
def test_a_bound_number_may_stand_for_one_that_is(text: str) -> None:
    assert readme(f"so {text}\n").errors == ()
