"""Counts within counts become classes that are disjoint."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.modalities import Shares, divided
from hexgate.domain.usage import Usage

# Small, so that the counts within a total are often more than it.
COUNTS = st.integers(0, 20)
SHARES = st.builds(Shares, audio=COUNTS, image=COUNTS)


@given(st.data(), COUNTS, COUNTS)
def test_classes_add_up_to_the_totals_and_none_is_negative(
    data: st.DataObject, prompt: int, output: int
) -> None:
    used = divided(
        prompt,
        data.draw(SHARES),
        read=data.draw(COUNTS),
        written=data.draw(COUNTS),
        cached=data.draw(st.none() | SHARES),
        output=output,
        spoken=data.draw(COUNTS),
        reasoning=data.draw(COUNTS),
    )
    assert (used.input, used.written) == (prompt, output)
    assert used.reasoning <= used.output
    assert min(getattr(used, name) for name in Usage.__slots__) >= 0


@st.composite
def truths(draw: st.DrawFn) -> Usage:
    """What was used; of images Usage does not tell those from the cache."""
    return Usage(
        uncached_input=draw(COUNTS),
        cache_read=draw(COUNTS),
        cache_write=draw(COUNTS),
        audio_input=draw(COUNTS),
        audio_cache_read=draw(COUNTS),
        image_input=draw(COUNTS),
    )


@given(truths(), st.data())
def test_a_wire_that_tells_everything_is_believed(truth: Usage, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, truth.cache_read))  # images among what was cached
    audio = truth.audio_input + truth.audio_cache_read
    used = divided(
        truth.input,
        Shares(audio=audio, image=truth.image_input + seen),
        read=truth.cache_read + truth.audio_cache_read,
        written=truth.cache_write,
        cached=Shares(audio=truth.audio_cache_read, image=seen),
    )
    assert used == truth


@given(truths())
def test_what_is_not_told_of_the_cache_is_read_the_dearest_way(truth: Usage) -> None:
    audio = truth.audio_input + truth.audio_cache_read
    used = divided(
        truth.input,
        Shares(audio=audio),
        read=truth.cache_read + truth.audio_cache_read,
        written=truth.cache_write,
    )
    assert used.audio_input + used.audio_cache_read == audio
    # Whatever is true, no less audio came from the cache, so it costs no more.
    assert used.audio_cache_read <= truth.audio_cache_read
    if not used.estimated:
        assert used.audio_cache_read == truth.audio_cache_read
