"""Wrapped methods behave as before, and each call is an entry span."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import traceback
import weakref
from typing import Any

import pytest

CODE = """
    class Desk:
        made = 0

        @property
        def busy(self):
            raise RuntimeError("a property is no call")

        def add(self, a, b=2, *, c: int = 3) -> int:
            "Adds."
            return a + b + c

        async def later(self, value, error=None):
            if error is not None:
                raise error from ValueError("cause")
            return value

        def steps(self, upto):
            received = []
            for number in range(upto):
                received.append((yield number))
            return received

        async def stream(self, upto):
            for number in range(upto):
                yield number

        @staticmethod
        def plus(a, b):
            return a + b

        @classmethod
        def named(cls):
            return cls.__name__

        def _inner(self):
            return 1

        def depth(self, n):
            return n and 1 + self.depth(n - 1)

    class Senior(Desk):
        def add(self, a, b=2, *, c=3):
            return super().add(a, b, c=c) * 10

    early = Desk()

    def compute(value):
        return value * 2
"""
BOUND = """
    desk:
      targets: [plat.desk:Desk, plat.desk]
    senior_desk:
      targets: plat.desk:Senior
"""


@pytest.fixture
def desk(platform: Any) -> Any:
    platform.write("plat.desk", CODE)
    platform.attach(BOUND)
    return platform.load("plat.desk")


def test_each_kind_of_method_is_an_entry_span_and_gives_what_it_gave(desk: Any, recorded: Any) -> None:
    async def main() -> list[int]:
        assert await desk.early.later(4) == 4
        return [item async for item in desk.early.stream(3)]

    steps = desk.early.steps(2)
    assert (next(steps), steps.send("a")) == (0, 1)
    with pytest.raises(StopIteration) as end:
        steps.send("b")
    assert end.value.value == ["a", "b"]
    assert (desk.early.add(1, c=1), desk.Desk.plus(1, 2), desk.early.plus(1, 2)) == (4, 3, 3)
    assert (desk.Desk.named(), desk.Senior.named(), desk.compute(3)) == ("Desk", "Senior", 6)
    assert asyncio.run(main()) == [0, 1, 2]
    spans = recorded.spans()
    assert [span.name for span in spans] == [
        "desk.steps",
        "desk.add",
        "desk.plus",
        "desk.plus",
        "desk.named",
        "desk.named",
        "desk.compute",
        "desk.later",
        "desk.stream",
    ]
    assert {span.attributes["observatory.service"] for span in spans} == {"desk"}


def test_private_methods_and_properties_are_left_alone(desk: Any, recorded: Any) -> None:
    assert desk.early._inner() == 1
    assert isinstance(inspect.getattr_static(desk.Desk, "busy"), property)
    assert recorded.spans() == []


def test_an_overriding_method_that_goes_on_to_the_one_it_overrides_is_one_call(
    platform: Any, recorded: Any, names: Any
) -> None:
    platform.write("plat.desk", CODE)
    platform.attach("desk:\n  targets: [plat.desk:Desk, plat.desk:Senior]\n")
    desk = platform.load("plat.desk")
    assert desk.Senior().add(1) == 60
    assert names(recorded) == ["desk.Senior.add"]
    assert desk.Senior().plus(1, 2) == 3  # inherited, wrapped where it stands
    assert names(recorded)[1:] == ["desk.plus"]


def test_an_inherited_method_of_another_services_class_is_an_inner_call(desk: Any, recorded: Any, names: Any) -> None:
    assert desk.Senior().add(1) == 60
    assert names(recorded) == ["desk.add", "senior_desk.add"]


def test_a_method_that_calls_itself_is_one_call_with_inner_spans(desk: Any, recorded: Any) -> None:
    assert desk.early.depth(2) == 2
    spans = recorded.spans()
    assert [span.name for span in spans] == ["desk.depth"] * 3
    assert ["observatory.caller" in span.attributes for span in spans] == [False, False, True]


def test_the_wrapper_looks_like_the_function(desk: Any) -> None:
    Desk = desk.Desk  # noqa: N806
    assert str(inspect.signature(Desk.add)) == "(self, a, b=2, *, c: int = 3) -> int"
    assert (Desk.add.__name__, Desk.add.__qualname__, Desk.add.__doc__) == ("add", "Desk.add", "Adds.")
    assert inspect.iscoroutinefunction(Desk.later)
    assert inspect.isasyncgenfunction(Desk.stream)
    assert inspect.isgeneratorfunction(Desk.steps)
    assert isinstance(inspect.getattr_static(Desk, "plus"), staticmethod)
    assert isinstance(inspect.getattr_static(Desk, "named"), classmethod)
    assert inspect.ismethod(desk.early.add)
    assert inspect.getsource(desk.compute).startswith("def compute")


def test_functions_and_bound_methods_are_pickled_copied_and_referred_to_weakly(desk: Any) -> None:
    assert pickle.loads(pickle.dumps(desk.compute)) is desk.compute  # noqa: S301
    assert pickle.loads(pickle.dumps(desk.Desk.add)) is desk.Desk.add  # noqa: S301
    assert pickle.loads(pickle.dumps(desk.early.add))(1) == 6  # noqa: S301
    assert copy.deepcopy({"call": desk.compute})["call"] is desk.compute
    assert weakref.WeakMethod(desk.early.add)()(1) == 6  # type: ignore[misc]
    assert desk.early.add == desk.early.add


def test_an_exception_comes_through_as_it_was_raised(desk: Any, recorded: Any) -> None:
    raised = KeyError("x")
    with pytest.raises(KeyError) as found:
        asyncio.run(desk.early.later(1, raised))
    assert found.value is raised
    assert isinstance(raised.__cause__, ValueError)
    assert [frame.name for frame in traceback.extract_tb(raised.__traceback__)][-1] == "later"
    assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(raised.__traceback__))
    assert recorded.span("desk.later").attributes["error.type"] == "KeyError"
    with pytest.raises(TypeError, match=r"Desk.add\(\) missing 1 required positional argument: 'a'") as misused:
        desk.early.add()
    assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(misused.tb))


def test_tracebacks_stay_clean_when_nothing_is_configured(desk: Any) -> None:
    with pytest.raises(KeyError) as found:
        asyncio.run(desk.early.later(1, KeyError("x")))
    assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(found.tb))
    for broken in (desk.early.steps("x"), desk.early.steps(None)):
        with pytest.raises(TypeError) as wrong:
            next(broken)
        assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(wrong.tb))


def test_generators_are_closed_and_thrown_into_as_before(desk: Any, recorded: Any) -> None:
    steps = desk.early.steps(5)
    next(steps)
    steps.close()
    thrown = desk.early.steps(5)
    next(thrown)
    with pytest.raises(LookupError) as found:
        thrown.throw(LookupError("in"))
    assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(found.tb))
    assert [span.attributes.get("error.type") for span in recorded.spans()] == [None, "LookupError"]


def test_a_cancelled_call_is_cancelled_and_named_but_no_error(platform: Any, recorded: Any) -> None:
    platform.write(
        "plat.slow",
        """
        import asyncio
        class Slow:
            async def wait(self):
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError as error:
                    assert error.args == ("enough",)
                    raise
        """,
    )
    platform.attach("slow:\n  targets: plat.slow:Slow")

    async def main() -> None:
        task = asyncio.create_task(platform.load("plat.slow").Slow().wait())
        assert "Slow.wait" in repr(task)
        await asyncio.sleep(0)
        task.cancel("enough")
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    span = recorded.span("slow.wait")
    assert span.attributes["error.type"] == "CancelledError"
    assert span.status.is_unset


def test_a_coroutine_that_nobody_finished_hurts_nobody(desk: Any, recorded: Any) -> None:
    class Once:
        def __await__(self) -> Any:
            yield self

    coroutine = desk.early.later(Once())
    coroutine.close()
    assert recorded.spans() == []


def test_a_task_made_inside_a_call_is_not_taken_for_that_call_when_it_is_over(platform: Any, recorded: Any) -> None:
    platform.write(
        "plat.loops",
        """
        import asyncio
        class Base:
            async def work(self):
                return "base"
        class Loop(Base):
            async def work(self):
                async def after():
                    await asyncio.sleep(0.01)
                    return await Base.work(self)
                return asyncio.create_task(after())
        """,
    )
    platform.attach("loops:\n  targets: [plat.loops:Base, plat.loops:Loop]")

    async def main() -> str:
        task = await platform.load("plat.loops").Loop().work()
        done: str = await task
        return done

    assert asyncio.run(main()) == "base"
    assert [span.name for span in recorded.spans()] == ["loops.Loop.work", "loops.work"]


def test_detached_code_is_the_code_it_was(platform: Any) -> None:
    platform.write("plat.desk", CODE)
    desk = platform.load("plat.desk")
    before = {name: vars(desk.Desk)[name] for name in ("add", "plus", "named", "later")}
    function = desk.compute
    attachment = platform.attach(BOUND)
    assert desk.compute is not function
    attachment.detach()
    assert {name: vars(desk.Desk)[name] for name in before} == before
    assert desk.compute is function


FAMILY = """
    import dataclasses, pickle, types

    @dataclasses.dataclass(frozen=True)
    class Refused(Exception):
        code: int

    class Base:
        def go(self):
            return "base"
        @classmethod
        def made(cls):
            return "base"
        @staticmethod
        def still():
            return "base"

    class One(Base):
        pass

    class Two(Base):
        def go(self):
            return "two"
        @classmethod
        def made(cls):
            return "two"
        @staticmethod
        def still():
            return "two"

    class Three(Base):
        pass

    class Both(One, Two):
        pass

    class Odd:
        def refuse(self):
            raise Refused(3)
        async def refuse_later(self):
            raise Refused(3)
        def refuse_step(self):
            yield 1
            raise Refused(3)
        async def refuse_late_step(self):
            yield 1
            raise Refused(3)
        @types.coroutine
        def old(self):
            yield
            return 9
        def a_mess(self):
            return 1
        a_mess.__signature__ = "none"
        async def stream(self):
            yield 1

    class Odder(Odd):
        async def stream(self):
            async for item in super().stream():
                yield item * 10
"""


@pytest.fixture
def family(platform: Any) -> Any:
    platform.write("plat.family", FAMILY)
    platform.attach("""
        one: {targets: plat.family:One}
        three: {targets: plat.family:Three}
        odd: {targets: [plat.family:Odd, plat.family:Odder]}
    """)
    return platform.load("plat.family")


def test_an_inherited_method_does_not_stand_before_one_that_another_base_overrides(
    family: Any, recorded: Any, names: Any
) -> None:
    both = family.Both()
    assert (both.go(), family.Both.made(), both.still()) == ("two", "two", "two")
    assert family.One.go is family.Base.go
    assert pickle.loads(pickle.dumps(family.One.go)) is family.One.go  # noqa: S301
    assert names(recorded) == []
    assert (family.One().go(), family.Three().go(), family.Base().go(), family.Three.made()) == ("base",) * 4
    assert names(recorded) == ["one.go", "three.go", "three.made"]


def test_an_exception_that_nobody_may_write_on_comes_through(family: Any, recorded: Any) -> None:
    odd = family.Odd()

    async def all_of() -> list[int]:
        return [item async for item in odd.refuse_late_step()]

    for call in (
        odd.refuse,
        lambda: asyncio.run(odd.refuse_later()),
        lambda: list(odd.refuse_step()),
        lambda: asyncio.run(all_of()),
    ):
        with pytest.raises(family.Refused) as found:
            call()
        assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(found.tb))
    assert {span.attributes["error.type"] for span in recorded.spans()} == {"Refused"}


def test_a_coroutine_of_the_old_kind_is_awaited_as_before(family: Any, recorded: Any) -> None:
    async def main() -> int:
        done: int = await family.Odd().old()
        return done

    assert asyncio.run(main()) == 9
    assert recorded.span("odd.old")


def test_a_signature_that_is_none_keeps_no_method_from_being_wrapped(family: Any, recorded: Any, names: Any) -> None:
    assert family.Odd().a_mess() == 1
    assert names(recorded) == ["odd.a_mess"]


def test_an_overriding_asynchronous_generator_is_one_call(family: Any, recorded: Any, names: Any) -> None:
    async def main() -> list[int]:
        return [item async for item in family.Odder().stream()]

    assert asyncio.run(main()) == [10]
    assert names(recorded) == ["odd.Odder.stream"]
