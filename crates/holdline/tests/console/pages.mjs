// All pages of both scenes, one after the other, each opened anew.

/** Calls `look(page, answer, name)` for every page, and `begin(page)` before it is loaded;
 *  `options` are those of the contexts. */
export async function everyPage(stage, options, look, begin = () => {}) {
  for (const scene of [await stage.calm(), await stage.broken()]) {
    const contexts = new Map();
    for (const { name, path, cookie } of scene.pages) {
      if (!contexts.has(cookie)) {
        contexts.set(cookie, await stage.context(scene.at, cookie, options));
      }
      const page = await contexts.get(cookie).newPage();
      try {
        begin(page);
        await look(page, await page.goto(path), name);
      } catch (fault) {
        throw new Error(`${name}: ${fault.message}`, { cause: fault });
      }
      await page.close();
    }
  }
}

/** Has the page fetch all that follows, as after an event; waits until it is there. */
export async function follow(page) {
  await page.evaluate(async () => {
    const parts = [...document.querySelectorAll('[data-live]')];
    if (!parts.length) return;
    const swapped = new Promise((done) => {
      let left = parts.length;
      document.addEventListener('htmx:after:swap', () => (left -= 1) > 0 || done());
    });
    for (const topic of new Set(parts.map((it) => it.dataset.live))) {
      document.body.dispatchEvent(new CustomEvent(`live-${topic}`));
    }
    await swapped;
  });
}
