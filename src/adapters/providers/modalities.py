"""Usage in disjoint classes, where a wire counts media and the cache within its totals."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How many of some tokens are media; the others are text."""

    audio: int = 0
    image: int = 0


NO_SHARES = Shares()


def divided(
    prompt: int,
    media: Shares = NO_SHARES,
    *,
    read: int = 0,
    written: int = 0,
    cached: Shares | None = None,
    output: int = 0,
    spoken: int = 0,
    reasoning: int = 0,
) -> Usage:
    """A prompt of so many tokens, of which some are media and some were read from the cache or
    written to it, and an output, of which some are spoken or reasoning.

    `cached` are the media within what was read; None where the wire does not tell. No class is
    negative, and together they are `prompt` and `output`, whatever the counts within these claim.
    """
    read = min(prompt, read)
    written = min(prompt - read, written)
    fresh = prompt - read - written
    heard = audio = image = 0
    guessed = False
    if media.audio or media.image:
        heard, image, guessed = _from_cache(media, fresh, read, cached)
        audio = min(fresh, max(0, media.audio - heard))
        image = min(fresh - audio, image)
    spoken = min(output, spoken)
    return Usage(
        uncached_input=fresh - audio - image,
        cache_read=read - heard,
        cache_write=written,
        audio_input=audio,
        audio_cache_read=heard,
        image_input=image,
        output=output - spoken,
        audio_output=spoken,
        reasoning=min(reasoning, output - spoken),
        estimated=guessed,
    )


def _from_cache(
    media: Shares, fresh: int, read: int, cached: Shares | None
) -> tuple[int, int, bool]:
    """How much audio came from the cache, how many images did not, and whether it is a guess."""
    if cached is not None or not read:
        told = cached or NO_SHARES
        heard = min(read, told.audio)
        return heard, max(0, media.image - min(read - heard, told.image)), False
    # Which of them came from the cache is not told: of audio as little as can be, which is the
    # dearest reading and no more than a guess; images stay among the text.
    heard = min(read, max(0, media.audio - fresh))
    return heard, 0, heard < min(media.audio, read)
