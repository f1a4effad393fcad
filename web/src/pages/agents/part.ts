import type { Schemas } from '../../api/client';

/** How an Agent is, as partLooks and the message files name it. */
export function agentStatus(a: Schemas['Agent']): string {
  if (a.disabled) return 'Disabled';
  return a.coupled ? 'Connected' : 'CutOff';
}

/** How a member of a Controller is. */
export function memberStatus(m: Schemas['Member']): string {
  if (m.state === 'unreachable') return 'Unreachable';
  if (m.role === 'leader') return 'Leads';
  if (m.state === 'joining') return 'Joining';
  if (m.state === 'away') return 'Away';
  return 'Follows';
}

/** How a Cockpit is. */
export function cockpitStatus(c: Schemas['CockpitInfo']): string {
  if (!c.alive) return 'Silent';
  return c.services ? 'Services' : 'StandsBy';
}
