import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready, type Tab } from './browser';
import { Installation, job } from './installation';

const on = new Installation();
let browser: Browser;
let tab: Tab;

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await on.deploy('billing/reindex', job('echo reindexing'));
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});
beforeEach(async () => {
  tab = await open(browser, on);
});
afterEach(async () => {
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

/** Puts a step there by the picker, by keys alone once it is open. */
async function insert(page: Page, place: string, what: string): Promise<void> {
  await page.getByRole('button', { name: place, exact: true }).click();
  await page.getByRole('combobox', { name: 'What comes here?' }).fill(what);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Gives the chosen job its name and script. */
async function describe(page: Page, name: string, script: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Job name' }).fill(name);
  await page.keyboard.press('Enter');
  const form = page.getByRole('form', { name: `Properties of job ${name}` });
  await form.getByRole('textbox', { name: 'Script', exact: true }).fill(script);
  await form.getByLabel('Agent', { exact: true }).selectOption('agent-1');
}

const saved = (page: Page) =>
  page
    .getByRole('status', { name: 'Draft' })
    .getByText(/^Saved/)
    .waitFor();

it('makes, saves and deploys a workflow without a line of JSON', async () => {
  const { page } = tab;
  await login(page, on);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Inventory' }).click();
  await ready(page, 'inventory');
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('button', { name: 'Create workflow' }).click();
  await page.getByRole('textbox', { name: 'Path' }).fill('nightly/load');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Create workflow' }).click();
  await ready(page, 'object');

  await insert(page, 'Insert first step', 'job');
  await describe(page, 'CHECK', 'echo checking');
  await insert(page, 'Insert after CHECK', 'fork');
  const fork = page.getByRole('form', { name: 'Properties of Fork' });
  await fork.getByRole('textbox', { name: 'Branch 1' }).fill('rates');
  await fork.getByRole('textbox', { name: 'Branch 2' }).fill('stock');
  await page.keyboard.press('Enter');
  await insert(page, 'Insert into Fork, rates', 'job');
  await describe(page, 'RATES', 'echo rates');
  await insert(page, 'Insert into Fork, stock', 'job');
  await describe(page, 'STOCK', 'echo "stock of $WHO"');
  await page.getByRole('button', { name: 'Add to Environment' }).click();
  await page.getByRole('textbox', { name: 'Environment, name 1' }).fill('WHO');
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Environment, value of WHO' }).fill("'berlin'");
  await insert(page, 'Insert after Fork', 'job');
  await describe(page, 'LOAD', 'echo loading');
  await page.getByRole('button', { name: 'Wrap in' }).click();
  await page.getByRole('menuitem', { name: 'Try with retry' }).click();
  const attempt = page.getByRole('form', { name: /^Properties of Try/ });
  await attempt.getByRole('textbox', { name: 'Tries at most' }).fill('2');
  await attempt.getByRole('textbox', { name: 'Seconds before each retry' }).fill('1, 2.50');
  await page.getByRole('button', { name: 'Properties of the workflow' }).click();
  await page.getByRole('form', { name: 'Properties of load' }).waitFor();
  await saved(page);
  expect(await page.getByRole('list', { name: 'Problems' }).count()).toBe(0);
  expect(await axeFinds(page)).toEqual([]);

  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByRole('textbox', { name: 'Reason' }).fill('first of all');
  await page.getByRole('dialog').getByRole('button', { name: 'Deploy 1 object' }).click();
  await page.getByText('1 object is deployed.').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Back' }).last().click();
  await page.locator('h1 ~ [data-status=deployed]').waitFor();

  const shown = JSON.parse(await on.signet('workflow', 'show', 'nightly/load', '-o', 'json')) as { document: string };
  const document = JSON.parse(shown.document) as Record<string, unknown>;
  const executes = (jobName: string) => ({ TYPE: 'Execute.Named', jobName });
  expect(document['instructions']).toEqual([
    executes('CHECK'),
    {
      TYPE: 'Fork',
      branches: [
        { id: 'rates', workflow: { instructions: [executes('RATES')] } },
        { id: 'stock', workflow: { instructions: [executes('STOCK')] } },
      ],
    },
    {
      TYPE: 'Try',
      maxTries: 2,
      retryDelays: [1, 2.5],
      try: { instructions: [executes('LOAD')] },
      catch: { instructions: [{ TYPE: 'Retry' }] },
    },
  ]);
  expect(shown.document).toContain('[1, 2.50]'); // as it was typed
  expect(document['jobs']).toMatchObject({
    STOCK: { agentPath: 'agent-1', executable: { script: 'echo "stock of $WHO"', env: { WHO: "'berlin'" } } },
  });

  await page.getByRole('navigation', { name: 'Folders' }).getByRole('link', { name: 'nightly' }).click();
  const row = page.locator('[data-testid=row][data-key="Workflow:nightly/load"]');
  await row.locator('[data-status=deployed]').first().waitFor();
});

it('changes the text in code, undoes it, and tells what differs', async () => {
  const { page } = tab;
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=billing%2Freindex&view=graph,form,code');
  await ready(page, 'object');
  const code = page.getByRole('textbox', { name: 'Code of reindex' });
  await code.waitFor();
  expect(await axeFinds(page)).toEqual([]);
  // The borders between the panes are moved by keys and by hand, and stay there.
  const border = page.getByRole('separator', { name: 'Border between Form and Code' });
  const at = async () => Number(await border.getAttribute('aria-valuenow'));
  const before = await at();
  await border.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await at()).toBe(before + 4);
  const place = await border.boundingBox();
  if (!place) throw new Error('no border');
  await page.mouse.move(place.x + 8, place.y + 20);
  await page.mouse.down();
  await page.mouse.move(place.x - 100, place.y + 20, { steps: 4 });
  await page.mouse.up();
  const narrow = await at();
  expect(narrow).toBeLessThan(before);
  await page.reload();
  await ready(page, 'object');
  await code.waitFor();
  expect(await at()).toBe(narrow);
  await page.locator('[data-testid=node][data-position="[0]"]').click();
  await page.getByRole('form', { name: 'Properties of job work' }).waitFor();
  // What isn't a number is kept, and said to be wrong at its place.
  await page.getByRole('textbox', { name: 'Timeout in seconds' }).fill('36OO');
  await page.getByRole('list', { name: 'Problems' }).getByText('/jobs/work/timeout').waitFor();
  await code.getByText('36OO').waitFor();
  await page.getByRole('button', { name: /^Undo: changed Timeout/ }).click();
  await page.getByRole('list', { name: 'Problems' }).waitFor({ state: 'detached' });
  // The caret chooses the step; a text that can't be read freezes graph and form.
  await code.click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('x');
  await page.getByText(/Line 1 can't be read/).waitFor();
  await page.keyboard.press('Control+z');
  await page.getByText(/Line 1 can't be read/).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: /^Insert after work/ }).click();
  await page.getByRole('combobox', { name: 'What comes here?' }).fill('stop');
  await page.keyboard.press('Enter');
  await page.getByRole('form', { name: 'Properties of Stop' }).waitFor();
  await page.locator('[data-testid=node][data-position="[0]"]').click();
  await page.getByRole('textbox', { name: 'Script', exact: true }).fill('echo indexing\necho done');
  await saved(page);
  await page.getByRole('tab', { name: 'Differences' }).click();
  await page.locator('tr[data-kind=added]', { hasText: '"Stop"' }).waitFor();
  const words = page.getByRole('list', { name: 'What differs, in words' });
  expect(await words.getByRole('listitem').allTextContents()).toEqual([
    'work: script changed, 2 lines runs differently',
    'Step Stop added after work runs differently',
  ]);
  expect(await axeFinds(page)).toEqual([]);
});

it('walks, moves and removes steps by keys alone', async () => {
  const { page } = tab;
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=billing%2Freindex&at=%2Finstructions%2F0');
  await ready(page, 'object');
  const first = page.locator('[data-testid=node][data-position="[0]"]');
  await first.focus();
  await page.keyboard.press('a');
  await page.getByRole('combobox', { name: 'What comes here?' }).fill('fail');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=node][data-position="[1]"][data-instruction=Fail]:focus').waitFor();
  await page.keyboard.press('Alt+ArrowUp');
  await page.locator('[data-testid=node][data-position="[0]"][data-instruction=Fail]').waitFor();
  await page.keyboard.press('Delete');
  await page.locator('[data-testid=node][data-position="[0]"][data-instruction="Execute.Named"]').waitFor();
  await page.getByRole('button', { name: 'Undo: removed Fail' }).waitFor();
  await page.locator('[data-testid=node]:focus').waitFor();
  // Three keys make two lanes, and the name of the first is typed at once.
  await page.keyboard.press('a');
  await page.locator('input[role=combobox]:focus').waitFor();
  await page.keyboard.type('fork');
  await page.keyboard.press('Enter');
  await page
    .locator('input:focus')
    .and(page.getByRole('textbox', { name: 'Branch 1' }))
    .waitFor();
  // Back leads to where one was.
  await first.focus();
  await page.keyboard.press('a');
  await page.getByRole('combobox', { name: 'What comes here?' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('[data-testid=node][data-position="[0]"]:focus').waitFor();
});

/** Drags something by the mouse to the middle of something else. */
async function drag(page: Page, from: Locator, to: Locator): Promise<void> {
  const a = await stillBox(page, from);
  await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
  await page.mouse.down();
  await page.mouse.move(a.x + a.width / 2 + 10, a.y + a.height / 2 + 10);
  const b = await stillBox(page, to);
  await page.mouse.move(b.x + b.width / 2 + 6, b.y + b.height / 2 + 4, { steps: 5 });
}

/** Where something is, once the picture has stopped moving. */
async function stillBox(page: Page, what: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  for (let before = ''; ;) {
    const box = await what.boundingBox();
    if (!box) throw new Error('nothing to drag');
    const now = JSON.stringify(box);
    if (now === before) return box;
    before = now;
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)))),
    );
  }
}

it('drags new steps and steps that are there into the graph, and takes it back', async () => {
  const { page } = tab;
  await on.deploy('billing/drag', job('echo a'));
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=billing%2Fdrag');
  await ready(page, 'object');
  const shelf = page.getByRole('group', { name: 'Steps' });
  const node = (position: string, instruction: string) =>
    page.locator(`[data-testid=node][data-position='${position}'][data-instruction="${instruction}"]`);
  await drag(
    page,
    shelf.getByRole('button', { name: 'Fork' }),
    page.getByRole('button', { name: 'Insert after work' }),
  );
  await page.locator('.dragged', { hasText: 'Insert after work' }).waitFor();
  await page.mouse.up();
  await node('[1]', 'Fork').waitFor();
  // A job of the workflow, into a lane.
  await drag(
    page,
    shelf.getByRole('button', { name: 'work' }),
    page.getByRole('button', { name: 'Insert into Fork, branch-2' }),
  );
  await page.mouse.up();
  await node('[1,"fork+branch-2",0]', 'Execute.Named').waitFor();
  // A step that is there; it says where it can't go.
  await drag(page, node('[0]', 'Execute.Named'), page.getByRole('button', { name: 'Insert into Fork, branch-1' }));
  await page.mouse.up();
  await node('[0,"fork+branch-1",0]', 'Execute.Named').waitFor();
  await drag(
    page,
    shelf.getByRole('button', { name: 'Retry', exact: true }),
    page.getByRole('button', { name: 'Insert after Fork' }),
  );
  await page.locator('.dragged', { hasText: 'Retry belongs into a catch' }).waitFor();
  await page.mouse.up();
  expect(await page.locator('[data-instruction=Retry]').count()).toBe(0);
  // Escape gives up.
  await drag(page, node('[0]', 'Fork'), page.getByRole('button', { name: 'Insert after Fork' }));
  await page.keyboard.press('Escape');
  await page.mouse.up();
  await page.getByRole('button', { name: 'Undo: moved work' }).click();
  await node('[0]', 'Execute.Named').waitFor();
  await page.getByRole('button', { name: 'Undo: inserted work' }).click();
  await page.getByRole('button', { name: 'Redo: inserted work' }).click();
  await node('[1,"fork+branch-2",0]', 'Execute.Named').waitFor();
  // By keys: cut here, put behind another step.
  await node('[1,"fork+branch-2",0]', 'Execute.Named').click();
  await page.keyboard.press('Control+x');
  await node('[1,"fork+branch-2",0]', 'Execute.Named').waitFor({ state: 'detached' });
  await node('[1]', 'Fork').click();
  await page.keyboard.press('Control+v');
  await node('[2]', 'Execute.Named').waitFor();
  expect(await axeFinds(page)).toEqual([]);
});

it('checks expressions as they are typed, and completes and explains them', async () => {
  const { page } = tab;
  await on.deploy('billing/words', job('echo a', { orderPreparation: { parameters: { day: { type: 'String' } } } }));
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=billing%2Fwords&at=%2Finstructions%2F0');
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Insert after work' }).click();
  await page.getByRole('combobox', { name: 'What comes here?' }).fill('if');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=node][data-instruction=If]:focus').waitFor();
  const condition = page.getByRole('textbox', { name: 'Condition' });
  await condition.fill('');
  await condition.pressSequentially('$da');
  await page.locator('.cm-completionMatchedText', { hasText: 'da' }).waitFor();
  await page.keyboard.press('Enter');
  await condition.pressSequentially(' == substr');
  await page.locator('.cm-completionInfo', { hasText: 'substring(s, start[, end])' }).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.type('$day, 0');
  await page.keyboard.press('End');
  await page.keyboard.type(' && nope');
  await page.getByText('unknown symbol nope').first().waitFor();
  await page.locator('.expr[data-wrong] .cm-lintRange-error', { hasText: 'nope' }).waitFor();
  expect(await condition.textContent()).toBe('$day == substring($day, 0) && nope');
  await page.locator('.expr .cm-line span', { hasText: 'substring' }).first().hover();
  await page.locator('.cm-tooltip-hover', { hasText: 'A part of a text' }).waitFor();
  expect(await axeFinds(page)).toEqual([]);
  // Undo goes over all panes, and the caret isn't lost while it is checked.
  await condition.press('Control+z');
  await page.locator('.expr[data-wrong]').waitFor({ state: 'detached' });
});

it('marks a wrong expression in every field that takes one', async () => {
  const { page } = tab;
  const bad = { x: '1 +' };
  const inner = { instructions: [{ TYPE: 'Stop' }], result: bad };
  const draft = {
    orderPreparation: { parameters: { a: { default: '1 +' }, b: { final: '1 +' } } },
    instructions: [
      {
        TYPE: 'If',
        ifThens: [
          { predicate: '1 +', then: { instructions: [] } },
          { predicate: '1 +', then: { instructions: [] } },
        ],
      },
      { TYPE: 'Fail', message: '1 +' },
      { TYPE: 'Sleep', duration: '1 +' },
      { TYPE: 'ForkList', children: '1 +', childToId: 'x => 1 +', childToArguments: 'x => 1 +', workflow: inner },
      { TYPE: 'Fork', branches: [{ id: 'b', workflow: inner }] },
      { TYPE: 'Execute.Named', jobName: 'work', defaultArguments: bad },
    ],
    jobs: {
      work: {
        agentPath: 'agent-1',
        executable: { TYPE: 'ShellScriptExecutable', script: '', env: bad },
        defaultArguments: bad,
      },
    },
  };
  const file = join(on.dir, 'wrong.workflow.json');
  writeFileSync(file, JSON.stringify(draft));
  await on.signet('put', file).catch(() => undefined); // it tells what is wrong, too
  await login(page, on);
  for (const [at, count] of [
    ['', 2],
    ['/instructions/0', 2],
    ['/instructions/1', 1],
    ['/instructions/2', 1],
    ['/instructions/3', 4],
    ['/instructions/4', 1],
    ['/instructions/5', 3],
  ] as const) {
    await page.goto(`/inventory?kind=Workflow&path=wrong&at=${encodeURIComponent(at)}`);
    await ready(page, 'object');
    await page.waitForFunction(
      (n) => document.querySelectorAll('.expr[data-wrong] .cm-lintRange-error').length === n,
      count,
    );
    expect(await page.locator('.pane-form .expr').count()).toBe(count);
  }
});

it('says who was faster, and lets choose', async () => {
  const { page } = tab;
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=billing%2Freindex&at=%2Finstructions%2F0');
  await ready(page, 'object');
  const form = page.getByRole('form', { name: 'Properties of job work' });
  await form.getByRole('textbox', { name: 'Label' }).waitFor();
  const other = await open(browser, on);
  await login(other.page, on);
  await other.page.goto('/inventory?kind=Workflow&path=billing%2Freindex&at=%2Finstructions%2F0');
  await other.page.getByRole('textbox', { name: 'Script', exact: true }).fill('echo theirs');
  await saved(other.page);
  await other.page.close();
  await other.close();
  await form.getByRole('textbox', { name: 'Script', exact: true }).fill('echo mine');
  await page.getByRole('button', { name: 'Take theirs' }).click();
  await page.waitForFunction(() => document.querySelector('textarea')?.value === 'echo theirs');
  // The browser itself notes the refusal.
  expect((await tab.complaints()).every((c) => c.includes('412'))).toBe(true);
});

it('opens a script in a large editor, and edits YAML in all panes, with its comments', async () => {
  const { page } = tab;
  const file = join(on.dir, 'draft.workflow.yaml');
  writeFileSync(
    file,
    "instructions:\n  # Says a.\n  - {TYPE: Execute.Anonymous, job: {agentPath: agent-1, executable: {TYPE: ShellScriptExecutable, script: 'echo a'}}}\n",
  );
  await on.signet('put', file);
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=draft&at=%2Finstructions%2F0&view=graph,form,code');
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Open script in a large editor' }).click();
  const script = page.getByRole('textbox', { name: 'Script of Job' });
  await script.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('; if true; then echo b; fi');
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Back' }).last().click();
  await saved(page);
  const written = await on.signet('inventory', 'get', 'draft');
  expect(written).toContain('echo a; if true; then echo b; fi');
  expect(written).toContain('# Says a.');
  // JSON has no place for the comment, which the page says; undo brings it back.
  const code = page.getByRole('textbox', { name: 'Code of draft' });
  await page.getByRole('radio', { name: 'JSON' }).click();
  await code.getByText('"Execute.Anonymous"').waitFor();
  await page.getByText('The comments got lost').waitFor();
  await page.getByRole('button', { name: 'Undo: converted to JSON' }).click();
  await code.getByText('# Says a.').waitFor();
  expect(await page.getByRole('radio', { name: 'YAML' }).isChecked()).toBe(true);
  expect(await axeFinds(page)).toEqual([]);
  await saved(page);
  expect(await on.signet('inventory', 'get', 'draft')).toContain('# Says a.');
});

it('renames, deletes and restores an object', async () => {
  const { page } = tab;
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=draft');
  await ready(page, 'object');
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Rename or move' }).click();
  await page.getByRole('textbox', { name: 'New path' }).fill('old/draft-2');
  await page.getByText('0 places that name it').waitFor();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Rename or move' }).click();
  await page.getByRole('heading', { level: 1, name: 'draft-2' }).waitFor();
  await ready(page, 'object');
  await page.getByRole('tab', { name: 'Versions' }).click();
  await page.getByText('There is no version yet').waitFor();
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Delete object' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete object' }).click();
  await ready(page, 'inventory');
  await page.getByRole('treeitem', { name: 'Trash' }).click();
  const row = page.locator('[data-testid=row][data-key="Workflow:old/draft-2"]');
  await row.getByRole('button', { name: 'Restore object' }).click();
  await row.waitFor({ state: 'detached' });
  expect(await on.signet('inventory', 'list', '--folder', 'old')).toContain('old/draft-2');
  // News of the deletion may come before its answer; then the page asks for what is gone.
  const told = await tab.complaints();
  expect(told.filter((c) => !c.includes('the server responded with a status of 404'))).toEqual([]);
});

it('creates a job resource and an Agent by forms, and a workflow that names them', async () => {
  const { page } = tab;
  await on.deploy('common/use', job('echo "$HOST"'));
  await login(page, on);
  const create = async (what: string, field: string, path: string) => {
    await page.goto('/inventory');
    await ready(page, 'inventory');
    await page.getByRole('button', { name: 'Create other' }).click();
    await page.getByRole('menuitem', { name: what }).click();
    await page.getByRole('textbox', { name: field }).fill(path);
    await page.getByRole('alertdialog').getByRole('button', { name: what }).click();
    await ready(page, 'object');
  };
  await create('Create job resource', 'Path', 'common/db');
  const resource = page.getByRole('form', { name: 'Properties of db' });
  await resource.getByRole('button', { name: 'Add to Variables' }).click();
  await resource.getByRole('textbox', { name: 'Variables, name 1' }).fill('port');
  await page.keyboard.press('Enter');
  await resource.getByRole('textbox', { name: 'Variables, value of port' }).fill('5432');
  await resource.getByRole('button', { name: 'Add to Environment' }).click();
  await resource.getByRole('textbox', { name: 'Environment, name 1' }).fill('HOST');
  await page.keyboard.press('Enter');
  const host = resource.getByRole('textbox', { name: 'Environment, value of HOST' });
  await host.fill('"db:$prt"');
  await resource.getByText('$prt is no variable of this job resource').waitFor();
  await host.fill('"db:$port"');
  await resource.getByText('$prt is no variable').waitFor({ state: 'detached' });
  await saved(page);
  expect(await axeFinds(page)).toEqual([]);

  await create('Create Agent', 'Name', 'agent-9');
  const agent = page.getByRole('form', { name: 'Properties of agent-9' });
  await agent.getByRole('textbox', { name: 'Address' }).fill('http://agent-9');
  await page.getByRole('list', { name: 'Problems' }).getByText('/uri').waitFor();
  await agent.getByRole('textbox', { name: 'Address' }).fill('https://agent-9:4445');
  await agent.getByRole('textbox', { name: 'Processes of all jobs at once' }).fill('20');
  await agent.getByRole('checkbox', { name: 'No new process starts there' }).check();
  await page.getByRole('list', { name: 'Problems' }).waitFor({ state: 'detached' });
  await saved(page);
  expect(await axeFinds(page)).toEqual([]);

  await page.goto('/inventory?kind=Workflow&path=common%2Fuse');
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Add job resource' }).click();
  await page.getByLabel('Job resource 1').waitFor();
  await saved(page);
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByRole('button', { name: 'Deploy common/db too' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Deploy 2 objects' }).click();
  await page.getByText('2 objects are deployed.').waitFor();
  await on.signet('order', 'add', 'common/use', '--id', 'USE', '--wait');
  expect(await on.signet('order', 'log', 'USE')).toContain('db:5432');
});

it('says what a deployment changes, and of a refused one which object, why and what to do', async () => {
  const { page } = tab;
  await on.deploy('billing/refused', job('echo a'));
  await login(page, on);
  await page.goto('/inventory?kind=Workflow&path=billing%2Frefused&at=%2Finstructions%2F0');
  await ready(page, 'object');
  await page.getByRole('textbox', { name: 'Script', exact: true }).fill('echo b');
  await saved(page);
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  const changes = page.getByRole('list', { name: 'What changes in billing/refused' });
  await changes.getByText('work: script changed, 1 line').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  // Somebody else breaks the draft meanwhile.
  const dir = join(on.dir, 'broken');
  mkdirSync(join(dir, 'billing'), { recursive: true });
  writeFileSync(join(dir, 'billing/refused.workflow.json'), '{"instructions":[{"TYPE":"Fail","message":"1 +"}]}');
  await on.signet('put', dir).catch(() => undefined); // it tells what is wrong, too
  await page.getByRole('dialog').getByRole('button', { name: 'Deploy 1 object' }).click();
  const refused = page.getByRole('alert', { name: 'The deployment was refused.' });
  await refused.getByRole('link', { name: 'billing/refused' }).waitFor();
  await refused.getByText('unexpected end, expected an operand').waitFor();
  await refused.getByText('Mend what is named').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  expect((await tab.complaints()).every((c) => c.includes('422'))).toBe(true);
});
