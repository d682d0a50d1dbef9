import { createRoot } from "react-dom/client";
import { Console } from "./console.js";
import "./ui/tokens.css";
import "./ui/base.css";

const root = document.getElementById("root");
if (root !== null) createRoot(root).render(<Console />);
