// What jsdom lacks and the components ask for.
const nothing = () => undefined;

class Unmoved implements ResizeObserver {
  observe = nothing;
  unobserve = nothing;
  disconnect = nothing;
}

function matchMedia(query: string): MediaQueryList {
  const never = { addEventListener: nothing, removeEventListener: nothing, dispatchEvent: () => false };
  return { matches: false, media: query, onchange: null, addListener: nothing, removeListener: nothing, ...never };
}

Object.assign(window, { matchMedia, ResizeObserver: Unmoved });
