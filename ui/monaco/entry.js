// The text editor as one module: what the screens load as `/monaco.js`.
import * as monaco from 'monaco-editor/editor';
import 'monaco-editor/features/register.all';

// Every `*.worker.js` beside this file becomes a module of its own, served
// from the same folder as this one.
self.MonacoEnvironment = {
  getWorker() {
    return new Worker(new URL('editor.worker.js', import.meta.url), { type: 'module' });
  },
};

// Config is JSON with comments in which some strings mean more than text: the
// first of a list names a function, `_S.` and the like name a variable.
const STRING = /"(?:[^"\\]|\\.)*"/;
monaco.languages.register({ id: 'pipewright' });
monaco.languages.setLanguageConfiguration('pipewright', {
  comments: { lineComment: '//', blockComment: ['/*', '*/'] },
  brackets: [['{', '}'], ['[', ']']],
  autoClosingPairs: [
    { open: '{', close: '}', notIn: ['string', 'comment'] },
    { open: '[', close: ']', notIn: ['string', 'comment'] },
    { open: '"', close: '"', notIn: ['string', 'comment'] },
  ],
  surroundingPairs: [
    { open: '{', close: '}' },
    { open: '[', close: ']' },
    { open: '"', close: '"' },
  ],
  wordPattern: /[^\s"[\]{},:.]+/,
});
monaco.languages.setMonarchTokensProvider('pipewright', {
  tokenPostfix: '',
  tokenizer: {
    root: [
      [/\s+/, ''],
      [/\/\/.*$/, 'comment'],
      [/\/\*/, 'comment', '@comment'],
      [/"(?:[^"\\]|\\.)*"(?=\s*:)/, 'key'],
      [/(\[)(\s*)("[a-z][a-z0-9]*(?:-[a-z0-9]+)*"|"[-+*/%<>=!^]{1,2}")/, ['delimiter', '', 'function']],
      [/\[\s*$/, 'delimiter', '@first'],
      [/"_[A-Z](?:\.(?:[^"\\]|\\.)*)?"/, 'variable'],
      [/"\$(?:ENV|SECRET)\([^)"]*\)"/, 'variable'],
      [/"~(?:[:rutf])(?:[^"\\]|\\.)*"/, 'reference'],
      [STRING, 'string'],
      [/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/, 'number'],
      [/\b(?:true|false|null)\b/, 'word'],
      [/[{}[\],:]/, 'delimiter'],
      [/"(?:[^"\\]|\\.)*$/, 'string'],
    ],
    // The function's name stands on the line after the bracket.
    first: [
      [/\s+/, ''],
      [/"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"/, 'function', '@pop'],
      [/(?=.)/, '', '@pop'],
    ],
    comment: [
      [/[^*]+/, 'comment'],
      [/\*\//, 'comment', '@pop'],
      [/\*/, 'comment'],
    ],
  },
});

export { monaco };
