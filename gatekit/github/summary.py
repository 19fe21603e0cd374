"""The job summary: Markdown that fits, cut between lines; GitHub drops a summary that is too long as a whole."""

from __future__ import annotations

ROOM = 900 * 1024
"""UTF-8 bytes that we write at most: a step may write 1 MiB, and the steps of a composite action share that."""
COMMENT_LIMIT = 65_536
"""Characters of a comment."""


def fit(markdown: str, limit: int, note: str, count_bytes: bool = True) -> str:
    """Return the longest run of whole lines that fits, with a note where something was left out.

    A code fence or a `<details>` that the cut leaves open is closed, so that the note is not swallowed by it.

    Args:
        markdown: lines ended by line feeds.
        limit: UTF-8 bytes, or characters, of the result; at least 200, and the note at most half of it.
        note: one line that says where the rest is.
        count_bytes: whether `limit` counts bytes.
    """

    def size(text: str) -> int:
        return len(text.encode("utf-8", "backslashreplace")) if count_bytes else len(text)

    if size(markdown) <= limit:
        return markdown
    lines = markdown.splitlines(keepends=True)
    room = limit - size(note) - 110
    kept, used = 0, 0
    while kept < len(lines) and used + size(lines[kept]) <= room:
        used += size(lines[kept])
        kept += 1
    text = "".join(lines[:kept])
    fences = [line.strip() for line in lines[:kept] if line.lstrip().startswith("```")]
    if len(fences) % 2:
        text += "```\n"
    text += "</details>\n" * min(4, max(0, text.count("<details>") - text.count("</details>")))
    return f"{text}\n_{note} ({len(lines) - kept} lines left out.)_\n"
