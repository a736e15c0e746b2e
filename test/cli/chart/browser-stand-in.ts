/**
 * As much of a browser as the insight page's scripts use, recording what is drawn. It shows on every machine that the scripts run to
 * their end and draw what they should; how it looks is for a real browser, where there is one.
 */
import vm from 'node:vm';

export interface DrawnPage {
  /** Texts put on the canvases, in order. */
  readonly texts: readonly string[];
  /** Filled or stroked paths with their colour. */
  readonly paths: readonly { readonly how: 'fill' | 'stroke'; readonly colour: string }[];
  /** Canvases made. */
  readonly canvases: number;
  /** Calls what the page listens for on the window, e.g. `beforeprint`. */
  fire(event: string): void;
}

/** Runs the page's inline scripts; throws what they throw. */
export async function drawPage(html: string): Promise<DrawnPage> {
  const texts: string[] = [];
  const paths: { how: 'fill' | 'stroke'; colour: string }[] = [];
  const listeners = new Map<string, (() => void)[]>();
  let canvases = 0;
  const listen = (name: string, listener: () => void): void =>
    void listeners.set(name, [...(listeners.get(name) ?? []), listener]);
  const context = (): object =>
    new Proxy<Record<string, unknown>>(
      {},
      {
        get: (held, name: string) => {
          if (name in held) return held[name];
          if (name === 'fillText') return (text: string) => void texts.push(text);
          if (name === 'measureText') return (text: string) => ({ width: text.length * 7 });
          if (name === 'fill' || name === 'stroke')
            return () => void paths.push({ how: name, colour: String(held[`${name}Style`]) });
          return () => undefined;
        },
      },
    );
  class PageElement {
    readonly nodeType = 1;
  }
  const element = (tag: string, text = ''): PageElement => {
    if (tag === 'canvas') canvases += 1;
    const drawing = context();
    const children: unknown[] = [];
    return Object.assign(new PageElement(), {
      tagName: tag,
      textContent: text,
      firstChild: { nodeValue: '' },
      clientWidth: 900,
      children,
      childNodes: children,
      dataset: {},
      style: { setProperty: () => undefined },
      classList: { add: () => undefined, remove: () => undefined, contains: () => false },
      appendChild: (child: unknown) => (children.push(child), child),
      insertBefore: (child: unknown) => (children.push(child), child),
      replaceChildren: () => void (children.length = 0),
      remove: () => undefined,
      setAttribute: () => undefined,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
      getBoundingClientRect: () => ({ left: 0, top: 0, width: 900, height: 320 }),
      getContext: () => drawing,
    });
  };
  const byId = new Map<string, object>();
  for (const [, id = ''] of html.matchAll(/<div class="chart" id="([^"]+)"/g)) byId.set(id, element('div'));
  const figures = /<script type="application\/json" id="figures">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
  byId.set('figures', element('script', figures));
  const root = element('html');
  const window: Record<string, unknown> = {
    devicePixelRatio: 1,
    HTMLElement: PageElement,
    addEventListener: listen,
    removeEventListener: () => undefined,
    dispatchEvent: () => true,
    matchMedia: () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }),
    getComputedStyle: () => ({ getPropertyValue: (name: string) => `colour of ${name}` }),
    requestAnimationFrame: (draw: () => void) => setImmediate(draw),
    queueMicrotask,
    navigator: { language: 'en-US' },
    Path2D: class {
      rect(): void {}
      moveTo(): void {}
      lineTo(): void {}
      arc(): void {}
      arcTo(): void {}
      closePath(): void {}
      roundRect(): void {}
      addPath(): void {}
    },
    ResizeObserver: class {
      observe(): void {}
    },
    CustomEvent: class {
      readonly bubbles = false;
    },
    document: {
      documentElement: root,
      body: element('body'),
      createElement: (tag: string) => element(tag),
      getElementById: (id: string) => byId.get(id) ?? null,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    },
    Intl,
    Math,
    Date,
    JSON,
  };
  window['window'] = window;
  window['self'] = window;
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, code = '']) => code);
  const page = vm.createContext(window);
  for (const code of scripts) vm.runInContext(code, page);
  // uPlot draws in a microtask.
  await new Promise((resolve) => setImmediate(resolve));
  return {
    texts,
    paths,
    get canvases() {
      return canvases;
    },
    fire: (event) => {
      for (const listener of listeners.get(event) ?? []) listener();
    },
  };
}
