"""Which media of a request may cost something else than text."""

from __future__ import annotations

import pytest

from hexgate.domain.chat import FileId, Inline, Media, Message, Role, Text, ToolResult
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.estimate import apart_tokens
from hexgate.domain.spec import Spec

BYTES = Inline(bytes(30))  # ten tokens; an image is taken for a thousand


def tokens(media: Media, *kinds: str) -> int:
    return apart_tokens(EmbedSpec(model="m", inputs=((Text("a"), media),)), frozenset(kinds))


@pytest.mark.parametrize(
    ("media_type", "kind", "found"),
    [
        ("audio/wav", "audio", 10),
        ("AUDIO/wav", "audio", 10),
        ("audio/wav", "image", 0),
        ("image/png", "image", 1_000),
        ("image/png", "audio", 0),
        ("video/mp4", "video", 10),
        ("video/mp4", "audio", 10),  # it has sound
        ("video/mp4", "image", 0),
        ("application/pdf", "image", 10),  # its pages are read as images
        ("application/pdf", "audio", 0),
        ("text/plain", "image", 0),
        ("", "video", 10),  # it may be anything
    ],
)
def test_media_are_apart_where_they_may_hold_the_kind(
    media_type: str, kind: str, found: int
) -> None:
    assert tokens(Media(media_type, BYTES), kind) == found


def test_media_that_are_somewhere_else_count_as_a_usual_image() -> None:
    assert tokens(Media("audio/wav", FileId("openai", "f1")), "audio") == 1_000


def test_all_media_of_a_request_are_found_in_results_of_tools_as_well() -> None:
    wav = Media("audio/wav", BYTES)
    spec = Spec(
        model="m",
        messages=(
            Message(Role.USER, (wav, Text("what is this?"))),
            Message(Role.TOOL, (ToolResult("c1", (Text("here"), wav)),)),
        ),
    )
    assert apart_tokens(spec, frozenset({"audio", "image"})) == 20
