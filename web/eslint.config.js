import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/api/schema.gen.ts', 'build', 'eslint.config.js'] },
  ...tseslint.configs.recommended,
  hooks.configs.flat.recommended,
  {
    rules: {
      // Texts of others are text: never markup.
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'Texts of others are shown as text.',
        },
        { selector: "MemberExpression[property.name='innerHTML']", message: 'Texts of others are shown as text.' },
      ],
      'no-restricted-globals': ['error', { name: 'localStorage', message: 'Use settings/settings.ts.' }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
);
