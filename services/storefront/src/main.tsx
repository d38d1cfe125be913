import "@fontsource-variable/noto-sans-kr/wght.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/search.css";
import "./styles/products.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter } from "react-router";
import { RouterProvider } from "react-router/dom";
import { ApiFailure } from "./api/failure";
import { ConfigContext, loadConfig } from "./config";
import { Frame } from "./pages/Frame";
import { NoPage } from "./pages/NoPage";
import { ProductPage } from "./pages/ProductPage";
import { ResultsPage } from "./pages/ResultsPage";
import { TextProvider } from "./text/text";
import { applyTheme } from "./theme";

const FRESH_MS = 5 * 60_000;

applyTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      refetchOnWindowFocus: false,
      // Once, when the API says how soon it may be asked again; all else the shopper decides.
      retry: (failures, error) =>
        failures < 1 &&
        error instanceof ApiFailure &&
        error.status === 429 &&
        error.retryAfterS !== null,
      retryDelay: (_, error) => ((error as ApiFailure).retryAfterS ?? 1) * 1000,
      // Without it, questions would wait for a browser that says it is online.
      networkMode: "always",
    },
  },
});

const router = createBrowserRouter([
  {
    Component: Frame,
    children: [
      { path: "/", Component: ResultsPage },
      { path: "/products/:id", Component: ProductPage },
      { path: "*", Component: NoPage },
    ],
  },
]);

const root = document.getElementById("root");
if (root) {
  const config = await loadConfig();
  createRoot(root).render(
    <StrictMode>
      <ConfigContext value={config}>
        <TextProvider>
          <QueryClientProvider client={queries}>
            <RouterProvider router={router} />
          </QueryClientProvider>
        </TextProvider>
      </ConfigContext>
    </StrictMode>,
  );
}
