"""Makes pages that are written for GitHub fit the site; mkdocs calls it as a hook (mkdocs.yml).

README.md, CONTRIBUTING.md and CHANGELOG.md become pages of the site. A link to another file of the repository leads to
a copy of it below source/, so that the site needs no network; one to a folder becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
FROM_THE_ROOT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
COPIES = "source"

_FENCED = re.compile(r"^( *)(```+|~~~+).*?^ *\2.*?$|`[^`\n]+`(?!\])", re.MULTILINE | re.DOTALL)
# Of a fence's words the first is the language; the site's parser takes no other.
_SECOND_WORD = re.compile(r"^( *```+\w+) [\w-]+$", re.MULTILINE)
_LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|link\b(?=[^>]*\brel=[\"']?(?:stylesheet|icon|preload|preconnect|dns)))"
    r"[^>]*\b(?:src|srcset|href)=[\"']?((?:https?:)?//[^\"'\s>]+)"
)
_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">'
    r'\s*<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)
_LINK = re.compile(
    r"!?\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)"
    r"|^(?P<label>\[[^\]\n]+\]: +)(?P<defined>\S+)$"
    r"|(?P<attribute>\b(?:src|srcset|href)=)\"(?P<quoted>[^\"]+)\"",
    re.MULTILINE,
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the anchors of headings as GitHub does, since links are written for those."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = github_anchor
    return config


def github_anchor(heading: str, separator: str) -> str:
    """The name that GitHub gives a heading: `--root DIR` becomes --root-dir."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from the root and the files of the repository that a page links to."""
    for name, page in FROM_THE_ROOT.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    unread = [file for file in files if file.is_documentation_page()]
    found: set[str] = set()
    while unread:
        file = unread.pop()
        for path in sorted(_linked_from(file) - found):
            found.add(path)
            copy = File.generated(config, f"{COPIES}/{path}", content=(ROOT / path).read_bytes())
            files.append(copy)
            if copy.is_documentation_page():
                unread.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Write the links of a page as the site needs them."""
    here = page.file.src_uri
    spans = [match.span() for match in _FENCED.finditer(markdown)]

    def rewritten(match: re.Match[str]) -> str:
        if _inside(match.start(), spans):
            return match[0]
        target = _resolved(_in_repository(here), match)
        if target is None:
            return match[0]
        if (ROOT / target).is_dir():
            return match["text"] or match[0]
        address = posixpath.relpath(_in_site(target), posixpath.dirname(here) or ".")
        start, end = (place - match.start() for place in match.span(_place(match)))
        path = match[0][start:end].split("#")[0]
        return f"{match[0][:start]}{address}{match[0][start + len(path) :]}"

    return _PICTURE.sub(_by_palette, _SECOND_WORD.sub(r"\1", _LINK.sub(rewritten, markdown)))


def _by_palette(match: re.Match[str]) -> str:
    """A picture that follows the palette of the site, which a reader may choose, and not the browser's."""
    alt, light, dark = match["alt"], match["light"], match["dark"]
    return f'<img alt="{alt}" src="{light}#only-light"><img alt="{alt}" src="{dark}#only-dark">'


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Fail where a page would load anything from another host."""
    asked = _LOADED.findall(output)
    if asked:
        raise PluginError(f"{page.file.src_uri} asks another host: {', '.join(asked)}")
    return output


def _linked_from(file: File) -> set[str]:
    """The files of the repository that a page links to and that the site has as copies only."""
    start = _in_repository(file.src_uri)
    targets = {_resolved(start, match) for match in _links(file.content_string)}
    return {path for path in targets if path and _in_site(path).startswith(f"{COPIES}/") and (ROOT / path).is_file()}


def _links(markdown: str) -> list[re.Match[str]]:
    spans = [match.span() for match in _FENCED.finditer(markdown)]
    return [match for match in _LINK.finditer(markdown) if not _inside(match.start(), spans)]


def _inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _place(match: re.Match[str]) -> str:
    return next(name for name in ("target", "defined", "quoted") if match[name])


def _target(match: re.Match[str]) -> str:
    return match[_place(match)]


def _resolved(start: str, match: re.Match[str]) -> str | None:
    """The path in the repository that a link leads to; None where it leads to the same page or another host."""
    path = unquote(_target(match).split("#")[0])
    if not path or re.match(r"[a-z]+:", path):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(start), path))


def _in_repository(page: str) -> str:
    """Where the source of a page of the site lies."""
    if page.startswith(f"{COPIES}/"):
        return page.removeprefix(f"{COPIES}/")
    return next((name for name, made in FROM_THE_ROOT.items() if made == page), f"docs/{page}")


def _in_site(path: str) -> str:
    """Where a file of the repository lies in the site."""
    if path in FROM_THE_ROOT:
        return FROM_THE_ROOT[path]
    if path.startswith("docs/") and not path.endswith(".py"):
        return path.removeprefix("docs/")
    return f"{COPIES}/{path}"
