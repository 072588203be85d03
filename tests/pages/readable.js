// What a reader could not read: text with less contrast than WCAG's AA asks for, text beyond the edge.
const parsed = (colour) => colour.match(/[\d.]+/g).map(Number);

function luminance([red, green, blue]) {
  const [r, g, b] = [red, green, blue].map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = parsed(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
}

function contrast(element) {
  const [one, other] = [parsed(getComputedStyle(element).color), ground(element)].map(luminance).sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
}

const complaints = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement, words = texts.currentNode.nodeValue.trim();
  if (!words || element.matches("script, style, noscript") || !element.checkVisibility()) continue;
  if (contrast(element) < 4.5) complaints.push(`contrast ${contrast(element).toFixed(1)}: ${words}`);
  if (element.getBoundingClientRect().right > innerWidth + 1) complaints.push(`beyond the edge: ${words}`);
}
if (document.documentElement.scrollWidth > innerWidth) complaints.push("scrolls sideways");
return complaints;
