import { useEffect, useState } from "react";

const THEMES = { system: "As the system", light: "Light", dark: "Dark" } as const;
type Theme = keyof typeof THEMES;
const STORED = "stream-control.theme";

const isTheme = (value: string | null): value is Theme => value !== null && value in THEMES;

function stored(): Theme {
  const value = localStorage.getItem(STORED);
  return isTheme(value) ? value : "system";
}

/** Light or dark; kept in this browser. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(stored);
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem(STORED, theme);
  }, [theme]);
  return (
    <label>
      <span className="hidden-text">Colours</span>
      <select value={theme} onChange={({ target }) => isTheme(target.value) && setTheme(target.value)}>
        {Object.entries(THEMES).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
