// These run inside a page, so each function carries everything it needs.

/** Controls without a label, pictures without a text, regions without a name. */
export function unnamedElements() {
  const selector =
    'button, a[href], input, select, textarea, [role="img"], img, [tabindex="0"], summary, section, aside';
  const nameOf = (element) =>
    element.getAttribute('aria-label') ??
    element.labels?.[0]?.textContent ??
    element.getAttribute('alt') ??
    (element.matches('section, aside') ? element.querySelector('h1, h2')?.textContent : element.textContent) ??
    '';
  return [...document.querySelectorAll(selector)]
    .filter((element) => element.checkVisibility() && nameOf(element).trim() === '')
    .map((element) => `unnamed: ${element.outerHTML.slice(0, 120)}`);
}

/** Texts whose contrast with what lies behind them is below the 4.5 of WCAG AA. */
export function faintTexts() {
  const channel = (value) => (value <= 10.0164 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if ((color[3] ?? 1) === 1 && color.length >= 3) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent.trim();
    if (text === '' || !element.checkVisibility() || element.closest('script, style, option, noscript, .out')) continue;
    const pair = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) faint.push(`contrast ${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return faint;
}
