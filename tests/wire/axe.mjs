// axe-core on the page: every theme at every width, injected through the debugging pipe.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const THEMES = {
  light: { "prefers-color-scheme": "light", "forced-colors": "none" },
  dark: { "prefers-color-scheme": "dark", "forced-colors": "none" },
  forced: { "prefers-color-scheme": "dark", "forced-colors": "active" },
};
const SIZES = [[1400, 900], [390, 844], [320, 640], [700, 450]]; // the last is 1,400 px at 200 %

/** Returns a check of what is on the page now. `path`: axe.min.js. */
export function axe(path) {
  const source = readFileSync(path, "utf8");
  return async (page, what) => {
    await page.evaluate(`${source};undefined`);
    const found = [];
    for (const [theme, media] of Object.entries(THEMES)) {
      await page.media(media);
      for (const [width, height] of SIZES) {
        await page.size(width, height);
        const violations = await page.evaluate(`axe.run(document, { resultTypes: ["violations"], preload: false }).then(({ violations }) => violations.map(
          ({ id, impact, nodes }) => [impact, id, nodes.slice(0, 3).map(node => node.html.slice(0, 160) + " " + (node.any[0]?.message ?? node.failureSummary))].flat()))`);
        found.push(...violations.map(violation => `${what}, ${theme}, ${width}: ${violation.join("\n    ")}`));
        assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true, `${what}: wider than ${width}`);
      }
    }
    await page.media({ "prefers-color-scheme": "light", "forced-colors": "none" });
    await page.size(1400, 900);
    assert.deepEqual(found, [], found.join("\n"));
  };
}
