"""What every ModelCatalog must do."""

from __future__ import annotations

import abc

from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.catalog import ModelCard, Target
from hexgate.ports.catalog import ModelCatalog


class CatalogContract(abc.ABC):
    """Subclasses give a catalogue that knows `known`, which has a price, and where it is served."""

    known: Target
    vendor: str

    @abc.abstractmethod
    def make(self) -> ModelCatalog:
        """The catalogue; may be the same one each time."""

    def test_a_known_model_has_a_card_with_a_price(self) -> None:
        card = self.make().card(self.known)
        assert card.target == self.known
        assert card.price is not None
        assert card.price.version

    def test_asking_again_gives_the_same_card(self) -> None:
        catalog = self.make()
        assert catalog.card(self.known) == catalog.card(self.known)

    def test_a_known_model_has_a_vendor(self) -> None:
        assert self.vendor in self.make().vendors_of(self.known.model)

    def test_an_unknown_model_has_a_card_without_facts(self) -> None:
        for target in (Target(self.known.provider, "no-such-model"), Target("nobody", "x")):
            assert self.make().card(target) == ModelCard(target=target)

    def test_an_unknown_model_has_no_vendor(self) -> None:
        assert self.make().vendors_of("no-such-model") == ()

    def test_no_name_is_an_error(self) -> None:
        catalog = self.make()

        @given(st.text(), st.text())
        def ask(provider: str, model: str) -> None:
            assert catalog.card(Target(provider, model)).target.model == model
            assert catalog.card(Target(self.known.provider, model)).target.model == model
            catalog.vendors_of(model)

        ask()
