import { type RefObject, useEffect, useState } from "react";

/** One observer for all; a page with hundreds of cards only pays for those that can be seen. */
const callbacks = new WeakMap<Element, (visible: boolean) => void>();
let observer: IntersectionObserver | undefined;

const shared = (): IntersectionObserver => {
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) callbacks.get(target)?.(isIntersecting);
    },
    // What is about to be scrolled into view is ready when it comes.
    { rootMargin: "200px" },
  );
  return observer;
};

/** Whether an element can be seen, or nearly. */
export function useVisible(element: RefObject<Element | null>): boolean {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    callbacks.set(target, setVisible);
    shared().observe(target);
    return () => {
      shared().unobserve(target);
      callbacks.delete(target);
    };
  }, [element]);
  return visible;
}
