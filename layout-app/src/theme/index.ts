/** A theme's colours and fonts as CSS custom properties. */
export { applyTheme, fontsLoaded, themeProperties } from "./apply";
export { DEFAULT_THEME, LIGHT_COLORS } from "./default";
