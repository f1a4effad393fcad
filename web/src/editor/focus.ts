/** So many frames are waited for what is to get the focus. */
const frames = 60;

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
  focusSoon(() => {
    const form = document.querySelector('.pane-form');
    if (!form) return chosenNode();
    if (form.getAttribute('data-place') !== pointer) return undefined;
    return form.querySelector<HTMLElement>('[data-name]') ?? chosenNode();
  });
}

/** Gives the focus to the chosen step when what had it is gone. */
export function keepFocus(): void {
  requestAnimationFrame(() => {
    if (document.activeElement === document.body) focusSoon(chosenNode);
  });
}
