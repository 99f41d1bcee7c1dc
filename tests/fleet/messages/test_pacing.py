"""A station that hears nothing sends again, and never so much that a slow server gets slower."""

from fleet.messages.pacing import MOST_FOLD, Pacing

WINDOW, PATIENCE = 100, 30.0


def silences(pacing: Pacing, until: float, *, under_way: bool = False) -> list[float]:
    """When a station that looks as it is told sends again."""
    found, now = [], 0.0
    while (now := now + pacing.look_in_s(now)) <= until:
        if pacing.is_silent(now, under_way=under_way):
            found.append(now)
    return found


def test_patience_doubles_up_to_its_most_while_the_server_is_silent() -> None:
    pacing = Pacing(WINDOW, PATIENCE, 0.0)
    assert silences(pacing, 930.0) == [30.0, 90.0, 210.0, 450.0, 690.0, 930.0]


def test_a_silence_leaves_one_event_and_each_word_doubles_it_up_to_the_window() -> None:
    pacing = Pacing(WINDOW, PATIENCE, 0.0)
    assert pacing.is_silent(PATIENCE, under_way=False)
    windows = [pacing.window]
    for at in range(8):
        pacing.heard(PATIENCE + at)
        windows.append(pacing.window)
    assert windows == [1, 2, 4, 8, 16, 32, 64, 100, 100]


def test_what_the_broker_has_not_acknowledged_is_waited_for_but_not_for_ever() -> None:
    pacing = Pacing(WINDOW, PATIENCE, 0.0)
    assert silences(pacing, MOST_FOLD * PATIENCE, under_way=True) == [MOST_FOLD * PATIENCE]


def test_a_word_gives_the_first_patience_back() -> None:
    pacing = Pacing(WINDOW, PATIENCE, 0.0)
    assert silences(pacing, 100.0) == [30.0, 90.0]
    pacing.heard(100.0)
    assert pacing.look_in_s(100.0) == PATIENCE


def test_silence_counts_from_when_something_was_owed() -> None:
    pacing = Pacing(WINDOW, PATIENCE, 0.0)
    pacing.idle(29.0)
    assert not pacing.is_silent(58.0, under_way=False)
    assert pacing.is_silent(59.0, under_way=False)
