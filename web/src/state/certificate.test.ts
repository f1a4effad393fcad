import { expect, it } from 'vitest';
import { certificateLook } from './certificate';

const day = 86_400_000;

it.each([
  [-1, 'fail', 'filled', 'over'],
  [0, 'fail', 'filled', 'over'],
  [1, 'attn', 'filled', 'endsIn'],
  [3 * day, 'attn', 'filled', 'endsIn'],
  [3 * day + 1, 'attn', 'outlined', 'endsIn'],
  [30 * day, 'attn', 'outlined', 'endsIn'],
  [30 * day + 1, 'ok', 'outlined', 'endsIn'],
])('a certificate that ends in %d ms is %s, %s', (left, family, form, word) => {
  expect(certificateLook(1_000 + left, 1_000)).toMatchObject({ family, form, word });
});
