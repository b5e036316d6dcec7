/** Runs inside the page: controls and pictures without a name. */
export function unnamedElements(): string[];
/** Runs inside the page: texts with less contrast than WCAG AA asks for. */
export function faintTexts(): string[];
