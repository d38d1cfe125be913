import { beforeEach, describe, expect, it, vi } from "vitest";
import { Draws } from "../test-random";
import { fitted, LONGEST_SIDE, shrink, Undecodable } from "./shrink";

describe("fitted sides", () => {
  it.each([
    [4000, 3000, 288, 216],
    [3000, 4000, 216, 288],
    [288, 288, 288, 288],
    [289, 100, 288, 100],
    [100, 50, 100, 50],
    [1, 1, 1, 1],
    [10_000, 1, 288, 1],
  ])("of %i x %i are %i x %i", (width, height, fitWidth, fitHeight) => {
    expect(fitted(width, height)).toEqual({ width: fitWidth, height: fitHeight });
  });

  it("fit, keep the ratio to half a pixel, and never grow", () => {
    const draws = new Draws(3);
    for (let count = 0; count < 500; count++) {
      const [width, height] = [1 + draws.below(6000), 1 + draws.below(6000)];
      const fit = fitted(width, height);
      expect(Math.max(fit.width, fit.height)).toBe(Math.min(LONGEST_SIDE, Math.max(width, height)));
      const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
      expect(Math.abs(fit.width - width * scale)).toBeLessThan(1);
      expect(Math.abs(fit.height - height * scale)).toBeLessThan(1);
    }
  });
});

describe("shrinking", () => {
  const bitmap = { width: 1000, height: 500, close: vi.fn() };
  const context = {
    fillStyle: "",
    imageSmoothingQuality: "",
    fillRect: vi.fn(),
    drawImage: vi.fn(),
  };
  const file = new Blob(["a photo"]);

  /** A browser's canvas that writes some types; of all others it makes PNG. */
  function canvasThatWrites(...types: string[]) {
    const asked: string[] = [];
    vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((done, type = "") => {
      asked.push(type);
      const written = types.includes(type) ? type : "image/png";
      done(new Blob([written], { type: written }));
    });
    return asked;
  }

  beforeEach(() => {
    vi.stubGlobal("createImageBitmap", async () => bitmap);
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
    bitmap.close.mockClear();
    context.fillRect.mockClear();
    context.drawImage.mockClear();
  });

  const decoded = (encoded: string) => Buffer.from(encoded, "base64url").toString();

  it("writes WebP where the browser can", async () => {
    const asked = canvasThatWrites("image/webp", "image/jpeg");
    expect(decoded(await shrink(file))).toBe("image/webp");
    expect(asked).toEqual(["image/webp"]);
  });

  it("writes JPEG where the browser answers with PNG", async () => {
    const asked = canvasThatWrites("image/jpeg");
    expect(decoded(await shrink(file))).toBe("image/jpeg");
    expect(asked).toEqual(["image/webp", "image/jpeg"]);
  });

  it("draws the whole picture on white, at the fitted size", async () => {
    canvasThatWrites("image/webp");
    await shrink(file);
    expect(context.fillStyle).toBe("#fff");
    expect(context.fillRect).toHaveBeenCalledWith(0, 0, 288, 144);
    expect(context.drawImage).toHaveBeenCalledExactlyOnceWith(bitmap, 0, 0, 288, 144);
    expect(context.fillRect).toHaveBeenCalledBefore(context.drawImage);
  });

  it("tells of a file that is no picture to this browser", async () => {
    vi.stubGlobal("createImageBitmap", async () => {
      throw new DOMException("The source image could not be decoded.", "InvalidStateError");
    });
    await expect(shrink(file)).rejects.toBeInstanceOf(Undecodable);
  });

  it("tells of a canvas that cannot be drawn on or written, and lets the bitmap go", async () => {
    vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((done) => done(null));
    await expect(shrink(file)).rejects.toBeInstanceOf(Undecodable);
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
    await expect(shrink(file)).rejects.toBeInstanceOf(Undecodable);
    expect(bitmap.close).toHaveBeenCalledTimes(2);
  });
});
