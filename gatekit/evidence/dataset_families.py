"""Which published datasets are near copies of each other: one random draw, and not many.

Two datasets of one family were cut from one source, so a probe that is good on one tends to be good on the other, and
113 datasets say less about the next dataset than 113 independent ones would. A family is named where one of these
holds:

* both were cut from one table of the source by asking another question (`114_nyc_borough_Manhattan`, `..._Brooklyn`);
* at least 2% of the smaller one's distinct texts stand in the other, directly or by way of a third dataset (the code
  datasets of sae-probes have articles of AG News for their negative class);
* both were made by one procedure from one corpus (the 20 phrases of sae-probes; the class sets of Bias in Bios).

Datasets with different tasks and no shared texts are families of their own, also where one benchmark collected them
(the tasks of GLUE). The table was made from the register and the texts of sae-probes 0.4.2 and looked through by eye.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]

_SAE_PROBES = {
    "historical_figures": "5_hist_fig_ismale 6_hist_fig_isamerican 7_hist_fig_ispolitician",
    "headlines": (
        "21_headline_istrump 22_headline_isobama 23_headline_ischina 24_headline_isiran 26_headline_isfrontpage"
    ),
    "sciq": "36_sciq_tf",
    "truthful_qa": "41_truthqa_tf",
    "mctaco": "42_temp_sense 130_temp_cat_Frequency 131_temp_cat_Typical_Time 132_temp_cat_Event_Ordering",
    "piqa": "44_phys_tf",
    "quartz": "47_reasoning_tf",
    "ethics_commonsense": "48_cm_correct 49_cm_isshort",
    "ethics_deontology": "50_deon_isvalid",
    "ethics_justice": "51_just_is",
    "ethics_virtue": "52_virtue_is",
    "commonsense_qa_2": "54_cs_tf",
    "wikidata": (
        "56_wikidatasex_or_gender 57_wikidatais_alive 58_wikidatapolitical_party "
        "59_wikidata_occupation_isjournalist 60_wikidata_occupation_isathlete 61_wikidata_occupation_isactor "
        "62_wikidata_occupation_ispolitician 63_wikidata_occupation_issinger "
        "64_wikidata_occupation_isresearcher"
    ),
    "phrases": (
        "65_high_school 66_living_room 67_social_security 68_credit_card 69_blood_pressure 70_prime_factors "
        "71_social_media 72_gene_expression 73_control_group 74_magnetic_field 75_cell_lines 76_trial_court "
        "77_second_derivative 78_north_america 79_human_rights 80_side_effects 81_public_health "
        "82_federal_government 83_third_party 84_clinical_trials 85_mental_health"
    ),
    "cola": "87_glue_cola",
    "mrpc": "89_glue_mrpc",
    "qnli": "90_glue_qnli",
    "qqp": "91_glue_qqp",
    "movie_reviews": "92_glue_sst2 113_movie_sent",
    "gpt2_outputs": "94_ai_gen",
    "toxic_chat": "95_toxic_is",
    "sms_spam": "96_spam_is",
    "fake_news": "100_news_fake",
    "click_bait": "105_click_bait",
    "hate_speech": "106_hate_hate 107_hate_offensive",
    "gpt3_or_human": "110_aimade_humangpt3",
    "nyc_places": "114_nyc_borough_Manhattan 115_nyc_borough_Brooklyn 116_nyc_borough_Bronx",
    "places": (
        "117_us_state_FL 118_us_state_CA 119_us_state_TX 120_us_timezone_Chicago 121_us_timezone_New_York "
        "122_us_timezone_Los_Angeles 123_world_country_United_Kingdom 124_world_country_United_States "
        "125_world_country_Italy"
    ),
    "art": "126_art_type_book 127_art_type_song 128_art_type_movie",
    "arithmetic": "129_arith_mc_A",
    "quail": "133_context_type_Causality 134_context_type_Belief_states 135_context_type_Event_duration",
    "mnli": "136_glue_mnli_entailment 137_glue_mnli_neutral 138_glue_mnli_contradiction",
    "news_and_code": (
        "139_news_class_Politics 140_news_class_Technology 141_news_class_Entertainment 158_code_C "
        "159_code_Python 160_code_HTML 161_agnews_0 162_agnews_1 163_agnews_2"
    ),
    "cancer": "142_cancer_cat_Thyroid_Cancer 143_cancer_cat_Lung_Cancer 144_cancer_cat_Colon_Cancer",
    "diseases": (
        "145_disease_class_digestive_system_diseases 146_disease_class_cardiovascular_diseases "
        "147_disease_class_nervous_system_diseases"
    ),
    "emotions": "148_twt_emotion_worry 149_twt_emotion_happiness 150_twt_emotion_sadness",
    "it_tickets": "151_it_tick_HR_Support 152_it_tick_Hardware 153_it_tick_Administrative_rights",
    "athletes": "154_athlete_sport_football 155_athlete_sport_basketball 156_athlete_sport_baseball",
    "amazon_5star": "157_amazon_5star",
}
"""Family -> the 113 datasets that sae-probes registers; what is no letter and no digit of a name is `_` here."""

_SAEBENCH = {
    "bias_in_bios": "LabHC_bias_in_bios_class_set1 LabHC_bias_in_bios_class_set2 LabHC_bias_in_bios_class_set3",
    "amazon_reviews": "canrager_amazon_reviews_mcauley_1and5 canrager_amazon_reviews_mcauley_1and5_sentiment",
    "github_code": "codeparrot_github_code",
    "ag_news": "fancyzhx_ag_news",
    "europarl": "Helsinki_NLP_europarl",
}
"""Family -> the datasets that SAEBench probes, and ablates for."""

KNOWN: Mapping[str, str] = MappingProxyType(
    {name: family for table in (_SAE_PROBES, _SAEBENCH) for family, names in table.items() for name in names.split()}
)
"""Dataset, written as above -> its family."""

_SHIFT = re.compile(r"^(shifted|longer|own):")
_REMOVAL = re.compile(r"_(scr_.+|tpp)$")


def family_of(name: str) -> str:
    """Return the family of a dataset: of the table, or else the dataset itself.

    A shifted set is of its dataset's family, and so is what SCR and TPP measure on it.

    Args:
        name: as a summary has it.
    """
    base = _base(name)
    return KNOWN.get(_plain(base), base)


def is_known(name: str) -> bool:
    """Whether the table holds a dataset."""
    return _plain(_base(name)) in KNOWN


def dataset_families(names: Sequence[str], stated: Mapping[str, str] = MappingProxyType({})) -> Json:
    """Return what a protocol says of its datasets' families: `{families: {datasets: {family: [names]}}}`.

    Nothing where no name is known and none has a family stated: that they were thought of as independent would be said
    by nobody.

    Args:
        names: of all the protocol's datasets.
        stated: dataset -> its family, where somebody says it.
    """
    known = any(name in stated or is_known(name) for name in names)
    if not known and len({_base(name) for name in names}) == len(names):
        return {}
    return {"families": {"datasets": grouped((stated.get(name, family_of(name)), name) for name in names)}}


def row_families(subjects: Sequence[str]) -> Json:
    """Return the same of rows: each is of the family of what its stories contrast, a dataset or a subject in words.

    Args:
        subjects: one a row, in order.
    """
    return {"families": {"rows": grouped((family_of(_label(subject)), row) for row, subject in enumerate(subjects))}}


def grouped(members: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Return family -> its members, both in order, from (family, member)."""
    found: dict[str, list[Any]] = {}
    for family, member in members:
        found.setdefault(family, []).append(member)
    return {family: sorted(found[family]) for family in sorted(found)}


def _base(name: str) -> str:
    return _REMOVAL.sub("", _SHIFT.sub("", name))


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name)


def _label(words: str) -> str:
    """Return words as a name that a summary can carry; words that lose more than spaces get a digest beside them."""
    label = re.sub(r"[^A-Za-z0-9_.:/+@=-]+", "-", words, flags=re.ASCII).strip("_.:/+@=-")[:100]
    if re.fullmatch(r"[A-Za-z0-9_.:/+@= -]{1,100}", words, re.ASCII):
        return label or "unnamed"
    return f"{label}-{hashlib.sha256(words.encode()).hexdigest()[:12]}".lstrip("-")
