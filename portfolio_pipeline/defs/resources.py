"""The resources of the assets: the ports' adapters, the settings and the strategy cards, as the environment asks for.

Assets get plain domain objects. Nothing is read or connected before a run needs it, so that the definitions load on any
machine. In tests, plain objects are given as resources instead.
"""

from typing import Any

import dagster as dg

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.components.session_asset import refusals_as_failures


class WiredResource(dg.ConfigurableResource[Any]):
    """One part of the house, built from the environment when a run starts."""

    part: str

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            return getattr(wire(), self.part)


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The warehouse, with its tables there and up to date."""

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            warehouse = wire().warehouse
            kept = warehouse.prepare()
            if kept is not None and context.log is not None:
                context.log.info(f"The tables were carried forward. As they were before: {kept}")
            return warehouse


class StrategiesResource(dg.ConfigurableResource[Any]):
    """All strategy cards, in the order of their names."""

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            return load_cards()


@dg.definitions
def resources() -> dg.Definitions:
    parts = ("market_data", "broker", "clock", "alerts", "settings")
    return dg.Definitions(
        resources={
            "warehouse": WarehouseResource(),
            "strategies": StrategiesResource(),
            **{part: WiredResource(part=part) for part in parts},
        }
    )
