"""LaTeX documents show registered sentences and values by name; what could make them show something else is refused."""

from __future__ import annotations

import pytest
from claims.registered import PAPER, paper
from growth import grows_evenly

from gatekit.claims.scanning import scan_language, scan_numbers

USE = r"\gatekitvalue{r2}"


def document(preamble: str = "", body: str = USE) -> str:
    head = f"\\documentclass{{article}}\n\\input{{gatekit-values}}\n{preamble}\n"
    return f"{head}\\begin{{document}}\n{body}\n\\end{{document}}\n"


def ids(text: str) -> list[str]:
    return [error.error_id.removeprefix("claims.") for error in paper(text).errors]


def test_the_names_that_a_document_shows_are_found_with_their_places() -> None:
    read = paper()
    assert read.errors == ()
    assert [(use.kind, use.name, PAPER[slice(*use.span)]) for use in read.uses] == [
        ("claim", "agree", r"\gatekitclaim{agree}"),
        ("value", "r2", r"\gatekitvalue{r2}"),
    ]
    assert (read.blocks, read.values) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        r"\newcommand{\gatekitvalue}[1]{0.99}",
        r"\renewcommand{\gatekitvalue}[1]{0.99}",
        r"\renewcommand*\gatekitvalue{r2}",
        r"\providecommand\gatekitvalue[1]{0.99}",
        r"\def\gatekitvalue#1{0.99}",
        r"\def\gatekitvalue{r2}",
        "\\def % a comment\n  \\gatekitvalue{r2}{0.99}",
        r"\global\let\gatekitclaim=\x",
        r"\let\gatekitvalue\x",
        r"\let\gatekitvalue{r2}",
        r"\chardef\gatekitvalue{r2}",
        r"\futurelet\x\gatekitvalue{r2}",
        r"\mydef\gatekitvalue{r2}",
        r"\NewDocumentCommand{\gatekitvalue}{m}{0.99}",
        r"\DeclareRobustCommand\gatekitliteral[1]{9}",
        r"\patchcmd{\gatekitvalue}{a}{b}{}{}",
        r"\newenvironment{gatekitvalue}{0.99}{}",
        r"\newcounter{gatekitvalue}",
        r"\newtheorem{gatekitclaim}{Claim}",
        r"\newcommand{\gatekitnew}{0.99}",
        r"\newcommand{\mygatekitvalue}{0.99}",
        r"\gatekitvalue {r2}",
        r"\gatekitvalue{\x}",
        r"\gatekitvalue{R2}",
        r"\gatekitvalues{r2}",
        r"\gatekitset{value-r2}{0.99}",
        r"\gatekitentry{value-r2}",
    ],
)
def test_our_macros_are_only_used_never_defined(text: str) -> None:
    assert "macro" in ids(document(text))


@pytest.mark.parametrize(
    "text",
    [
        r"\catcode`\%=12",
        r"\lccode`\x=`\g",
        r"\mathcode`\0=`\9",
        r"\expandafter\def\csname gate\x kitvalue\endcsname#1{0.99}",
        r"\makeatletter\@namedef{gate\x kitvalue}#1{0.99}",
        r"\csdef{gate\x kitvalue}#1{0.99}",
        r"\newenvironment{gate\x kitvalue}{0.99}{}",
        "\\newenvironment{gate%\nkitvalue}{0.99}{}",
        r"\newcounter{gate\x kitvalue}",
        r"\iffalse",
        r"\ifx\a\b",
        r"\newif\ifx",
        r"\fi",
        r"\endinput",
        r"\scantokens{x}",
        r"\lowercase{x}",
        r"\uppercase{x}",
        r"\^^67x",
        r"\def~{9}",
        r"\let~\x",
        r"\def\%{9}",
        r"\renewcommand{\%}{9}",
        r"\def\ensuremath#1{9}",
        r"\renewcommand{\ensuremath}[1]{9}",
        r"\renewcommand\input[1]{}",
        r"\renewcommand\item[2]{\renewcommand#1[1]{0.99}}",
        r"\let\par\def",
        r"\DeclareUnicodeCharacter{00E9}{9}",
        r"\newunicodechar{x}{9}",
        "\\def%\n\\input#1{}",
        r"\everypar{9}",
        r"\ExplSyntaxOn",
        r"\directlua{x}",
        r"\MakeShortVerb{\|}",
        r"\begin{filecontents*}[overwrite]{x}",
        "\\begin{file%\ncontents}{x}",
        r"\immediate\write18{x}",
        r"\newwrite\x",
    ],
)
def test_what_changes_how_tex_reads_on_is_refused_everywhere(text: str) -> None:
    assert "unsafe" in ids(document(text))
    # What a comment or verbatim text is, only TeX knows.
    assert "unsafe" in ids(document(f"% {text}"))
    assert "unsafe" in ids(document("", f"\\begin{{verbatim}}\n{text}\n\\end{{verbatim}}"))


@pytest.mark.parametrize(
    "text",
    [
        r"\newcommand{\sae}{SAE} \def\x#1{#1} \let\y\x \newcommand*\mine{\gatekitvalue{r2}}",
        r"\newenvironment{note}{\par}{} \newtheorem{lemma}{Lemma}[section] \newtheorem*{claim*}{Claim} \newcounter{c}",
        r"\newtheoremstyle{plain2} \definecolor{x}{rgb}{0,0,0} \fontsize{9}{10} \makeatletter \let \z = \x",
        r"$a \iff b \csc x$ \MakeUppercase{a} \ifpackages",
    ],
)
def test_what_defines_something_else_passes(text: str) -> None:
    wanted = ["unsafe"] if "ifpackages" in text else []
    assert ids(document(text)) == wanted


@pytest.mark.parametrize(
    "body",
    [
        rf"\textbf{{{USE}}} and \emph{{\gatekitclaim{{agree}}}}",
        rf"\item {USE}",
        rf"a & {USE} & {USE} \\ {USE} \hline {USE}",
        rf"$x = {USE}$ ({USE}), {USE}.",
        rf"9 {USE} 9 and~{USE}~too",
        rf"{USE}{{}} gatekit checks it with gatekit-sae; \\gatekit checks",
        rf"\caption[short]{{{USE}}} \gatekitliteral{{95\,\%}}",
        r"\par % by gatekit claims sync" + f"\n{USE}",
    ],
)
def test_the_ways_in_which_documents_use_the_macros_pass(body: str) -> None:
    assert ids(document("", body)) == []


@pytest.mark.parametrize(
    "body",
    [
        f"% {USE}",
        rf"\verb|{USE}|",
        rf"\begin{{verbatim}}{USE}\end{{verbatim}}",
        rf"\begin{{lstlisting}}{USE}\end{{lstlisting}}",
        rf"\begin{{comment}}{USE}\end{{comment}}",
        rf"\end{{document}} {USE}",
    ],
)
def test_a_macro_in_text_that_may_not_be_typeset_is_refused(body: str) -> None:
    assert ids(document("", body)) == ["hidden"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"\begin{document} x \end{document}", "not_input"),
        (f"\\begin{{document}} {USE}\n\\input{{gatekit-values}}\n\\end{{document}}", "not_input"),
        ("% \\input{gatekit-values}\n", "hidden"),
        ("\\verb|\\input{gatekit-values}|\n", "hidden"),
        ("\\def\\x{\n\\input{gatekit-values}\n}", "input"),
        ("\\x{}\\input{gatekit-values}", "input"),
        ("\\\\input{gatekit-values}", "input"),
        ("\\input{gatekit-values.tex}", "input"),
        ("\\input{../gatekit-values}", "not_input"),
        ("\\input gatekit-values\n", "input"),
        ("\\include{gatekit-values}", "input"),
        ("\\input{gatekit-values}\n\\begin{x}{gatekit-values.tex}", "input"),
        ("\\input{gatekit-values}\n\\x{gatekit%\n-values.tex}", "macro"),
    ],
)
def test_a_document_inputs_the_file_once_where_tex_is_sure_to_read_it(text: str, wanted: str) -> None:
    assert wanted in ids(text)


@pytest.mark.parametrize(
    "text", [r"\gatevalue{a}{b}{c}{d}{0.9}", r"\gateclaim{a}{b}", r"\newcommand{\gateliteral}[1]{#1}"]
)
def test_the_macros_that_held_their_text_are_refused_with_what_to_write_instead(text: str) -> None:
    (error,) = paper(document("", text)).errors
    assert error.error_id == "claims.old_macro"
    assert r"\gatekitvalue{NAME}" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        f"9{USE}",
        f"9{{}}{USE}",
        f"$9${USE}",
        rf"9\!{USE}",
        f"{USE}e-3",
        f"{USE}{{}}9",
        rf"{USE}\%",
        rf"{USE}$\times 10$",
    ],
)
def test_a_value_that_touches_another_number_is_an_error(body: str) -> None:
    assert ids(document("", body)) == ["glued"]


def test_text_from_other_files_is_named_and_no_error() -> None:
    read = paper(document("", r"\input{methods} \include{results} \subimport{a}{b} % \input{old}"))
    assert read.errors == ()
    assert [(brought.name, str(brought.location)) for brought in read.brought] == [
        ("methods", "paper/p.tex:5:1"),
        ("results", "paper/p.tex:5:17"),
        ("a", "paper/p.tex:5:35"),
    ]


def test_prose_is_scanned_without_what_names_and_literals_answer_for() -> None:
    body = r"It is \gatekitliteral{9.5}, \gatekitvalue{r2} and 0.99. It is robust: \gatekitclaim{robust}."
    read = paper(document("", body))
    assert [stray.text for stray in scan_numbers(read)] == ["0.99"]
    assert [str(stray.location) for stray in scan_language(read)] == [f"paper/p.tex:5:{body.index('robust') + 1}"]


def test_a_literal_that_is_part_of_a_longer_number_is_an_error() -> None:
    assert ids(document("", r"0.\gatekitliteral{9}9")) == ["glued"]


@pytest.mark.parametrize(
    "piece",
    [
        "7",
        "0.99 ",
        "\\",
        "x%\n",
        "%",
        "{",
        "\\verb|",
        "\\begin{verbatim}\\end{verbatim}",
        "\\gatekitvalue{r2} ",
        "\\gatekitliteral{{",
        "\\gatekitliteral{a} ",
        "gatekit",
        "gatekit-values ",
        "\\input{gatekit-values}",
        "\\input{gatekit-values}\n",
        "\\input{x}",
        "\\def ",
        "\\newtheorem ",
        "\\fi",
        "\\label",
        "\\ref{",
    ],
)
def test_any_one_piece_costs_each_time_the_same_however_often_it_stands_there(piece: str) -> None:
    def scanned(characters: int) -> None:
        read = paper(document("", piece * (characters // len(piece))))
        scan_numbers(read)
        scan_language(read)

    assert grows_evenly(scanned, 12_500)


@pytest.mark.parametrize(
    "preamble",
    [
        r"\pretocmd{\ensuremath}{9}{}{}",
        r"\apptocmd{\ensuremath}{9}{}{}",
        r"\xpatchcmd{\ensuremath}{a}{b}{}{}",
        r"\appto\ensuremath{9}",
        r"\LetLtxMacro{\ensuremath}{\mbox}",
        r"\RenewCommandCopy{\ensuremath}{\mbox}",
        r"\DeclareEnvironmentCopy{document}{x}",
        r"\AddToHook{cmd/ensuremath/before}{9}",
        r"\AddToHookNext{ cmd/ensuremath/before}{9}",
        r"\AddToHook{\x}{9}",
        r"\AddToHook{cmd}{9}".replace("cmd", "#1"),
        r"\DeclareMathSymbol{+}{\mathbin}{symbols}{0}",
        r"\DeclareTextCommandDefault{\textless}{9}",
        r"\DeclareTextSymbol{\textless}{OT1}{45}",
        r"\excludecomment{x}",
        r"\NewEnviron{x}{9}",
        r"\NewDocumentEnvironment{x}{+b}{9}{}",
        r"\newenvironment{x}{\setbox0=\vbox\bgroup}{\egroup}",
        r"\scalebox{-1}[1]{x}",
        r"\scalebox{0}{x}",
        r"\resizebox{0pt}{!}{x}",
        r"\scalebox{0.01}{x}",
        r"\fontsize{0}{0}\selectfont",
        r"\fontsize{0.1pt}{1pt}\selectfont",
    ],
)
def test_what_changes_a_command_by_its_name_or_swallows_text_is_refused(preamble: str) -> None:
    assert "unsafe" in ids(document(preamble))


@pytest.mark.parametrize(
    "preamble",
    [
        r"\AddToHook{begindocument}{x}",
        r"\AddToHook{shipout/background}{x}",
        r"\DeclareTextFontCommand{\best}{\bfseries}",
        r"\NewDocumentEnvironment{x}{m}{9}{}",
        r"\scalebox{0.9}{x}",
        r"\apptocmds",
    ],
)
def test_their_near_twins_are_not(preamble: str) -> None:
    assert ids(document(preamble)) == []


@pytest.mark.parametrize(
    "body",
    [
        rf"\phantom{{{USE}}}",
        rf"\phantom{{a {{\bf {USE}}}}}",
        rf"\reflectbox{{{USE}}}",
        rf"\rotatebox[origin=c]{{180}}{{{USE}}}",
        rf"\llap{{{USE}}}",
        rf"\num{{{USE}}}",
        rf"\textcolor{{white}}{{a {USE}}}",
        rf"{{\color{{white}} a {USE}}}",
        rf"\color{{page}} a {{\bf {USE}}}",
        rf"\sout{{a {USE}}}",
        rf"\@gobble{{{USE}}}",
        r"\phantom{\gatekitclaim{agree}}",
    ],
)
def test_a_name_within_a_command_that_does_not_show_what_it_holds_is_refused(body: str) -> None:
    assert "hidden" in ids(document(body=body))


@pytest.mark.parametrize(
    "body",
    [
        rf"\textbf{{{USE}}}",
        rf"\phantom{{x}} {USE}",
        rf"\resizebox{{\textwidth}}{{!}}{{\begin{{tabular}}{{l}} {USE} \end{{tabular}}}}",
        rf"\textcolor{{white}}{{x}} {USE}",
        rf"{{\color{{white}} x}} {USE}",
        rf"\color{{black}} {USE}",
        rf"\caption{{The bound is {USE}.}}",
        rf"\href{{http://a.b}}{{{USE}}}",
    ],
)
def test_a_name_within_or_beside_any_other_command_is_not(body: str) -> None:
    assert ids(document(body=body)) == []


@pytest.mark.parametrize(
    "body",
    [
        rf"{USE}\textsuperscript{{9}}",
        rf"{USE}\number9",
        rf"{USE}\char57",
        rf"{USE}\symbol{{57}}",
        rf"{USE}\llap{{9}}",
        f"{USE}\uff19",
        f"{USE}x",
        f"x{USE}",
        f"{USE}{USE}",
        f"{USE} percent",
        f"{USE}/100",
        f"\u2212{USE}",
        f"\u2013{USE}",
        rf"\textminus{{}}{USE}",
        rf"\textendash {USE}",
        f"9~{USE}",
        f"1 - {USE}",
        f"$- {USE}$",
    ],
)
def test_a_value_that_is_shown_together_with_a_sign_a_digit_or_a_letter_is_refused(body: str) -> None:
    assert {"glued", "macro"} & set(ids(document(body=body)))


@pytest.mark.parametrize(
    "body",
    [
        f"by~{USE}",
        f"a - {USE} b",
        f"({USE}), {USE}; {USE}.",
        f"{USE}-fold",
        rf"{USE}\footnote{{a}} and {USE}\cite{{b}}",
        rf"$r = {USE} \pm {USE}$",
        f"{USE} million-fold".replace("million", "many"),
        f"9 & {USE} & 9",
    ],
)
def test_a_value_that_stands_alone_is_not(body: str) -> None:
    assert ids(document(body=body)) == []


def test_a_number_in_a_macro_of_the_preamble_is_seen_by_the_scan() -> None:
    text = document("\\newcommand{\\gain}{0.99}\n\\def\\x{0.88}\n\\setlength{\\a}{0.77em}", "x")
    assert [stray.text for stray in scan_numbers(paper(text))] == ["0.99", "0.88"]


@pytest.mark.parametrize(
    "text",
    [
        "9%\n@",
        "@%\n9",
        "9\\penalty0 @",
        "9\\mbox{}@",
        "9\\discretionary{}{}{}@",
        "9\\,@",
        "@\\negthinspace 9",
        "@ Prozent",
        "@ per mille",
        "@\\textperthousand",
        "@ \\permil",
        "@ bps",
        "@ \u00bd",
        "\u00bd@",
        "@ \u4e07",
        "minus @",
        "negative @",
        "\u2212 @",
        "\u2796 @",
        "\\(-\\)@",
        "\\( - @\\)",
        "$10^{@}$",
        "@\\textbf{9}",
        "@\\hspace{-1cm}9",
        "\\hspace{-1cm}@",
        "@\\kern-1cm 9",
        "@\\makebox[0pt]{9}",
        "@\\ref{x}",
        "\\arabic{page}@",
        "\\newcommand{\\x}{9} @\\x",
        "\\def\\x{9} \\x{}@",
        "\\gatekitclaim{agree}9",
        "9\\gatekitclaim{agree}",
    ],
)
def test_what_tex_shows_beside_a_value_through_commands_comments_and_words_is_part_of_it(text: str) -> None:
    shown = text.replace("@", USE)
    assert "glued" in ids(document(body=f"x {shown} y"))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "@\\cite{x}",
            "@\\footnote{9}",
            "@\\label{x9}",
            "\\parbox{4cm}{@}",
            "\\multicolumn{2}{c}{@}",
            "9 & @ & 9",
            "@\\\\ 9",
        ),
        *(
            "9\n\n@\n\n9",
            "@~tokens",
            "@ nats",
            "x %\n@ %\n y",
            "\\newcommand{\\x}{9} @ \\x",
            "(\\gatekitclaim{agree}) 9",
        ),
        *(
            "@\\quad 9",
            "\\cite{x9} @",
            "$x = @$",
            "$\\approx$ @",
            "@ % 9\n y",
            "\\verb|9%| @",
            "\\item @",
            "\\section{By @}",
        ),
    ],
)
def test_notes_cells_lines_and_spaces_beside_a_value_are_not(text: str) -> None:
    assert ids(document(body=f"x {text.replace('@', USE)} y")) == []


@pytest.mark.parametrize(
    "code",
    [
        "\\batchmode",
        "\\nonstopmode",
        "\\endlinechar=-1",
        "\\newcolumntype{x}{>{-}c}",
        "\\begin{tabular}{c<{\\%}}",
        "\\begin{tabular}{r@{.}l}",
        "\\begin{tabular}{r@{}l}",
        "\\node[opacity=0]{x}",
        "\\node[rotate=180]{x}",
        "\\node[text=white]{x}",
        "\\begin{luacode}",
    ],
)
def test_what_hides_an_error_or_adds_to_every_cell_is_refused(code: str) -> None:
    assert "unsafe" in ids(document(code))


@pytest.mark.parametrize(
    "code",
    [
        *(
            "\\begin{tabular}{@{}lr@{}}",
            "\\begin{tabular}{l@{\\hspace{1em}}r}",
            "\\newcolumntype{x}{>{\\raggedright}p{3cm}}",
        ),
        "\\node[opacity=0.5]{x}",
        "\\node[rotate=90, scale=0.8]{x}",
        "\\begin{tabular}{>{\\bfseries}l}",
    ],
)
def test_plain_tables_and_drawings_are_not(code: str) -> None:
    assert ids(document(code)) == []
