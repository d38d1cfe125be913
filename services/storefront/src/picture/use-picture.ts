import { useCallback, useEffect, useRef, useState } from "react";
import { offer } from "../api/client";
import { ApiFailure } from "../api/failure";
import { useConfig } from "../config";
import { shrink, Undecodable } from "./shrink";

interface Reading {
  /** Take a file as the shopper's picture. */
  take: (file: Blob) => Promise<void>;
  busy: boolean;
  failure: ApiFailure | null;
  dismiss: () => void;
}

/** Reads a shopper's file into a picture of an address; a newer file overtakes an older one. */
export function usePicture(onPicture: (picture: string) => void): Reading {
  const { catalog } = useConfig();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const newest = useRef(0);

  const take = useCallback(
    async (file: Blob) => {
      newest.current += 1;
      const mine = newest.current;
      setBusy(true);
      setFailure(null);
      try {
        const picture = await read(catalog, file);
        if (mine === newest.current) onPicture(picture);
      } catch (error) {
        if (!(error instanceof ApiFailure)) throw error;
        if (mine === newest.current) setFailure(error);
      } finally {
        if (mine === newest.current) setBusy(false);
      }
    },
    [catalog, onPicture],
  );
  return { take, busy, failure, dismiss: useCallback(() => setFailure(null), []) };
}

async function read(catalog: string, file: Blob): Promise<string> {
  try {
    return await shrink(file);
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error;
    await offer(catalog, file);
    // The service reads what the browser cannot, and then it cannot be shown here.
    throw new ApiFailure("PICTURE_UNREADABLE", 400);
  }
}

/** Takes pictures that are pasted anywhere, or dropped anywhere; tells while one is held over. */
export function usePasteAndDrop(take: (file: Blob) => void): boolean {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    const control = new AbortController();
    const listen = <E extends Event>(name: string, on: (event: E) => void) =>
      addEventListener(name, on as EventListener, { signal: control.signal });
    const hold = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // or the browser would open the file
      setHeld(true);
    };
    listen("dragenter", hold);
    listen("dragover", hold);
    listen("dragleave", (event: DragEvent) => {
      if (!event.relatedTarget) setHeld(false);
    });
    listen("drop", (event: DragEvent) => {
      setHeld(false);
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      event.preventDefault();
      take(file);
    });
    listen("paste", (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (!file) return;
      event.preventDefault();
      take(file);
    });
    return () => control.abort();
  }, [take]);
  return held;
}
