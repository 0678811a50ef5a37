"""Made-up data for whoever tests in the sandbox."""

import observatory_sdk as obs
from observatory_universe.service import Service


class MockDataService(Service):
    """Serves test data, and says so each time."""

    id = "mock_data_service"

    @obs.service("mock_data_service", "serve")
    async def serve(self, name: str, subject: str) -> list[float]:
        """Made-up candles for the sandbox run of `subject`; nothing live ever asks for them."""
        await self.work(3)
        obs.facts.mock_served(name=name, subject=subject, outcome="simulated", outcome_reason="sandbox")
        return [100.0 + self.chance.normal(0, 1) for _ in range(50)]
