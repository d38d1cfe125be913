import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm start` serves the page itself and passes the API's calls on to a gateway.
const gateway = process.env.GATEWAY ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  server: {
    port: 5173,
    proxy: { "/v1": gateway, "/storefront.json": gateway },
  },
  build: {
    target: "es2022",
    // Fonts and icons stay files: a data: font would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/test-setup.ts"],
    restoreMocks: true,
  },
});
