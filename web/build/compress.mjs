// Writes a .br and a .gz beside every text of dist, so that the Cockpit serves
// them as they are: brotli at its highest level is a tenth smaller than what a
// server would do on the fly.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const compressible = /\.(js|css|svg|json)$/;

for (const name of readdirSync('dist', { recursive: true })) {
  const file = join('dist', name);
  if (!compressible.test(name) || !statSync(file).isFile()) continue;
  const text = readFileSync(file);
  writeFileSync(`${file}.br`, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  writeFileSync(`${file}.gz`, gzipSync(text, { level: 9 }));
}
