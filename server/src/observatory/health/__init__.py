"""From measurements to verdicts: pure functions that are handed values and the time, and say why.

verdict = judge.area(definition.indicators, assessment.readings, sights)
held = hysteresis.step(held, verdict, now)
judge.overall(areas, priorities)
"""
