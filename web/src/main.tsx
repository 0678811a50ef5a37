import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "@/app/app";
import { nonce } from "@/app/nonce";
import "@/app/styles";

// What keeps the page from scrolling behind a dialog makes a style element of its own.
setNonce(nonce());

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no place for the application");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
