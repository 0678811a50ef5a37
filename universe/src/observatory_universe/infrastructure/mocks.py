"""Made-up data for whoever tests in the sandbox."""

import observatory_sdk as obs
from observatory_universe.service import Service


class MockDataService(Service):
    """Serves test data, and says so each time."""

    id = "mock_data_service"

    @obs.service("mock_data_service", "serve")
    async def serve(self, name: str, subject: str) -> list[float]:
        """Made-up values for the sandbox run of `subject`."""
        await self.work(3)
        return self._make_up(name, subject, "sandbox")

    @obs.service("mock_data_service", "stand_in")
    async def stand_in(self, name: str, subject: str) -> list[float] | None:
        """What a live request gets from this service: None, but for a fault, which makes values up."""
        await self.work(3)
        if not self.struck("mock_in_production"):
            return None
        evidence = f"a live request for {name} was answered with made-up values"
        obs.facts.security_event(kind="mock_in_production", subject=subject, evidence=[evidence])
        return self._make_up(name, subject, "live_request")

    def _make_up(self, name: str, subject: str, reason: str) -> list[float]:
        obs.facts.mock_served(name=name, subject=subject, outcome="simulated", outcome_reason=reason)
        return [100.0 + self.chance.normal(0, 1) for _ in range(50)]
