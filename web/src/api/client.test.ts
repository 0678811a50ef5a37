import { expect, test } from "vitest";
import { loginAddress, sentenceOf } from "@/api/client";

test("the login leads back to where one was", () => {
  expect(loginAddress({ pathname: "/costs", search: "?range=7d&by=model" })).toBe(
    "/login?next=%2Fcosts%3Frange%3D7d%26by%3Dmodel",
  );
});

test("an error is told in the server's own words, or in plain ones", () => {
  expect(sentenceOf({ status: 403, detail: "this needs the scope admin" })).toBe("this needs the scope admin");
  expect(sentenceOf(new TypeError("Failed to fetch"))).toBe("Failed to fetch");
  expect(sentenceOf(undefined)).toBe("the server does not answer");
});
