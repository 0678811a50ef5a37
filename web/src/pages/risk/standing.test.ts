import { expect, test } from "vitest";
import { limitsVerdict, stopVerdict } from "@/pages/risk/standing";

test("a broken limit is worse than everything, a guard that sleeps comes next", () => {
  const sleeping = [{ limit: "exposure", verdict: "silent" }];
  expect(limitsVerdict(1, 0, sleeping).lead).toBe("1 limit is broken now.");
  expect(limitsVerdict(0, 0, sleeping)).toEqual({
    status: "critical",
    lead: "A guard does not guard: exposure silent.",
  });
});

test("no breach is only good where somebody reports it", () => {
  expect(limitsVerdict(null, null, []).status).toBe("unknown");
  expect(limitsVerdict(0, 3, []).status).toBe("degraded");
  expect(limitsVerdict(0, 0, [{ limit: "exposure", verdict: "alive" }])).toEqual({
    status: "healthy",
    lead: "No limit is broken; 1 of 1 guards are at work.",
  });
});

test("the newest measure says whether something was stopped", () => {
  expect(stopVerdict(null, undefined).status).toBe("unknown");
  expect(stopVerdict(0, undefined).status).toBe("healthy");
  expect(stopVerdict(1, { name: "stop_all", from: "off", to: "on", reason: "drill" })).toEqual({
    status: "critical",
    lead: "An emergency measure was taken: stop_all (off to on), drill.",
  });
});
