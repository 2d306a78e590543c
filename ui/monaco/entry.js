// The text editor as one module: what the screens load as `/monaco.js`.
import * as monaco from 'monaco-editor/editor';
import 'monaco-editor/features/register.all';
import { setHoverDelegateFactory } from 'monaco-editor/base/browser/ui/hover/hoverDelegateFactory';
import { StandaloneServices } from 'monaco-editor/editor/standalone/browser/standaloneServices';
import { WorkbenchHoverDelegate } from 'monaco-editor/platform/hover/browser/hover';
import { IInstantiationService } from 'monaco-editor/platform/instantiation/common/instantiation';

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

// The two halves of a diff editor leave behind that hovers are made by services
// which end with it: every list of suggestions after that would fail.
const createDiffEditor = monaco.editor.createDiffEditor;
monaco.editor.createDiffEditor = (...given) => {
  const editor = createDiffEditor(...given);
  const services = StandaloneServices.get(IInstantiationService);
  setHoverDelegateFactory((placement, instantHover) =>
    services.createInstance(WorkbenchHoverDelegate, placement, { instantHover }, {}));
  // The names of its halves are lost whenever it arranges itself anew.
  const { originalAriaLabel, modifiedAriaLabel } = given[1] ?? {};
  const name = () => {
    editor.getOriginalEditor().updateOptions({ ariaLabel: originalAriaLabel });
    editor.getModifiedEditor().updateOptions({ ariaLabel: modifiedAriaLabel });
  };
  name();
  editor.onDidUpdateDiff(name);
  editor.getModifiedEditor().onDidLayoutChange(name);
  return editor;
};

export { monaco };
