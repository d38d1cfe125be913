import { act, renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { answering, failing, hitsOf } from "../test-harness";
import { shrink, Undecodable } from "./shrink";
import { usePasteAndDrop, usePicture } from "./use-picture";

vi.mock(import("./shrink"), async (original) => ({ ...(await original()), shrink: vi.fn() }));

const [OLDER, NEWER] = [new Blob(["older"]), new Blob(["newer"])];

describe("reading a picture", () => {
  const onPicture = vi.fn();
  const read = () => renderHook(() => usePicture(onPicture)).result;

  beforeEach(() => {
    onPicture.mockReset();
    vi.mocked(shrink).mockReset();
  });

  /** Files that are read when the test says so. */
  function slowReading() {
    const done = new Map<Blob, PromiseWithResolvers<string>>();
    vi.mocked(shrink).mockImplementation((file) => {
      const result = withResolvers<string>();
      done.set(file, result);
      return result.promise;
    });
    return (file: Blob) => done.get(file) ?? expect.fail("is not being read");
  }

  it("hands over the picture and is busy until then", async () => {
    const reading = slowReading();
    const result = read();
    let taken = Promise.resolve();
    act(() => {
      taken = result.current.take(OLDER);
    });
    expect(result.current.busy).toBe(true);
    await act(async () => {
      reading(OLDER).resolve("AbC");
      await taken;
    });
    expect(onPicture).toHaveBeenCalledExactlyOnceWith("AbC");
    expect(result.current).toMatchObject({ busy: false, failure: null });
  });

  it("lets a newer file overtake an older one that comes later", async () => {
    const reading = slowReading();
    const result = read();
    let taken: Promise<unknown> = Promise.resolve();
    act(() => {
      taken = Promise.all([result.current.take(OLDER), result.current.take(NEWER)]);
    });
    await act(async () => reading(NEWER).resolve("newer"));
    expect(result.current.busy).toBe(false);
    await act(async () => {
      reading(OLDER).resolve("older");
      await taken;
    });
    expect(onPicture).toHaveBeenCalledExactlyOnceWith("newer");
  });

  it("says nothing of an older file's failure, and goes on being busy with the newer", async () => {
    answering({ "POST /v1/products:search": () => failing(422, "IMAGE_CORRUPT") });
    const reading = slowReading();
    const result = read();
    let taken = Promise.resolve();
    act(() => {
      taken = result.current.take(OLDER);
      result.current.take(NEWER);
    });
    await act(async () => {
      reading(OLDER).reject(new Undecodable());
      await taken;
    });
    expect(result.current).toMatchObject({ busy: true, failure: null });
    await act(async () => reading(NEWER).resolve("newer"));
    expect(onPicture).toHaveBeenCalledExactlyOnceWith("newer");
  });

  it.each([
    [422, "IMAGE_NOT_AN_IMAGE"],
    [413, "IMAGE_TOO_MANY_BYTES"],
  ])("tells why the API refuses a file (%i %s)", async (status, reason) => {
    vi.mocked(shrink).mockRejectedValue(new Undecodable());
    const calls = answering({ "POST /v1/products:search": () => failing(status, reason) });
    const result = read();
    await act(() => result.current.take(OLDER));
    const image = calls[0]?.form?.get("image") as Blob;
    expect(await image.text()).toBe("older");
    expect(result.current).toMatchObject({ busy: false, failure: { reason, status } });
    expect(onPicture).not.toHaveBeenCalled();
    act(() => result.current.dismiss());
    expect(result.current.failure).toBeNull();
  });

  it("tells of a file that the API takes and the browser cannot show", async () => {
    vi.mocked(shrink).mockRejectedValue(new Undecodable());
    answering({ "POST /v1/products:search": () => hitsOf([]) });
    const result = read();
    await act(() => result.current.take(OLDER));
    expect(result.current.failure?.reason).toBe("PICTURE_UNREADABLE");
    expect(onPicture).not.toHaveBeenCalled();
  });

  it("forgets a failure once another file is read", async () => {
    vi.mocked(shrink).mockRejectedValueOnce(new Undecodable()).mockResolvedValue("AbC");
    answering({});
    const result = read();
    await act(() => result.current.take(OLDER));
    expect(result.current.failure?.reason).toBe("UNREACHABLE");
    await act(() => result.current.take(NEWER));
    expect(result.current.failure).toBeNull();
    expect(onPicture).toHaveBeenCalledExactlyOnceWith("AbC");
  });
});

describe("pasting and dropping", () => {
  /** An event of the window, with what is carried. */
  function send(name: string, carried: object): boolean {
    const event = Object.assign(new Event(name, { cancelable: true }), carried);
    let unhandled = true;
    act(() => {
      unhandled = dispatchEvent(event);
    });
    return !unhandled;
  }

  const files = { dataTransfer: { types: ["Files"], files: [OLDER] } };
  const text = { dataTransfer: { types: ["text/plain"], files: [] } };

  it("takes a picture that is pasted, and leaves pasted text alone", () => {
    const take = vi.fn();
    renderHook(() => usePasteAndDrop(take));
    expect(send("paste", { clipboardData: { files: [] } })).toBe(false);
    expect(take).not.toHaveBeenCalled();
    expect(send("paste", { clipboardData: { files: [OLDER] } })).toBe(true);
    expect(take).toHaveBeenCalledExactlyOnceWith(OLDER);
  });

  it("tells while a file is held over the page, and takes the one that is dropped", () => {
    const take = vi.fn();
    const { result } = renderHook(() => usePasteAndDrop(take));
    expect(send("dragenter", text)).toBe(false);
    expect(result.current).toBe(false);
    expect(send("dragover", files)).toBe(true);
    expect(result.current).toBe(true);
    send("dragleave", { relatedTarget: document.body });
    expect(result.current).toBe(true);
    send("dragleave", { relatedTarget: null });
    expect(result.current).toBe(false);
    send("dragenter", files);
    expect(send("drop", files)).toBe(true);
    expect(result.current).toBe(false);
    expect(take).toHaveBeenCalledExactlyOnceWith(OLDER);
  });

  it("ends with the page", () => {
    const take = vi.fn();
    renderHook(() => usePasteAndDrop(take)).unmount();
    send("paste", { clipboardData: { files: [OLDER] } });
    expect(take).not.toHaveBeenCalled();
  });
});

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

// Node 20 has no Promise.withResolvers.
function withResolvers<T>(): PromiseWithResolvers<T> {
  const parts: Partial<PromiseWithResolvers<T>> = {};
  parts.promise = new Promise<T>((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts as PromiseWithResolvers<T>;
}
