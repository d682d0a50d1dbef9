import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `vite` finds an orchestrator while the page itself is being worked on. */
const ORCHESTRATOR = process.env.ORCHESTRATOR_URL ?? "http://localhost:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    // The content security policy lets no data: address be a script or a style.
    assetsInlineLimit: 0,
    manifest: true,
    sourcemap: false,
  },
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/ui", "/preview", "/media", "/oauth"].map((path) => [path, { target: ORCHESTRATOR, ws: true }]),
    ),
  },
});
