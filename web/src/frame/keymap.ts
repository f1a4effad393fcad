// What the map of keys shows. Each row: the keys, and the name of the text that says
// what they do; a blank parts them.

export interface KeyGroup {
  name: string;
  keys: readonly (readonly [keys: string, what: string])[];
}

export const groups: readonly KeyGroup[] = [
  {
    name: 'everywhere',
    keys: [
      ['Ctrl K', 'palette'],
      ['/', 'search'],
      ['?', 'map'],
      ['z', 'zone'],
      ['Esc', 'leave'],
      ['Ctrl Enter', 'send'],
    ],
  },
  {
    name: 'go',
    keys: [
      ['g d', 'goDashboard'],
      ['g w', 'goWorkflows'],
      ['g o', 'goOrders'],
      ['g h', 'goHistory'],
      ['g i', 'goInventory'],
      ['g e', 'goDeployments'],
      ['g a', 'goAgents'],
      ['g c', 'goCertificates'],
      ['g u', 'goAudit'],
    ],
  },
  {
    name: 'tables',
    keys: [
      ['j ↓', 'next'],
      ['k ↑', 'previous'],
      ['Enter', 'open'],
      ['Space', 'choose'],
      ['Ctrl A', 'chooseAll'],
      ['Esc', 'chooseNone'],
    ],
  },
  {
    name: 'graph',
    keys: [
      ['↓ ↑ ← →', 'walk'],
      ['[ ]', 'fold'],
      ['+ - 0', 'zoom'],
    ],
  },
  {
    name: 'log',
    keys: [
      ['Ctrl F', 'find'],
      ['n N', 'hits'],
      ['e', 'nextError'],
      ['f', 'followLog'],
    ],
  },
  {
    name: 'editor',
    keys: [
      ['Ctrl S', 'save'],
      ['Ctrl Z', 'undo'],
      ['Ctrl Y', 'redo'],
      ['a A', 'insert'],
      ['Alt ↑ ↓', 'shift'],
      ['Ctrl D', 'duplicate'],
      ['w', 'wrap'],
      ['Del', 'remove'],
    ],
  },
];
