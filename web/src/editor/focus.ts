/** So many frames are waited for what is to get the focus. */
const frames = 180;

/** Gives the focus to something that is about to be drawn. */
export function focusSoon(find: () => HTMLElement | null | undefined, left = frames): void {
  requestAnimationFrame(() => {
    const found = find();
    if (found) found.focus({ preventScroll: true });
    else if (left > 0) focusSoon(find, left - 1);
  });
}

const chosenNode = () => document.querySelector<HTMLElement>('[data-testid=node][aria-current]');

/** Gives the focus to the fields of a step that was just put there: its name, else to the step. */
export function focusStep(pointer: string): void {
  let waited = 0;
  const find = () => {
    // A dialog on its way out would take the focus along.
    if (document.querySelector('[role=dialog]')) return undefined;
    const form = document.querySelector('.pane-form');
    if (!form) return chosenNode();
    // Who types there already isn't to be disturbed.
    const active = document.activeElement;
    if (active instanceof HTMLElement && form.contains(active)) return active;
    if (form.getAttribute('data-place') !== pointer) return undefined;
    // The fields come a little after the form; some steps have no name.
    return form.querySelector<HTMLElement>('[data-name]') ?? (++waited > 20 ? chosenNode() : undefined);
  };
  focusSoon(find);
  // The graph gives the focus to the step it has just drawn, which may be later.
  setTimeout(() => {
    const wanted = find();
    if (wanted && (document.activeElement === chosenNode() || document.activeElement === document.body)) {
      wanted.focus({ preventScroll: true });
    }
  }, 400);
}

/** Gives the focus to the chosen step when what had it is gone. */
export function keepFocus(): void {
  requestAnimationFrame(() => {
    if (document.activeElement === document.body) focusSoon(chosenNode);
  });
}
