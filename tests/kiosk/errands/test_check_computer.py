"""Which certificate a computer wants, from the card's own: for what, by whom, until when, and told apart from the other one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.reader.model import CardFacts, Certificate
from kiosk.errands.check_card.computer import certificate_choices, computer
from kiosk.region import general
from kiosk.steps.context import ViewContext
from kiosk.texts import LANGUAGES, Texts
from sim.gallery.made_up import CARD_FACTS, ISSUED

CONTEXT, WHEN = ViewContext("check_card"), ISSUED + timedelta(days=100)
(LOG_IN,) = CARD_FACTS.certificates
SIGN = replace(LOG_IN, id="46", purpose="signature", serial="00AB12CD35")
ISSUER = "CN=SITHS e-id Person HSA-id 3 CA v1, O=Inera AB, C=SE"


def card_with(*certificates: Certificate) -> CardFacts:
    return replace(CARD_FACTS, certificates=certificates)


def told(*certificates: Certificate) -> list[str]:
    return [Texts.load().plain(choice.text, "sv") for choice in certificate_choices(card_with(*certificates), WHEN)]


def test_it_says_use_issuer_and_last_day_as_the_window_has_them() -> None:
    assert told(replace(LOG_IN, issuer=ISSUER)) == ["Logga in: SITHS e-id Person HSA-id 3 CA v1, till 2029-03-31."]


def test_two_that_look_alike_are_told_apart_by_their_serial_number() -> None:
    one, other = told(replace(LOG_IN, serial="00AB12CD34"), SIGN)
    assert one.endswith("nummer …12CD34.")
    assert other.startswith("Skriva under: ")
    assert other.endswith("nummer …12CD35.")


def test_two_of_different_issuers_need_no_serial_number() -> None:
    assert not any("nummer" in line for line in told(LOG_IN, replace(SIGN, issuer="CN=Another CA")))


@pytest.mark.parametrize(
    "unusable",
    [
        replace(LOG_IN, not_after=WHEN),
        replace(LOG_IN, not_before=WHEN + timedelta(days=1)),
        replace(LOG_IN, chain="revoked"),
        replace(LOG_IN, purpose="other"),
    ],
)
def test_nobody_is_sent_to_a_certificate_that_does_not_work(unusable: Certificate) -> None:
    assert told(unusable) == []


def test_the_page_behind_it_has_the_exact_words_of_a_computer_that_lacks_the_root() -> None:
    page = next(page for page in general().shown_pages if page.id == "certificates")
    for line in (page.lines[0].sv, page.lines[0].en):
        assert "webbplatsen kunde inte tillhandahålla en säker anslutning" in line


def test_the_code_for_the_phone_is_as_short_as_a_panel_can_show() -> None:
    long_named = replace(LOG_IN, issuer="CN=" + "Utfärdare " * 20)
    lines = told(long_named, replace(long_named, id="46", purpose="signature"))
    assert len("\n".join(lines).encode()) <= 250


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_view_names_the_window(language: str) -> None:
    view = computer(CONTEXT, certificate_choices(CARD_FACTS, WHEN), "text", more=False)
    assert "Välj ett certifikat" in Texts.load().plain(view.title, language)
    assert view.side is None
