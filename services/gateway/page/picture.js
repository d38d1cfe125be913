// A shopper's picture, made small enough to send.

const LARGE_BYTES = 2 << 20;
const LONGEST_SIDE = 1600;

// The file itself, or a smaller JPEG of a large one. What the browser cannot read is sent as it
// is: the service says best what is wrong with it.
export async function prepared(file) {
  if (file.size <= LARGE_BYTES) return file;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return await new Promise((resolve) =>
      canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.92),
    );
  } catch {
    return file;
  }
}
