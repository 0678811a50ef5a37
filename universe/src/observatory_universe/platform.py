"""The composition root: all 65 services, built once, each handed the services that it calls."""

import asyncio

from observatory_universe.ai.chat import (
    AiChatEngine,
    ChatIntegrationService,
    ChatServiceAdapters,
    ConversationalAiOrchestrator,
    UnifiedAiManager,
)
from observatory_universe.ai.consensus import AiConsensusEngine
from observatory_universe.ai.insights import DebugInsightGenerator, DynamicStrategyGenerator
from observatory_universe.ai.memory import ChatMemoryService
from observatory_universe.ai.sentiment import SentimentAnalysisEngine
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.credits.payments import CryptoPaymentService
from observatory_universe.credits.profit import ProfitSharingService
from observatory_universe.discovery.assets import DynamicAssetFilter, SimpleAssetDiscovery
from observatory_universe.discovery.onboarding import UserOnboardingService
from observatory_universe.discovery.opportunities import UserOpportunityDiscovery
from observatory_universe.health.emergency import EmergencyManager
from observatory_universe.health.events import EventDrivenServicesManager
from observatory_universe.health.journal import SystemJournal
from observatory_universe.health.monitoring import HealthMonitor, SystemMonitoringService
from observatory_universe.health.resources import ResourceMonitor
from observatory_universe.health.strategy_system import StrategySystemMonitor
from observatory_universe.infrastructure.background import BackgroundServiceManager
from observatory_universe.infrastructure.gates import OauthService, RateLimitService
from observatory_universe.infrastructure.messages import EmailService, TelegramCore, WebsocketService
from observatory_universe.infrastructure.mocks import MockDataService
from observatory_universe.infrastructure.state import StateCoordinator
from observatory_universe.infrastructure.tuning import EnterpriseSystemOptimization
from observatory_universe.market import SYMBOLS, MarketEvent
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.market_data.discovery import DynamicExchangeDiscovery
from observatory_universe.market_data.history import RealBacktestingEngine, RealPerformanceTracker
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.market_data.streams import WebsocketMarketData
from observatory_universe.market_data.universe import ExchangeUniverseService
from observatory_universe.pace import Pace
from observatory_universe.queue import Queue
from observatory_universe.risk.calculation import (
    CorrelationAnalysisEngine,
    PortfolioOptimizationEngine,
    RiskCalculationEngine,
    StressTestingEngine,
)
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.risk.sizing import PositionSizingEngine
from observatory_universe.service import Service, World
from observatory_universe.signals.backtesting import SignalBacktestingService
from observatory_universe.signals.bridge import SignalExecutionBridge
from observatory_universe.signals.channels import SignalChannelService
from observatory_universe.signals.delivery import SignalDeliveryService
from observatory_universe.signals.evaluation import SignalEvaluationService
from observatory_universe.signals.generation import SignalGenerationEngine
from observatory_universe.signals.performance import SignalPerformanceService
from observatory_universe.signals.sentiment import RealtimeSentimentEngine
from observatory_universe.split import Hosts, Remote
from observatory_universe.strategies import Library
from observatory_universe.trading.execution import PaperTradingEngine, TradeExecutionService
from observatory_universe.trading.marketplace import (
    StrategyMarketplaceService,
    StrategySubmissionService,
    StrategyTestingService,
)
from observatory_universe.trading.routing import BinanceSmartRouter, CrossStrategyCoordinator
from observatory_universe.trading.strategies import StrategyMonitoringService, UnifiedStrategyService
from observatory_universe.users import User


class Platform:
    """The services by name. Whoever stands further down may call whoever stands further up."""

    def __init__(self, world: World, pace: Pace, hosts: Hosts | None = None) -> None:
        self.world = world
        self._hosts = hosts or Hosts()
        self.library = Library(world.ids)
        self._build_foundations(world, pace)
        self._build_market_data(world)
        self._build_risk(world)
        self._build_trading(world, pace)
        self._build_intelligence(world, pace)
        self._build_watch(world)
        self._teach()

    def services(self) -> list[Service]:
        """Those that live in this process, in the order in which they were built."""
        return [value for value in vars(self).values() if isinstance(value, Service)]

    def queues(self) -> list[Queue]:
        """The queues of the services that live here."""
        return [queue for service in self.services() for queue in vars(service).values() if isinstance(queue, Queue)]

    def has(self, service_id: str) -> bool:
        """True when the service lives in this process."""
        return isinstance(getattr(self, service_id), Service)

    def _build_foundations(self, world: World, pace: Pace) -> None:
        put = self._hosts.put
        self.state_coordinator = put(StateCoordinator(world))
        self.system_journal = put(SystemJournal(world))
        self.api_cost_tracker = put(ApiCostTracker(world))
        self.rate_limit_service = put(RateLimitService(world))
        self.oauth_service = put(OauthService(world, self.rate_limit_service, self.system_journal))
        self.websocket_service = put(WebsocketService(world))
        self.email_service = put(EmailService(world, self.api_cost_tracker))
        self.telegram_core = put(TelegramCore(world, self.rate_limit_service))
        self.mock_data_service = put(MockDataService(world))
        self.credit_ledger = put(CreditLedger(world))
        self.crypto_payment_service = put(CryptoPaymentService(world, self.credit_ledger, self.api_cost_tracker))
        self.profit_sharing_service = put(ProfitSharingService(world, self.credit_ledger))
        self.resource_monitor = put(ResourceMonitor(world))
        self.system_monitoring_service = put(SystemMonitoringService(world, self.resource_monitor))
        self.event_driven_services_manager = put(EventDrivenServicesManager(world))
        self.background_service_manager = put(BackgroundServiceManager(world, pace.job_workers))

    def _build_market_data(self, world: World) -> None:
        put = self._hosts.put
        self.market_data_coordinator = put(MarketDataCoordinator(world, self.event_driven_services_manager))
        self.websocket_market_data = put(WebsocketMarketData(world, self.market_data_coordinator))
        self.real_market_data_service = put(RealMarketDataService(world, self.api_cost_tracker))
        self.dynamic_exchange_discovery = put(DynamicExchangeDiscovery(world))
        self.simple_asset_discovery = put(SimpleAssetDiscovery(world))
        self.dynamic_asset_filter = put(
            DynamicAssetFilter(world, self.dynamic_exchange_discovery, self.real_market_data_service)
        )
        self.exchange_universe_service = put(
            ExchangeUniverseService(world, self.dynamic_exchange_discovery, self.simple_asset_discovery)
        )
        self.market_analysis_service = put(
            MarketAnalysisService(
                world, self.real_market_data_service, self.dynamic_asset_filter, self.exchange_universe_service
            )
        )
        self.real_backtesting_engine = put(RealBacktestingEngine(world, self.real_market_data_service))
        self.real_performance_tracker = put(RealPerformanceTracker(world))

    def _build_risk(self, world: World) -> None:
        put = self._hosts.put
        self.risk_calculation_engine = put(RiskCalculationEngine(world, self.real_market_data_service))
        self.portfolio_optimization_engine = put(
            PortfolioOptimizationEngine(world, self.real_market_data_service, self.dynamic_asset_filter)
        )
        self.correlation_analysis_engine = put(CorrelationAnalysisEngine(world, self.real_market_data_service))
        self.stress_testing_engine = put(StressTestingEngine(world))
        self.position_sizing_engine = put(PositionSizingEngine(world))
        self.portfolio_risk_service = put(
            PortfolioRiskService(
                world,
                self.risk_calculation_engine,
                self.portfolio_optimization_engine,
                self.correlation_analysis_engine,
                self.stress_testing_engine,
            )
        )

    def _build_trading(self, world: World, pace: Pace) -> None:
        put = self._hosts.put
        self.trade_execution_service = put(
            TradeExecutionService(world, self.real_market_data_service, self.state_coordinator, self.system_journal)
        )
        self.paper_trading_engine = put(PaperTradingEngine(world, self.market_data_coordinator))
        self.binance_smart_router = put(
            BinanceSmartRouter(world, self.exchange_universe_service, self.market_data_coordinator)
        )
        self.cross_strategy_coordinator = put(CrossStrategyCoordinator(world, self.portfolio_risk_service))
        self.unified_strategy_service = put(
            UnifiedStrategyService(
                world,
                self.cross_strategy_coordinator,
                self.position_sizing_engine,
                self.portfolio_risk_service,
                self.binance_smart_router,
                self.trade_execution_service,
                self.paper_trading_engine,
                self.real_performance_tracker,
                self.profit_sharing_service,
                self.credit_ledger,
                self.market_data_coordinator,
            )
        )
        self.strategy_monitoring_service = put(
            StrategyMonitoringService(world, self.unified_strategy_service, pace.position_hold_s)
        )
        self.signal_backtesting_service = put(SignalBacktestingService(world, self.real_market_data_service))
        self.strategy_testing_service = put(
            StrategyTestingService(
                world, self.mock_data_service, self.real_backtesting_engine, self.signal_backtesting_service
            )
        )
        self.strategy_submission_service = put(
            StrategySubmissionService(world, self.strategy_testing_service, self.rate_limit_service, pace.testers)
        )
        self.strategy_marketplace_service = put(
            StrategyMarketplaceService(world, self.library, self.credit_ledger, self.real_performance_tracker)
        )

    def _build_intelligence(self, world: World, pace: Pace) -> None:
        put = self._hosts.put
        self.ai_consensus_engine = put(AiConsensusEngine(world))
        self.sentiment_analysis_engine = put(SentimentAnalysisEngine(world, self.market_analysis_service))
        self.realtime_sentiment_engine = put(
            RealtimeSentimentEngine(world, self.sentiment_analysis_engine, self.market_analysis_service)
        )
        self.signal_generation_engine = put(
            SignalGenerationEngine(
                world,
                self.library,
                self.market_data_coordinator,
                self.market_analysis_service,
                self.realtime_sentiment_engine,
            )
        )
        self.signal_evaluation_service = put(
            SignalEvaluationService(world, self.ai_consensus_engine, pace.consensus_ratio)
        )
        self.signal_channel_service = put(SignalChannelService(world, self.credit_ledger))
        self.signal_delivery_service = put(
            SignalDeliveryService(
                world,
                self.signal_channel_service,
                self.telegram_core,
                self.email_service,
                self.websocket_service,
                self.credit_ledger,
                self.api_cost_tracker,
                self.system_monitoring_service,
            )
        )
        self.signal_execution_bridge = put(
            SignalExecutionBridge(
                world, self.unified_strategy_service, self.strategy_marketplace_service, self.system_monitoring_service
            )
        )
        self.signal_performance_service = put(
            SignalPerformanceService(world, self.market_data_coordinator, self.ai_consensus_engine)
        )
        self.chat_memory_service = put(ChatMemoryService(world))
        self.chat_service_adapters = put(
            ChatServiceAdapters(
                world, self.portfolio_risk_service, self.market_analysis_service, self.strategy_marketplace_service
            )
        )
        self._build_chat(world)

    def _build_chat(self, world: World) -> None:
        put = self._hosts.put
        self.ai_chat_engine = put(
            AiChatEngine(world, self.chat_memory_service, self.chat_service_adapters, self.ai_consensus_engine)
        )
        self.unified_ai_manager = put(UnifiedAiManager(world, self.ai_chat_engine))
        self.conversational_ai_orchestrator = put(ConversationalAiOrchestrator(world, self.unified_ai_manager))
        self.chat_integration_service = put(
            ChatIntegrationService(
                world,
                self.conversational_ai_orchestrator,
                self.rate_limit_service,
                self.websocket_service,
            )
        )
        self.debug_insight_generator = put(DebugInsightGenerator(world, self.system_journal))
        self.dynamic_strategy_generator = put(
            DynamicStrategyGenerator(
                world, self.library, self.market_analysis_service, self.strategy_submission_service
            )
        )
        self.user_opportunity_discovery = put(
            UserOpportunityDiscovery(
                world,
                self.market_analysis_service,
                self.realtime_sentiment_engine,
                self.portfolio_risk_service,
                self.strategy_marketplace_service,
            )
        )
        self.user_onboarding_service = put(
            UserOnboardingService(
                world,
                self.oauth_service,
                self.credit_ledger,
                self.strategy_marketplace_service,
                self.signal_channel_service,
                self.email_service,
            )
        )

    def _build_watch(self, world: World) -> None:
        put = self._hosts.put
        self.emergency_manager = put(
            EmergencyManager(
                world,
                self.trade_execution_service,
                self.unified_strategy_service,
                self.telegram_core,
                self.websocket_service,
            )
        )
        self.strategy_system_monitor = put(StrategySystemMonitor(world, self.unified_strategy_service))
        self.enterprise_system_optimization = put(
            EnterpriseSystemOptimization(world, self.resource_monitor, self.system_journal)
        )
        self.health_monitor = put(
            HealthMonitor(
                world,
                self.system_monitoring_service,
                self.state_coordinator,
                {
                    "market_analysis_service": lambda: self.market_analysis_service.analyse(next(iter(SYMBOLS))),
                    "credit_ledger": lambda: self.credit_ledger.read("platform"),
                    "state_coordinator": lambda: self.state_coordinator.read("health"),
                    "trade_execution_service": self.trade_execution_service.reject_ratio,
                },
            )
        )

    def _teach(self) -> None:
        """Hands callbacks to the services that live here; the services behind them may live elsewhere."""
        if not isinstance(self.event_driven_services_manager, Remote):
            self.event_driven_services_manager.subscribe(self._follow_event)
        if not isinstance(self.telegram_core, Remote):
            self.telegram_core.teach("chat", self.chat_integration_service.receive)
            self.telegram_core.teach("signals", self._answer_signals)
            self.telegram_core.teach("risk", self._answer_risk)
            self.telegram_core.report_to(self.signal_delivery_service.note_receipts)
        if not isinstance(self.websocket_service, Remote):
            self.websocket_service.report_to(self.signal_delivery_service.note_receipts)

    async def _follow_event(self, event: MarketEvent) -> None:
        signal = await self.signal_generation_engine.generate(event)
        if signal is None:
            return
        accepted, verdict = await self.signal_evaluation_service.evaluate(signal)
        if not accepted:
            return
        await self.signal_performance_service.follow(signal, verdict)
        await asyncio.gather(
            self.signal_delivery_service.deliver(signal), self.signal_execution_bridge.bridge(signal, verdict)
        )

    async def _answer_signals(self, user: User, channel: str) -> str:
        await self.signal_performance_service.summary()
        return "signal_summary"

    async def _answer_risk(self, user: User, channel: str) -> str:
        await self.portfolio_risk_service.assess(user)
        return "risk_summary"
