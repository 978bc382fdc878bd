"""Text without meaning, but with long and short words, other scripts, accents and emoji."""

from __future__ import annotations

from hexgate.adapters.simulator.dice import Dice

_WORDS = (
    "harbour",
    "lantern",
    "river",
    "copper",
    "quiet",
    "seven",
    "windows",
    "orchard",
    "the",
    "a",
    "of",
    "under",
    "between",
    "slowly",
    "bright",
    "letter",
    "morning",
    "bridge",
    "wandering",
    "remembers",
    "carries",
    "opens",
    "keeps",
    "salt",
    "paper",
    "clock",
    "garden",
    "north",
    "über",
    "Straße",
    "café",
    "naïve",
    "señor",
    "crème",
    "smörgås",
    "żółw",
    "řeka",
    "čas",
    "Ελλάδα",
    "вечер",
    "море",
    "灯台",
    "港",
    "朝",
    "花",
    "🌊",
    "🦉",
    "🕯️",
    "👩\u200d🚀",
)
_ENDS = (".", ".", ".", "!", "?", " …")


def word(dice: Dice) -> str:
    """One word."""
    return dice.one(_WORDS)


def sentence(dice: Dice, length: int = 0) -> str:
    """A sentence of `length` words, or of six to fourteen."""
    words = [word(dice) for _ in range(length or 6 + dice.below(9))]
    return " ".join(words).capitalize() + dice.one(_ENDS)


def story(dice: Dice, paragraphs: int = 3) -> str:
    """Paragraphs of three to five sentences."""
    return "\n\n".join(
        " ".join(sentence(dice) for _ in range(3 + dice.below(3))) for _ in range(paragraphs)
    )
