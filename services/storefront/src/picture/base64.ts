/** base64url without padding (RFC 4648, 5). */
export async function base64url(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The base64 that the API takes. */
export function base64(encoded: string): string {
  const text = encoded.replaceAll("-", "+").replaceAll("_", "/");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** An address to show the picture by; browsers find out themselves whether it is WebP or JPEG. */
export function dataUri(encoded: string): string {
  return `data:image/webp;base64,${base64(encoded)}`;
}
