// The policy of last resort for texts that become markup (Trusted Types): style
// texts of the component library pass, anything that could be markup is refused,
// also in code that is written later. It has to be the first import.
type Policies = {
  createPolicy(name: string, rules: { createHTML: (text: string) => string | null }): unknown;
};

const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
policies?.createPolicy('default', {
  createHTML: (text) => (/[<&]/.test(text) ? null : text),
});
