import { describe, expect, it } from "vitest";
import { Draws } from "../test-random";
import { base64, base64url, dataUri } from "./base64";

describe("base64url", () => {
  it("has no character that an address would change, and no padding", async () => {
    expect(await base64url(new Blob([new Uint8Array([0xfb, 0xff, 0xfe])]))).toBe("-__-");
    expect(await base64url(new Blob([new Uint8Array([0xff])]))).toBe("_w");
    expect(await base64url(new Blob([]))).toBe("");
  });

  it("becomes the API's base64 of the same bytes, whatever their number", async () => {
    const draws = new Draws(7);
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, () => draws.below(256));
      const encoded = await base64url(new Blob([bytes]));
      expect(encoded).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(base64(encoded)).toBe(Buffer.from(bytes).toString("base64"));
    }
  });

  it("is shown by a data address", () => {
    expect(dataUri("-_8")).toBe("data:image/webp;base64,+/8=");
  });
});
