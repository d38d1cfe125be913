// A shopper's picture, made as small as the model can use: it is sent with every search of its
// trail and lies in the address, so that a shared address shows the same results.

import { base64url } from "./base64";

/**
 * Longest side in pixels. SPRC reads 224 x 224 after padding to 5:4 at most, so that a picture of
 * 3:4 still fills it.
 */
export const LONGEST_SIDE = 288;
const QUALITY = 0.85;

/** The browser cannot read the file as a picture. */
export class Undecodable extends Error {}

/** The picture as WebP (JPEG where the browser writes no WebP), in base64url. */
export async function shrink(file: Blob): Promise<string> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Undecodable();
  }
  try {
    return await base64url(await redraw(bitmap));
  } finally {
    bitmap.close();
  }
}

/** Sides that fit the longest one, in the same ratio; a small picture stays as it is. */
export function fitted(width: number, height: number, longest = LONGEST_SIDE) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

async function redraw(bitmap: ImageBitmap): Promise<Blob> {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, fitted(bitmap.width, bitmap.height));
  const context = canvas.getContext("2d");
  if (!context) throw new Undecodable();
  context.fillStyle = "#fff"; // what shows through a transparent picture
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  // A browser that cannot write WebP answers with PNG, which is many times as large.
  const webp = await encoded(canvas, "image/webp");
  return webp.type === "image/webp" ? webp : encoded(canvas, "image/jpeg");
}

function encoded(canvas: HTMLCanvasElement, type: string): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Undecodable())), type, QUALITY),
  );
}
