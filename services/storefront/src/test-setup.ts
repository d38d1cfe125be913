import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, expect, vi } from "vitest";

// A browser resolves a request's path by its page; Node's Request knows no page.
const NodeRequest = globalThis.Request;
globalThis.Request = class extends NodeRequest {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(typeof input === "string" ? new URL(input, location.href) : input, init);
  }
};

// jsdom's Blob has no arrayBuffer(), though its FileReader reads it.
Blob.prototype.arrayBuffer ??= function (this: Blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(this);
  });
};

// What React or the browser complains of is a failure, as it is in the browser's tests.
const complaints: unknown[][] = [];
beforeEach(() => {
  complaints.length = 0;
  for (const kind of ["error", "warn"] as const) {
    vi.spyOn(console, kind).mockImplementation((...said) => complaints.push(said));
  }
});

afterEach(() => {
  cleanup();
  localStorage.clear();
  vi.unstubAllGlobals();
  // jsdom does not know <search> yet, which every browser has since 2023.
  const ours = complaints.filter(
    ([said, tag]) => tag !== "search" || !/unrecognized/.test(`${said}`),
  );
  expect(ours).toEqual([]);
});
